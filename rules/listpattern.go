package rules

import (
	"cmp"
	"slices"
	"time"
)

// patternIndex finds the rows that are prefixes, patterns and ranges.
type patternIndex struct {
	shapes []shape
	ranges rangeIndex
}

// find is the row of l that holds a number and covers the fewest, 0 for none.
func (p *patternIndex) find(l *listContent, key uint64, at time.Time) RowRef {
	best := candidate{}
	p.each(key, func(r RowRef, covers uint64) { best = l.better(best, candidate{r, covers}, at) })
	return best.row
}

// each visits the rows that hold a number, with how many numbers each covers.
func (p *patternIndex) each(key uint64, visit func(r RowRef, covers uint64)) {
	if len(p.shapes) > 0 {
		bcd, length := packed(key)
		for i := range p.shapes {
			s := &p.shapes[i]
			if r := s.find(bcd, length); r != 0 {
				visit(r, s.covers(length))
			}
		}
	}
	p.ranges.each(key, visit)
}

// candidate is a row that holds a number, and how many numbers it covers.
type candidate struct {
	row    RowRef
	covers uint64
}

// better is the one of both that Find prefers, if b lives.
func (l *listContent) better(a, b candidate, at time.Time) candidate {
	if a.row != 0 && (a.covers < b.covers || a.covers == b.covers && a.row < b.row) || !l.lives(b.row, at) {
		return a
	}
	return b
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
	if !s.fits(bcd, length) {
		return 0
	}
	return s.rows[bcd&s.literals]
}

// fits tells whether a number has the length and the signs of s where it has
// no literal digits. bcd and length are those of packed.
func (s *shape) fits(bcd uint64, length int) bool {
	return (length == s.length || s.open && length > s.length) && (bcd>>1|bcd>>2|bcd>>3)&s.nine == s.nine
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

// each visits the ranges that hold key, with how many numbers each covers.
func (x *rangeIndex) each(key uint64, visit func(r RowRef, covers uint64)) {
	x.half(key, 0, len(x.from), visit)
}

func (x *rangeIndex) half(key uint64, low, high int, visit func(RowRef, uint64)) {
	for low < high {
		middle := (low + high) / 2
		if x.highest[middle] < key {
			break
		}
		x.half(key, low, middle, visit)
		if x.from[middle] > key {
			break
		}
		if x.to[middle] >= key {
			visit(x.row[middle], x.to[middle]-x.from[middle]+1)
		}
		low = middle + 1
	}
}
