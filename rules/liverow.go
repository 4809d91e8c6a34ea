package rules

import "time"

// LiveRow is a row that was added to a list, or a removal from it, while the
// daemon ran. It does not change.
type LiveRow struct {
	key    liveKey
	text   string // of an entry that is no plain number
	detail *liveDetail
}

// liveDetail is what all rows of one change have in common.
type liveDetail struct {
	removed bool
	why     Why // NoWhy: that of the list
	rowText
	added, expires int64 // seconds since 1970; expires 0: never
}

// rowText is what people wrote about a row.
type rowText struct{ source, note, by string }

// Entry is the number, pattern, range or network, in its global form.
func (r *LiveRow) Entry() string {
	if r.text != "" {
		return r.text
	}
	return Number{r.key.low}.String()
}

// Row is r as a row of l.
func (r *LiveRow) Row(l *List) Row {
	d := r.detail
	row := Row{Pattern: r.Entry(), Why: r.why(l), Source: d.source, Note: d.note, Added: instant(d.added), Expires: instant(d.expires)}
	row.Live, row.By, row.Subscriber = true, d.by, Number{r.key.subscriber}.String()
	return row
}

func (r *LiveRow) why(l *List) Why {
	if r.detail.why == NoWhy && l != nil {
		return l.Why
	}
	return r.detail.why
}

// lives tells whether r counts at that time.
func (r *LiveRow) lives(at int64) bool { return r.detail.expires == 0 || at < r.detail.expires }

// holds tells whether an added row counts for a subscriber at that time.
func (r *LiveRow) holds(subscriber uint64, at int64) bool {
	return !r.detail.removed && r.key.subscriber == subscriber && r.lives(at)
}

// unlessRemoved is r, nil when it is a removal.
func (r *LiveRow) unlessRemoved() *LiveRow {
	if r.detail.removed {
		return nil
	}
	return r
}

// liveMatch is an added row that holds a number, and how many numbers it
// covers.
type liveMatch struct {
	row    *LiveRow
	covers uint64
}

// or is the narrower of both; among equals the one whose text comes first, so
// that it does not hang on the order of changes.
func (m liveMatch) or(r *LiveRow, covers uint64) liveMatch {
	if m.row == nil || covers < m.covers || covers == m.covers && r.text < m.row.text {
		return liveMatch{r, covers}
	}
	return m
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
