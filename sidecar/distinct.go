package sidecar

import "hash/maphash"

// distinct counts different texts: exactly while there is room, then by a sample
// of their hashes that is halved as it fills up (M. Wegman's adaptive sampling).
// The standard error of a sample of n is 1.2/√n.
type distinct struct {
	among *distincts
	level uint // hashes that end in so many zeros are kept
	kept  map[uint64]struct{}
}

// distincts share out the room for hashes.
type distincts struct {
	seed maphash.Seed
	all  []*distinct
	held int
	room int
}

func newDistincts(room int) *distincts { return &distincts{seed: maphash.MakeSeed(), room: room} }

func (s *distincts) new() *distinct {
	d := &distinct{among: s, kept: map[uint64]struct{}{}}
	s.all = append(s.all, d)
	return d
}

func (d *distinct) add(text string) {
	h := maphash.String(d.among.seed, text)
	if h&(1<<d.level-1) != 0 {
		return
	}
	before := len(d.kept)
	d.kept[h] = struct{}{}
	if d.among.held += len(d.kept) - before; d.among.held > d.among.room {
		d.among.halve()
	}
}

// halve makes room by halving the largest sample.
func (s *distincts) halve() {
	largest := s.all[0]
	for _, d := range s.all {
		if len(d.kept) > len(largest.kept) {
			largest = d
		}
	}
	before := len(largest.kept)
	largest.level++
	for h := range largest.kept {
		if h&(1<<largest.level-1) != 0 {
			delete(largest.kept, h)
		}
	}
	s.held -= before - len(largest.kept)
}

// count is how many there are; exact tells whether that is no estimate.
func (d *distinct) count() (n uint64, exact bool) {
	return uint64(len(d.kept)) << d.level, d.level == 0
}
