package state

import (
	"errors"
)

// saveSlots are looked at under one lock, so that a call does not wait long.
const saveSlots = 256

// Shapes are those of the records, by the numbers that Save gives.
func (s *Store) Shapes() []Shape {
	kinds := *s.kinds.Load()
	shapes := make([]Shape, len(kinds))
	for i, k := range kinds {
		shapes[i] = k.shape
	}
	return shapes
}

// Save hands out the records that were told of since it last did, or all of them,
// each with the number of its shape. Calls go on meanwhile: what they change is
// handed out now or the next time. When put fails the rest is left for then.
// The words are good until put returns. One Save may run at a time.
func (s *Store) Save(all bool, put func(k Key, shape int, words []uint32) error) error {
	type saved struct {
		key Key
		end int // of its words
	}
	var records []saved
	var words []uint32
	for i := range s.shards {
		sh := &s.shards[i]
		for from, done := 0, false; !done; from += saveSlots {
			records, words = records[:0], words[:0]
			sh.mu.Lock()
			done = from+saveSlots >= len(sh.slots)
			for j := from; j < min(from+saveSlots, len(sh.slots)); j++ {
				slot := sh.slots[j]
				if slot == 0 || !all && slot&changed == 0 {
					continue
				}
				r := sh.record(slotRef(slot))
				words = append(words, r[:r.length()]...)
				records = append(records, saved{Key{Hi: uint64(i)<<32 | uint64(slotTag(slot)), Lo: r.key()}, len(words)})
				sh.slots[j] &^= changed
			}
			sh.mu.Unlock()
			begin := 0
			for n, r := range records {
				if err := put(r.key, record(words[begin:]).shape(), words[begin:r.end]); err != nil {
					for _, left := range records[n:] {
						sh.markChanged(left.key)
					}
					return err
				}
				begin = r.end
			}
		}
	}
	return nil
}

func (s *shard) markChanged(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place, r := s.find(k); r != nil {
		s.slots[place] |= changed
	}
}

var (
	errRecord = errors.New("the words are no record of that kind")
	errRoom   = errors.New("no room for a record, let the state have more bytes")
)

// Restore puts back a record that Save handed out, in place of what there is of
// its key. Its calls go on no more: who ended them cannot be told. The error of
// words that are no record of the kind says so.
func (s *Store) Restore(k Key, kind *Kind, words []uint32) error {
	r := record(words)
	if err := r.check(&kind.shape); err != nil {
		return err
	}
	class := classOf(len(words))
	if class < 0 || r.key() != k.Lo {
		return errRecord
	}
	sh := s.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if place, have := sh.find(k); have != nil {
		sh.drop(place)
	}
	to := sh.take(class, 0)
	if to == 0 {
		return errRoom
	}
	sh.put(k, to)
	r = sh.slab.at(to, class)
	copy(r, words)
	r.setShape(kind.number)
	r.setClass(class)
	r[open] = 0
	place, _ := sh.find(k)
	sh.slots[place] &^= changed
	return nil
}

// check tells whether the words can be a record of a shape.
func (r record) check(s *Shape) error {
	if len(r) < header || r.length() != len(r) {
		return errRecord
	}
	entries, values := r.entries(), 0
	for i := 0; i < 2*entries; i += 2 {
		if r.set()[i] != noValue {
			values++
		}
	}
	switch {
	case entries != 0 && (entries < leastDistinct || entries > mostDistinct || entries&(entries-1) != 0),
		values != r.values(), entries != 0 && full(entries, values-1), r.halvings() > 31,
		r.finished()%s.stride() != 0, r.finished() > 0 && !s.Finished,
		r.attempts()%s.attemptStride() != 0, !wellFormed(r.attemptStream(), s.attemptStride()), !wellFormed(r.finishedStream(), s.stride()):
		return errRecord
	}
	return nil
}

// wellFormed tells whether a stream's buckets are as addEvent leaves them: none
// larger than the one before, and not too many of one size.
func wellFormed(s []uint32, stride int) bool {
	same := 0
	for i := 0; i < len(s); i += stride {
		if i > 0 {
			switch a, b := bucketSize(s[i-stride]), bucketSize(s[i]); {
			case b > a:
				return false
			case b < a:
				same = 0
			}
		}
		if same++; same > sameSize+1 {
			return false
		}
	}
	return true
}
