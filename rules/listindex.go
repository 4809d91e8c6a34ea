package rules

import "math/bits"

// exactIndex finds rows by their whole number: open addressing over the rows
// themselves, with a byte of the hash beside each slot, so that a number that
// is in no row costs about one cache line.
type exactIndex struct {
	tags  []uint8 // 0: empty
	slots []int32 // the RowRef, 0: empty
	used  int
	shift int
}

const smallestIndex = 4 // log2 of its slots

func hashKey(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 }

// hashOf is that of a number in the rows of a subscriber, 0 for everybody's.
func hashOf(subscriber, key uint64) uint64 { return hashKey(key ^ subscriber*0xd6e8feb86659fd93) }

// tag is 7 bits of a hash beside those that choose the slot.
func (x *exactIndex) tag(hash uint64) uint8 { return uint8(hash>>(x.shift-7)) | 0x80 }

// find is the row of l for a number, 0 for none.
func (x *exactIndex) find(l *listContent, subscriber, key uint64) RowRef {
	if x.used == 0 {
		return 0
	}
	hash := hashOf(subscriber, key)
	tag := x.tag(hash)
	for i := int(hash >> x.shift); x.tags[i] != 0; i = (i + 1) & (len(x.tags) - 1) {
		if x.tags[i] == tag {
			if r := RowRef(x.slots[i]); l.rows[r-1].key == key && l.subscriber(r) == subscriber {
				return r
			}
		}
	}
	return 0
}

// subscriber is the one whose row r is, 0 for everybody's.
func (l *listContent) subscriber(r RowRef) uint64 {
	if l.subscribers == nil {
		return 0
	}
	return l.subscribers[r-1]
}

// add puts in row r of l, whose number find has not found.
func (x *exactIndex) add(l *listContent, r RowRef) {
	if 3*x.used >= 2*len(x.tags) {
		x.grow(l)
	}
	x.put(hashOf(l.subscriber(r), l.rows[r-1].key), int32(r))
	x.used++
}

func (x *exactIndex) put(hash uint64, r int32) {
	i := int(hash >> x.shift)
	for x.tags[i] != 0 {
		i = (i + 1) & (len(x.tags) - 1)
	}
	x.tags[i], x.slots[i] = x.tag(hash), r
}

// grow doubles the slots.
func (x *exactIndex) grow(l *listContent) {
	slots := x.slots
	size := max(2*len(slots), 1<<smallestIndex)
	x.tags, x.slots, x.shift = make([]uint8, size), make([]int32, size), 65-bits.Len(uint(size))
	for _, r := range slots {
		if r != 0 {
			x.put(hashOf(l.subscriber(RowRef(r)), l.rows[r-1].key), r)
		}
	}
}
