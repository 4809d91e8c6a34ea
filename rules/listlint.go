package rules

import (
	"fmt"
	"time"
)

// overlapLimit bounds the rows of the lists that are held against each other
// at every load; ringfence list check has no such bound.
const overlapLimit = 1_000_000

// lintLists warns of rows that have expired, and of numbers that are in lists
// of which rules make two things.
func (rs *Ruleset) lintLists(now time.Time) {
	uses := rs.usesOf()
	for _, l := range rs.lists {
		if n, first := l.expired(now); n > 0 {
			rs.warnings.add(Diagnostic{File: l.File, Line: first, Subject: fmt.Sprintf("list %q", l.Name),
				Message: fmt.Sprintf("%s expired, the first is here", rowsThat(n, "has", "have")), Hint: "take them out"})
		}
	}
	for i, a := range rs.lists {
		for _, b := range rs.lists[i+1:] {
			if v := clash(a, b, uses); v.text != "" {
				rs.lintOverlap(a, b, v.text, now)
			}
		}
	}
}

// rowsThat is "1 row has" or "2 rows have".
func rowsThat(n int, one, many string) string {
	if n == 1 {
		return "1 row " + one
	}
	return fmt.Sprintf("%d rows %s", n, many)
}

func (d *Diagnostics) add(one Diagnostic) { *d = append(*d, one) }

// expired counts the rows that have expired, and is the line of the first.
func (l *List) expired(now time.Time) (n, first int) {
	some := false
	for _, d := range l.details {
		some = some || d.expires != 0 && d.expires <= now.Unix()
	}
	if !some {
		return 0, 0
	}
	for i, row := range l.rows {
		if !l.lives(RowRef(i+1), now) {
			if n++; first == 0 || int(row.line) < first {
				first = int(row.line)
			}
		}
	}
	return n, first
}

// lintOverlap warns of the rows of one list that are in the other, too.
func (rs *Ruleset) lintOverlap(a, b *List, verdict string, now time.Time) {
	subject := fmt.Sprintf("list %q", b.Name)
	if a.Len() > overlapLimit || b.Len() > overlapLimit || a.bulk != nil || b.bulk != nil {
		hint := "ringfence list check does it"
		if a.origin != "" || b.origin != "" {
			hint = "ringfence list check does it, with the file that a compiled list was built from"
		}
		rs.warnings.at(b.Pos, subject, fmt.Sprintf("was not held against list %q: one of both has more than %d rows", a.Name, overlapLimit), hint)
		return
	}
	n, example := 0, ""
	count := func(of, in *List, same bool) {
		for i := range of.rows {
			r := RowRef(i + 1)
			if of.lives(r, now) && in.overlaps(of, r, same, now) {
				if n++; n == 1 {
					example = of.Row(r).Pattern
				}
			}
		}
	}
	few, many := a, b
	if few.Len() > many.Len() {
		few, many = many, few
	}
	count(few, many, true)
	if len(few.texts) > 0 {
		count(many, few, false)
	}
	if n > 0 {
		rs.warnings.at(b.Pos, subject, fmt.Sprintf("shares numbers with list %q: %s in both, as %s; %s", a.Name, rowsThat(n, "is", "are"), example, verdict), "")
	}
}

// overlaps tells whether l has a row that covers row r of another list, or,
// when same, is for the same entry.
func (l *List) overlaps(other *List, r RowRef, same bool, now time.Time) (found bool) {
	subscriber := other.subscriber(r)
	e := entry{number: other.rows[r-1].key}
	if e.number&rawBit == 0 {
		have := l.find(subscriber, Number{e.number}, now)
		return have != 0 && (same || l.Row(have).Pattern != other.Row(r).Pattern)
	}
	e = other.entryOf(r)
	if have := l.rowOf(e, subscriber); have != 0 && l.lives(have, now) {
		return same
	}
	l.covering(e, subscriber, func(have RowRef) { found = found || l.lives(have, now) })
	return found
}
