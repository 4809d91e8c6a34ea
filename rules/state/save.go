package state

import (
	"errors"
	"time"
)

// Parts are what a store is saved in: each key belongs to one, the same in every
// process.
const Parts = 8

// What is looked at under one lock is this many slots, and not many more words, so
// that a call does not wait long.
const (
	saveSlots = 256
	saveWords = 1 << 14
)

// Put takes a record, with the number of its shape. The words are good until it
// returns.
type Put func(k Key, shape int, words []uint32) error

// Shapes are those of the records, by the numbers that Save and All give.
func (s *Store) Shapes() []Shape {
	kinds := *s.kinds.Load()
	shapes := make([]Shape, len(kinds))
	for i, k := range kinds {
		shapes[i] = k.shape
	}
	return shapes
}

// Save hands out the records of a part that were told of since it last did. Calls
// go on meanwhile: what they change is handed out now or the next time. When put
// fails the rest is left for then. A part has one Save or All at a time.
func (s *Store) Save(part int, put Put) error {
	var c copied
	for i := part; i < shards; i += Parts {
		sh := &s.shards[i]
		for from, done := 0, false; !done; {
			c.reset()
			sh.mu.Lock()
			for ; from < len(sh.slots) && !c.full(); from++ {
				if slot := sh.slots[from]; slot != 0 && slot&changed != 0 {
					c.add(i, slot, sh.record(slotRef(slot)))
					sh.slots[from] &^= changed
				}
			}
			done = from >= len(sh.slots)
			sh.mu.Unlock()
			if n, err := c.each(put); err != nil {
				for _, left := range c.records[n:] {
					sh.markChanged(left.key)
				}
				return err
			}
		}
	}
	return nil
}

// All hands out all records of a part, some of them twice. What Save has to hand
// out stays as it is.
func (s *Store) All(part int, put Put) error {
	var c copied
	for i := part; i < shards; i += Parts {
		if err := s.shards[i].all(i, &c, put); err != nil {
			return err
		}
	}
	return nil
}

// all begins anew where the table has grown, for then no record is where it was.
func (s *shard) all(number int, c *copied, put Put) error {
	defer func() {
		s.mu.Lock()
		s.copied = 0
		s.mu.Unlock()
	}()
	for done := false; !done; {
		c.reset()
		s.mu.Lock()
		for ; s.copied < len(s.slots) && !c.full(); s.copied++ {
			if slot := s.slots[s.copied]; slot != 0 {
				c.add(number, slot, s.record(slotRef(slot)))
			}
		}
		done = s.copied >= len(s.slots)
		s.mu.Unlock()
		if _, err := c.each(put); err != nil {
			return err
		}
	}
	return nil
}

// copied are records that were copied under one lock.
type copied struct {
	looked  int // slots
	records []struct {
		key Key
		end int // of its words
	}
	words []uint32
}

func (c *copied) reset() { c.looked, c.records, c.words = 0, c.records[:0], c.words[:0] }

// full counts the slots that it is asked before.
func (c *copied) full() bool {
	c.looked++
	return c.looked > saveSlots || len(c.words) > saveWords
}

func (c *copied) add(shard int, slot uint64, r record) {
	c.words = append(c.words, r[:r.length()]...)
	c.records = append(c.records, struct {
		key Key
		end int
	}{Key{Hi: uint64(shard)<<32 | uint64(slotTag(slot)), Lo: r.key()}, len(c.words)})
}

// each hands them out and tells how many were taken.
func (c *copied) each(put Put) (int, error) {
	begin := 0
	for n, r := range c.records {
		words := c.words[begin:r.end:r.end]
		if err := put(r.key, record(words).shape(), words); err != nil {
			return n, err
		}
		begin = r.end
	}
	return len(c.records), nil
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
// its key, unless it is so old by now that no window asks of it. Its calls go on when
// going says so: their ends will be told. The error of words that are no record of
// the kind says so.
func (s *Store) Restore(k Key, kind *Kind, words []uint32, at time.Time, going bool) error {
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
	if r.over(at) {
		sh.stats.Expired++
		return nil
	}
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
	if !going {
		r[open] = 0
	}
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
