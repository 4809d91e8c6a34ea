package state

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// shard is a part of the keys, under one lock.
type shard struct {
	mu     sync.Mutex
	slots  []uint64 // open table: the tag of a key and where its record is; 0 is empty
	at     ref      // where slots lies in the memory, 0: in the heap
	used   int
	slab   slab
	hand   int // of the clock that looks for records to let go
	sweep  int // of the one that looks for records that are over, in events
	copied int // slots that All has handed out, while it does
	kinds  *atomic.Pointer[[]*Kind]
	stats  Stats

	budget  int64    // bytes of the table and of the records
	scratch []uint32 // a set that is moved

	_ [64]byte // keeps neighbours' locks off this cache line
}

// Stats are what a store has come to.
type Stats struct {
	Keys, Bytes int64
	Evicted     uint64 // records that had to go before their time
	Expired     uint64 // records that nothing would have asked about any more
	Trimmed     uint64 // events forgotten because their record could not grow
	Refused     uint64 // events of keys for which there was no room at all
}

func (s *Stats) add(o *Stats) {
	s.Evicted += o.Evicted
	s.Expired += o.Expired
	s.Trimmed += o.Trimmed
	s.Refused += o.Refused
}

const (
	leastSlots = 64
	slotBytes  = 8
	evictTries = 64 // records that are let go for one that grows, at most
	sweepEvery = 8  // events, with each of which one slot is looked at

	touched = 1 << 32 // bit of a slot: asked about or told of since the hand passed
	changed = 2 << 32 // bit of a slot: told of since it was saved
	tagBits = ^uint32(3)
)

func (s *shard) start(bytes int64, m *memory, kinds *atomic.Pointer[[]*Kind]) {
	s.kinds, s.budget, s.slab.memory = kinds, bytes, m
	s.table(leastSlots)
}

// table makes an empty table, and leaves the rest of the budget to the records.
// One of whole pages lies with the records.
func (s *shard) table(slots int) {
	s.slots, s.at = nil, 0
	if pages := int64(slots * slotBytes / pageBytes); pages > 0 {
		if page, ok := s.slab.memory.take(pages); ok {
			s.slots, s.at = s.slab.memory.slots(page, pages), page
		}
	}
	if s.slots == nil {
		s.slots = make([]uint64, slots)
	}
	s.slab.most = int((s.budget - slotBytes*int64(slots)) / pageBytes)
}

// A slot is a tag of 30 bits of a key, two bits of its own, and a ref. A new one is
// not touched: keys that are seen once, as those of a flood, go first.
func slotOf(tag uint32, r ref) uint64 {
	return uint64(tag&tagBits)<<32 | changed | uint64(r)
}
func slotTag(slot uint64) uint32 { return uint32(slot>>32) & tagBits }
func slotRef(slot uint64) ref    { return ref(uint32(slot)) }

// record is the one that begins there; its class stands in its first words.
func (s *shard) record(r ref) record {
	words := s.slab.memory.words[r:]
	size := classes[record(words).class()]
	return record(words[:size:size])
}

// find is the place of a key in the table and its record, nil when it has none.
func (s *shard) find(k Key) (place int, r record) {
	mask, tag := len(s.slots)-1, uint32(k.Hi)&tagBits
	for i := int(tag>>2) & mask; ; i = (i + 1) & mask {
		slot := s.slots[i]
		if slot == 0 {
			return i, nil
		}
		if slotTag(slot) == tag {
			if r := s.record(slotRef(slot)); r.key() == k.Lo {
				return i, r
			}
		}
	}
}

