package rules

import "time"

// listSpec declares a list.
type listSpec struct {
	Name    string
	File    string
	Why     Why      // of its rows; NoWhy when rows must bring their own, or the list blocks nothing
	Own     bool     // own inventory: its numbers are never learned
	Empty   bool     // it may have no rows
	Country string   // whose national form rows may have, ISO 3166-1 alpha-2 or empty
	Pos     Position // where it is declared
}

// List is one list of numbers as loaded. It does not change and is safe for
// concurrent use.
type List struct {
	listSpec
	exact    exactIndex
	shapes   []shape
	ranges   rangeIndex
	patterns []string // in global form, of the rows that are no plain number
	rows     []rowLine
	details  []rowDetail
}

// RowRef names a row of a list: its index + 1; 0 is none.
type RowRef int32

// Row is one row of a list, as explanations show it.
type Row struct {
	Line    int
	Pattern string // the number, or the pattern in its global form: +1202555*, +1202NXXXXXX, +12025550100-+12025550199
	Why     Why    // its own or the list's
	Source  string
	Note    string
	Added   time.Time // zero when not given
	Expires time.Time // first instant at which it does not match any more; zero: never
}

// rowLine is what is kept of each row.
type rowLine struct {
	key    uint64 // the number, or the index in patterns
	line   int32
	detail int32 // index in details, 0 for none
}

// rowDetail is what only some rows have, once for all rows that have the same.
type rowDetail struct {
	why            Why
	source, note   string
	added, expires int64 // seconds since 1970; 0: not given
}

// Find is the row that holds n at that time, or 0. A row that is n itself wins
// over all others; else the row that covers the fewest numbers as long as n
// wins, and among equals the first in the file. A row that has expired does
// not match, and one that covers more may match in its place. Only Global
// numbers are in lists. Find does not allocate.
func (l *List) Find(n Number, at time.Time) RowRef {
	if n.Kind() != Global {
		return 0
	}
	if r := l.exact.find(l.rows, n.key); r != 0 && l.lives(r, at) {
		return r
	}
	if len(l.shapes) == 0 && len(l.ranges.from) == 0 {
		return 0
	}
	best := candidate{}
	if len(l.shapes) > 0 {
		bcd, length := packed(n.key)
		for i := range l.shapes {
			s := &l.shapes[i]
			if r := s.find(bcd, length); r != 0 {
				best = l.better(best, candidate{r, s.covers(length)}, at)
			}
		}
	}
	if len(l.ranges.from) > 0 {
		best = l.inRange(n.key, best, at)
	}
	return best.row
}

// candidate is a row that holds a number, and how many numbers it covers.
type candidate struct {
	row    RowRef
	covers uint64
}

// better is the one of both that Find prefers, if b lives.
func (l *List) better(a, b candidate, at time.Time) candidate {
	if a.row != 0 && (a.covers < b.covers || a.covers == b.covers && a.row < b.row) || !l.lives(b.row, at) {
		return a
	}
	return b
}

// lives tells whether a row has not expired.
func (l *List) lives(r RowRef, at time.Time) bool {
	d := l.rows[r-1].detail
	if d == 0 {
		return true
	}
	expires := l.details[d].expires
	return expires == 0 || at.Unix() < expires
}

// Row is what the list has of r; the zero Row for 0 or a row of another list.
func (l *List) Row(r RowRef) Row {
	if r <= 0 || int(r) > len(l.rows) {
		return Row{}
	}
	at := l.rows[r-1]
	row := Row{Line: int(at.line), Why: l.Why}
	if at.key&rawBit == 0 {
		row.Pattern = Number{at.key}.String()
	} else {
		row.Pattern = l.patterns[at.key&^rawBit]
	}
	if at.detail == 0 {
		return row
	}
	d := l.details[at.detail]
	if d.why != NoWhy {
		row.Why = d.why
	}
	row.Source, row.Note = d.source, d.note
	row.Added, row.Expires = instant(d.added), instant(d.expires)
	return row
}

// WhyOf is the why of a row, its own or the list's, without the rest of Row.
func (l *List) WhyOf(r RowRef) Why {
	if r > 0 && int(r) <= len(l.rows) {
		if w := l.details[l.rows[r-1].detail].why; w != NoWhy {
			return w
		}
	}
	return l.Why
}

// Len is how many rows the list has, expired ones too, duplicates not.
func (l *List) Len() int { return len(l.rows) }

func instant(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
