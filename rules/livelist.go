package rules

import (
	"slices"
	"sync/atomic"
)

// liveList is the layer of live changes over one list. Calls ask it without a
// lock; LiveLists changes it.
type liveList struct {
	state  atomic.Pointer[liveState] // nil: nothing was changed
	length atomic.Int64              // rows, removals among them
}

// liveState is what a liveList is made of. Only its table changes.
type liveState struct {
	table  *liveTable
	shapes []shape    // of the patterns, by their number in liveForm; they have no rows
	ranges rangeIndex // that were added, by their places in ranged
	ranged []*LiveRow
	bits   []liveForm             // lengths of the networks that were added, the longest first
	hidden map[liveEntry]struct{} // patterns, ranges and networks of the file that do not count
}

// liveEntry is a pattern, range or network of a file.
type liveEntry struct {
	pattern    string
	subscriber uint64
}

// find is the live row that holds a number, for a subscriber or for all: the
// row or the removal of that very number; else the narrowest that was added.
func (s *liveState) find(key, subscriber uint64, at int64) liveMatch {
	if r := s.table.find(liveKey{form: liveNumber, low: key, subscriber: subscriber}); r != nil && r.lives(at) {
		return liveMatch{row: r}
	}
	if len(s.shapes) == 0 && len(s.ranged) == 0 {
		return liveMatch{}
	}
	best := liveMatch{}
	bcd, length := packed(key)
	for i := range s.shapes {
		x := &s.shapes[i]
		if !x.fits(bcd, length) {
			continue
		}
		if r := s.table.find(liveKey{form: liveShape + liveForm(i), low: bcd & x.literals, subscriber: subscriber}); r != nil && r.holds(subscriber, at) {
			best = best.or(r, x.covers(length))
		}
	}
	s.ranges.each(key, func(i RowRef, covers uint64) {
		if r := s.ranged[i]; r.holds(subscriber, at) {
			best = best.or(r, covers)
		}
	})
	return best
}

// hides tells whether a row of the file does not count, by its text.
func (s *liveState) hides(pattern string, subscriber uint64) bool {
	_, ok := s.hidden[liveEntry{pattern, subscriber}]
	return ok
}

// key is that of an entry; a shape that is new gets the next place in shapes.
func (e entry) key(shapes *[]shape) liveKey {
	switch {
	case e.number != 0:
		return liveKey{form: liveNumber, low: e.number}
	case e.network.IsValid():
		bits := e.network.Bits() + 128 - e.network.Addr().BitLen()
		return networkKey(e.network.Addr().As16(), bits)
	case e.signs == "":
		return liveKey{form: liveRange, low: e.from, high: e.to}
	}
	x := newShape(e.signs, e.open)
	i := slices.IndexFunc(*shapes, func(s shape) bool { return s.same(&x) })
	if i < 0 {
		i = len(*shapes)
		*shapes = append(*shapes, x)
	}
	return liveKey{form: liveShape + liveForm(i), low: literal(e.signs)}
}

// change puts rows in and takes others off.
func (l *liveList) change(put []*LiveRow, shapes []shape, drop []liveKey) {
	before := l.state.Load()
	if before == nil {
		if len(put) == 0 {
			return
		}
		before = &liveState{table: newLiveTable(len(put))}
	}
	after := &liveState{table: before.table, shapes: shapes, ranges: before.ranges, ranged: before.ranged, bits: before.bits, hidden: before.hidden}
	if after.table.full(len(put)) {
		after.table = newLiveTable(int(l.length.Load()) + len(put))
		before.table.each(func(r *LiveRow) { after.table.put(r) })
	}
	plain := true
	for _, r := range put {
		if after.table.put(r) {
			l.length.Add(1)
		}
		plain = plain && r.key.form == liveNumber
	}
	for _, k := range drop {
		if after.table.drop(k) {
			l.length.Add(-1)
		}
		plain = plain && k.form == liveNumber
	}
	if !plain {
		after.gather()
	}
	if l.length.Load() == 0 {
		after = nil
	}
	l.state.Store(after)
}

// gather makes what is not in the table itself: ranges, lengths of networks and
// what is hidden.
func (s *liveState) gather() {
	s.ranges, s.ranged = rangeIndex{}, nil
	lengths := map[liveForm]bool{}
	s.hidden = map[liveEntry]struct{}{}
	s.table.each(func(r *LiveRow) {
		switch {
		case r.key.form == liveNumber:
		case r.detail.removed:
			s.hidden[liveEntry{r.text, r.key.subscriber}] = struct{}{}
		case r.key.form == liveRange:
			x := &s.ranges
			x.from, x.to, x.row = append(x.from, r.key.low), append(x.to, r.key.high), append(x.row, RowRef(len(s.ranged)))
			s.ranged = append(s.ranged, r)
		case r.key.form < liveShape && r.key.form != liveAddress: // an address is asked for in any case
			lengths[r.key.form] = true
		}
	})
	s.ranges.sort()
	s.bits = nil
	for form := range lengths {
		s.bits = append(s.bits, form)
	}
	slices.Sort(s.bits)
	slices.Reverse(s.bits)
}
