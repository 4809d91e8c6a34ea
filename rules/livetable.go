package rules

import (
	"math/bits"
	"sync/atomic"
)

// liveKey names what a live row is about: one number, the numbers of a shape, a
// range or a network, for all or for one subscriber. Equal keys are the same
// entry.
type liveKey struct {
	form       liveForm
	low, high  uint64
	subscriber uint64 // key of the number, 0 for all
}

// liveForm says what low and high of a liveKey are.
type liveForm uint32

const (
	liveGone    liveForm = iota // of a slot that was given up
	liveNumber                  // low: key of the number
	liveRange                   // low, high: keys of its first and last number
	liveNetwork                 // the network of liveNetwork + bits begins at high, low; IPv4 as ::ffff:0:0/96
	liveShape   = 0x1000        // low: literal digits; the shape is that of place form - liveShape
)

func (k liveKey) hash() uint64 {
	h := uint64(k.form)
	for _, part := range [...]uint64{k.low, k.high, k.subscriber} {
		h = (h ^ part) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h * 0x9e3779b97f4a7c15
}

// liveTable finds live rows by their keys: open addressing over pointers. One
// goroutine at a time changes it; any number find in it meanwhile, and wait for
// nothing. A row once put in does not change.
type liveTable struct {
	slots []atomic.Pointer[LiveRow]
	shift int
	used  int // slots that are not empty; for who changes it
}

var goneRow = &LiveRow{}

// newLiveTable has room for so many rows.
func newLiveTable(rows int) *liveTable {
	size := 1 << max(bits.Len(uint(2*rows)), smallestIndex)
	return &liveTable{slots: make([]atomic.Pointer[LiveRow], size), shift: 65 - bits.Len(uint(size))}
}

// find is the row of a key, nil for none.
func (t *liveTable) find(k liveKey) *LiveRow {
	for i := int(k.hash() >> t.shift); ; i = (i + 1) & (len(t.slots) - 1) {
		if r := t.slots[i].Load(); r == nil || r.key == k {
			return r
		}
	}
}

// full tells whether a table of its own size or more is due before so many
// rows are put in.
func (t *liveTable) full(rows int) bool { return 4*(t.used+rows) > 3*len(t.slots) }

// put puts in a row, in place of one with its key, and tells whether there was
// none. The table must not be full.
func (t *liveTable) put(r *LiveRow) bool {
	for i := int(r.key.hash() >> t.shift); ; i = (i + 1) & (len(t.slots) - 1) {
		before := t.slots[i].Load()
		if before == nil {
			t.used++
		} else if before.key != r.key {
			continue
		}
		t.slots[i].Store(r)
		return before == nil
	}
}

// drop takes off the row of a key, and tells whether there was one.
func (t *liveTable) drop(k liveKey) bool {
	for i := int(k.hash() >> t.shift); ; i = (i + 1) & (len(t.slots) - 1) {
		r := t.slots[i].Load()
		if r == nil {
			return false
		}
		if r.key == k {
			t.slots[i].Store(goneRow)
			return true
		}
	}
}

// each visits every row.
func (t *liveTable) each(visit func(*LiveRow)) {
	for i := range t.slots {
		if r := t.slots[i].Load(); r != nil && r.key.form != liveGone {
			visit(r)
		}
	}
}