// open is the record of a key, made when it has none; nil when there is no room.
func (s *shard) open(k Key, kind *Kind, at time.Time) record {
	place, r := s.find(k)
	if r != nil {
		s.slots[place] |= touched | changed
		if r.shape() != kind.number {
			r = s.reshape(k, r, kind)
		}
		s.settle(r, &kind.shape, at)
		return r
	}
	class := classOf(header + 2*kind.shape.stride())
	to := s.take(class, 0)
	if to == 0 {
		s.stats.Refused++
		return nil
	}
	s.put(k, to)
	r = s.slab.at(to, class)
	clear(r[:header])
	r[0], r[1] = uint32(k.Lo), uint32(k.Lo>>32)
	r[2] = uint32(kind.number) | uint32(class)<<classShift
	r[first] = seconds(at)
	return r
}

// put enters a record of a key that has none.
func (s *shard) put(k Key, to ref) {
	s.grow()
	place, _ := s.find(k)
	s.slots[place] = slotOf(uint32(k.Hi), to)
	s.used++
}

// take hands out a piece, letting other records go when it must, but for keep.
func (s *shard) take(class int, keep ref) ref {
	if r := s.slab.take(class); r != 0 {
		return r
	}
	for range evictTries {
		if !s.evict(keep) {
			break
		}
		if r := s.slab.take(class); r != 0 {
			return r
		}
	}
	return 0
}

// evict lets one record go: the next that was not touched since the hand last
// came by, and has no call going on; when there is none on the way, the one the
// hand began at.
func (s *shard) evict(keep ref) bool {
	if s.used == 0 {
		return false
	}
	mask := len(s.slots) - 1
	victim := -1
	for range 4 * evictTries {
		i := s.hand & mask
		s.hand++
		slot := s.slots[i]
		if slot == 0 || slotRef(slot) == keep {
			continue
		}
		if victim < 0 {
			victim = i
		}
		if slot&touched != 0 {
			s.slots[i] &^= touched
			continue
		}
		if s.record(slotRef(slot))[open] == 0 {
			victim = i
			break
		}
	}
	if victim < 0 {
		return false
	}
	s.drop(victim)
	s.stats.Evicted++
	return true
}

// drop takes a record out of the table and closes the gap behind it.
func (s *shard) drop(place int) {
	r := slotRef(s.slots[place])
	s.slab.give(r, s.record(r).class())
	s.used--
	mask := len(s.slots) - 1
	gap := place
	for i := (place + 1) & mask; s.slots[i] != 0; i = (i + 1) & mask {
		home := int(slotTag(s.slots[i])>>2) & mask
		if (i-home)&mask >= (i-gap)&mask {
			s.slots[gap] = s.slots[i]
			if gap < s.copied && s.copied <= i {
				s.slots[gap] |= changed // All would not see it, Save will
			}
			gap = i
		}
	}
	s.slots[gap] = 0
}

// grow doubles the table when it is three quarters full; where that would be
// beyond the budget, a record goes instead.
func (s *shard) grow() {
	if 4*(s.used+1) <= 3*len(s.slots) {
		return
	}
	old := s.slots
	if 2*slotBytes*int64(len(old))+s.slab.bytes() > s.budget {
		s.evict(0)
		return
	}
	at := s.at
	s.copied = 0
	s.table(2 * len(old))
	mask := len(s.slots) - 1
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		i := int(slotTag(slot)>>2) & mask
		for s.slots[i] != 0 {
			i = (i + 1) & mask
		}
		s.slots[i] = slot
	}
	for end := at + ref(len(old)*slotBytes/wordBytes); at != 0 && at < end; at += pageWords {
		s.slab.adopt(at) // a table that became too small is room for records
	}
}

// room makes a record long enough for so many words more, moving it when it must.
// When it cannot, the record stays as it is, and false.
func (s *shard) room(k Key, r record, more int) (record, bool) {
	if r.length()+more <= len(r) {
		return r, true
	}
	class := classOf(r.length() + more)
	if class < 0 {
		return r, false
	}
	place, _ := s.find(k)
	from := slotRef(s.slots[place])
	to := s.take(class, from)
	if to == 0 {
		return r, false
	}
	moved := record(s.slab.at(to, class))
	copy(moved, r[:r.length()])
	moved.setClass(class)
	place, _ = s.find(k) // letting others go may have moved it
	s.slots[place] = slotOf(uint32(k.Hi), to) | touched
	s.slab.give(from, r.class())
	return moved, true
}

