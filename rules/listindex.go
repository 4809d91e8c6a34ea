package rules

import (
	"cmp"
	"math/bits"
	"slices"
	"time"
)

// exactIndex finds rows by their whole number: open addressing over the rows
// themselves, with a byte of the hash beside each slot, so that a number that
// is in no row costs about one cache line.
type exactIndex struct {
	tags  []uint8 // 0: empty
	slots []RowRef
	used  int
	shift int
}

const smallestIndex = 4 // log2 of its slots

func hashKey(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 }

// tag is 7 bits of a hash beside those that choose the slot.
func (x *exactIndex) tag(hash uint64) uint8 { return uint8(hash>>(x.shift-7)) | 0x80 }

// find is the row of a number, 0 for none.
func (x *exactIndex) find(rows []rowLine, key uint64) RowRef {
	if x.used == 0 {
		return 0
	}
	hash := hashKey(key)
	tag := x.tag(hash)
	for i := int(hash >> x.shift); x.tags[i] != 0; i = (i + 1) & (len(x.tags) - 1) {
		if x.tags[i] == tag {
			if r := x.slots[i]; rows[r-1].key == key {
				return r
			}
		}
	}
	return 0
}

// add puts in row r, whose number find has not found.
func (x *exactIndex) add(rows []rowLine, r RowRef) {
	if 3*x.used >= 2*len(x.tags) {
		x.grow(rows)
	}
	x.put(rows[r-1].key, r)
	x.used++
}

func (x *exactIndex) put(key uint64, r RowRef) {
	hash := hashKey(key)
	i := int(hash >> x.shift)
	for x.tags[i] != 0 {
		i = (i + 1) & (len(x.tags) - 1)
	}
	x.tags[i], x.slots[i] = x.tag(hash), r
}

// grow doubles the slots.
func (x *exactIndex) grow(rows []rowLine) {
	slots := x.slots
	size := max(2*len(slots), 1<<smallestIndex)
	x.tags, x.slots, x.shift = make([]uint8, size), make([]RowRef, size), 65-bits.Len(uint(size))
	for _, r := range slots {
		if r != 0 {
			x.put(rows[r-1].key, r)
		}
	}
}

// shape holds all rows whose patterns have literal digits, N and X at the same
// places: prefixes of one length are one shape.
type shape struct {
	length   int
	open     bool   // more digits may follow
	literals uint64 // nibbles of literal digits, all bits
	nine     uint64 // lowest bit of each nibble that is an N
	count    uint64 // numbers of that length that each row covers
	rows     map[uint64]RowRef
}

// newShape makes the shape of signs, which are digits, N and X.
func newShape(signs string, open bool) shape {
	s := shape{length: len(signs), open: open, count: 1, rows: map[uint64]RowRef{}}
	for i := range len(signs) {
		switch at := 60 - 4*i; signs[i] {
		case 'N':
			s.nine |= 1 << at
			s.count *= 8
		case 'X':
			s.count *= 10
		default:
			s.literals |= 0xf << at
		}
	}
	return s
}

// literal are the literal digits of signs, as find looks them up.
func literal(signs string) uint64 {
	var bcd uint64
	for i := range len(signs) {
		if c := signs[i]; c >= '0' && c <= '9' {
			bcd |= uint64(c-'0') << (60 - 4*i)
		}
	}
	return bcd
}

// find is the row of the shape that a number fits, 0 for none. bcd and length
// are those of packed.
func (s *shape) find(bcd uint64, length int) RowRef {
	if length != s.length && !(s.open && length > s.length) {
		return 0
	}
	if (bcd>>1|bcd>>2|bcd>>3)&s.nine != s.nine {
		return 0
	}
	return s.rows[bcd&s.literals]
}

// covers is how many numbers of a length each row covers.
func (s *shape) covers(length int) uint64 { return s.count * powers[length-s.length] }

var powers = func() (p [maxGlobal + 1]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// packed is a global number as binary coded decimals, the first digit in the
// highest nibble, and how many digits it has.
func packed(key uint64) (bcd uint64, length int) {
	for ; key > 0; key /= 10 {
		bcd = bcd>>4 | key%10<<60
		length++
	}
	return bcd, length
}

// rangeIndex finds the ranges that hold a number: an interval tree, whose nodes
// are the middles of the sorted halves.
type rangeIndex struct {
	from, to []uint64
	highest  []uint64 // of to in the half that the node is the middle of
	row      []RowRef
}

// sort makes the tree after the last range was added.
func (x *rangeIndex) sort() {
	order := make([]int, len(x.from))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(x.from[a], x.from[b]), cmp.Compare(x.row[a], x.row[b]))
	})
	sorted := rangeIndex{highest: make([]uint64, len(order))}
	for _, i := range order {
		sorted.from, sorted.to, sorted.row = append(sorted.from, x.from[i]), append(sorted.to, x.to[i]), append(sorted.row, x.row[i])
	}
	*x = sorted
	x.raise(0, len(x.from))
}

func (x *rangeIndex) raise(low, high int) uint64 {
	if low >= high {
		return 0
	}
	middle := (low + high) / 2
	x.highest[middle] = max(x.to[middle], x.raise(low, middle), x.raise(middle+1, high))
	return x.highest[middle]
}

// inRange is the better of best and the ranges that hold key.
func (l *List) inRange(key uint64, best candidate, at time.Time) candidate {
	return l.inHalf(key, 0, len(l.ranges.from), best, at)
}

func (l *List) inHalf(key uint64, low, high int, best candidate, at time.Time) candidate {
	x := &l.ranges
	for low < high {
		middle := (low + high) / 2
		if x.highest[middle] < key {
			break
		}
		best = l.inHalf(key, low, middle, best, at)
		if x.from[middle] > key {
			break
		}
		if x.to[middle] >= key {
			best = l.better(best, candidate{x.row[middle], x.to[middle] - x.from[middle] + 1}, at)
		}
		low = middle + 1
	}
	return best
}