// over tells whether a record is older than any window.
func (r record) over(at time.Time) bool {
	return time.Duration(since(max(r[first], r[last]), at))*time.Second > MaxWindow
}

// An era is 12 days: what is no older than 31 days when one begins has a tick that
// is right when it ends.
const eraShift = 20

// clockSlack is how many seconds clocks are put back by without a record's noticing:
// what happens meanwhile counts with the newest event.
const clockSlack = 60

// settle takes what is so old out of a record that its ticks would be those of
// another age: at its first use in an era. Its newest attempt was in the one
// before or later, so that ages were right then. A record that is over, or of a
// time to come since the clock was put back, begins anew, with the calls that go on.
func (s *shard) settle(r record, shape *Shape, at time.Time) {
	newest, now := max(r[first], r[last]), seconds(at)
	ahead := newest > now+clockSlack
	if newest>>eraShift == now>>eraShift && !ahead {
		return
	}
	// What was told after the newest attempt lies within a day of it, or is long gone.
	const slack = 24 * 60 * 60 * ticks
	left := int64(shape.keep) + slack - int64(since(newest, at))*ticks
	switch {
	case ahead, r.over(at):
		r[first], r[last], r[passed], r[before] = now, 0, 0, 0
		fallthrough
	case left < 0:
		r.setStreams(0, 0)
		r.setSet(0, 0, 0)
	default:
		then := tick(uint64(newest)*ticks) & tickMask
		r.prune(shape, then, uint32(left))
		if r.entries() > 0 {
			s.resize(r, r.entries(), r.halvings(), then, uint32(left))
		}
	}
}

// expire looks now and then at a slot for a record of which no window asks any
// more: none is longer than MaxWindow, and so long a key is known to have been
// there. To look at one costs as much as to count.
func (s *shard) expire(at time.Time) {
	if s.sweep++; s.sweep%sweepEvery != 0 {
		return
	}
	i := s.sweep / sweepEvery & (len(s.slots) - 1)
	if s.slots[i] == 0 {
		return
	}
	if r := s.record(slotRef(s.slots[i])); r[open] == 0 && r.over(at) {
		s.drop(i)
		s.stats.Expired++
	}
}

// reshape gives a record another shape: what both count goes on, what only the
// new one counts begins.
func (s *shard) reshape(k Key, r record, kind *Kind) record {
	old, shape := &(*s.kinds.Load())[r.shape()].shape, &kind.shape
	attempts := restride(r.attemptStream(), old.attemptTallies(), shape.attemptTallies(), 0)
	var finished []uint32
	if shape.Finished {
		finished = restride(r.finishedStream(), old.Tallies, shape.Tallies, notCounted)
	}
	if more := len(attempts) + len(finished) - r.attempts() - r.finished(); more > 0 {
		var ok bool
		if r, ok = s.room(k, r, more); !ok {
			s.stats.Trimmed += uint64(len(attempts)/shape.attemptStride() + len(finished)/shape.stride())
			attempts, finished = nil, nil
		}
	}
	r.setStreams(len(attempts), len(finished))
	copy(r.attemptStream(), attempts)
	copy(r.finishedStream(), finished)
	r.setShape(kind.number)
	return r
}

// restride is a stream with other tallies: those that both have go on, others are
// what is said of events before.
func restride(stream []uint32, from, to []string, before uint32) (words []uint32) {
	for i := 0; i < len(stream); i += 1 + len(from) {
		words = append(words, stream[i])
		for _, name := range to {
			v := before
			if j := slices.Index(from, name); j >= 0 {
				v = stream[i+1+j]
			}
			words = append(words, v)
		}
	}
	return words
}
