package rules

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// numberEvents remembers when something was said of a number, and by whom: of
// each number the newest eventsPerNumber. It is bounded over all numbers; the
// one of which nothing was said for longest makes room. Safe for concurrent use;
// counting does not allocate.
type numberEvents struct {
	keep   time.Duration // after which an event is forgotten
	length atomic.Int64
	shards [eventShards]eventShard
}

const (
	eventShards      = 64
	eventsPerNumber  = 64
	numberEventsKept = 1 << 17 // of an engine, of about 150 bytes each
)

type eventShard struct {
	mu      sync.RWMutex
	numbers map[uint64]*numberHistory
	ends    numberHistory // its newer is the number silent for longest, its older the one last spoken of
	length  int           // events
	most    int
	evicted uint64
	_       [32]byte // keeps neighbours' locks off this cache line
}

// numberHistory are the events of one number, in a ring of all.
type numberHistory struct {
	key          uint64
	events       []numberEvent // by time
	older, newer *numberHistory
}

type numberEvent struct {
	at    int64  // milliseconds since 1970
	party uint64 // a hash of who said it; 0: nobody that counts once
}

// EventStats say what is remembered of numbers, in events.
type EventStats struct {
	Length, Capacity int
	Evicted          uint64 // that made room for others before their time
}

func newNumberEvents(most int, keep time.Duration) *numberEvents {
	e := &numberEvents{keep: keep}
	for i := range e.shards {
		s := &e.shards[i]
		s.most = max(most/eventShards, eventsPerNumber)
		s.ends.older, s.ends.newer = &s.ends, &s.ends
	}
	return e
}

func (e *numberEvents) shard(n Number) *eventShard { return &e.shards[hashKey(n.key)>>58] }

// add notes an event. What the same party said of the number before is
// forgotten, so that it counts once.
func (e *numberEvents) add(n Number, party uint64, at time.Time) {
	s, event := e.shard(n), numberEvent{at.UnixMilli(), party}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.length
	h := s.numbers[n.key]
	if h == nil {
		h = &numberHistory{key: n.key}
		if s.numbers == nil {
			s.numbers = map[uint64]*numberHistory{}
		}
		s.numbers[n.key] = h
	} else {
		h.unlink()
		s.length -= h.drop(party)
	}
	i := len(h.events)
	for i > 0 && h.events[i-1].at > event.at {
		i--
	}
	h.events = slices.Insert(h.events, i, event)
	if s.length++; len(h.events) > eventsPerNumber {
		h.events = slices.Delete(h.events, 0, 1)
		s.length--
	}
	h.link(&s.ends)
	s.makeRoom(at.Add(-e.keep).UnixMilli(), h)
	e.length.Add(int64(s.length - before))
}

// makeRoom takes off the numbers of which nothing was said since, and when there
// are too many events those silent for longest, but for kept.
func (s *eventShard) makeRoom(since int64, kept *numberHistory) {
	for h := s.ends.newer; h != kept && h != &s.ends; h = s.ends.newer {
		expired := h.events[len(h.events)-1].at <= since
		if !expired && s.length <= s.most {
			return
		}
		if !expired {
			s.evicted += uint64(len(h.events))
		}
		s.forget(h)
	}
}

func (s *eventShard) forget(h *numberHistory) {
	s.length -= len(h.events)
	h.unlink()
	delete(s.numbers, h.key)
}

// drop forgets what a party said and tells how much that was.
func (h *numberHistory) drop(party uint64) int {
	if party == 0 {
		return 0
	}
	for i := range h.events {
		if h.events[i].party == party {
			h.events = slices.Delete(h.events, i, i+1)
			return 1
		}
	}
	return 0
}

func (h *numberHistory) unlink() { h.older.newer, h.newer.older = h.newer, h.older }

// link makes h the number last spoken of.
func (h *numberHistory) link(ends *numberHistory) {
	h.older, h.newer = ends.older, ends
	h.older.newer, ends.older = h, h
}

// count is how much was said of a number in the window that ends at that time.
// What a clock ahead said later counts, too.
func (e *numberEvents) count(n Number, at time.Time, window time.Duration) int {
	if e.length.Load() == 0 || n.IsZero() {
		return 0
	}
	since := at.Add(-min(window, e.keep)).UnixMilli()
	s := e.shard(n)
	s.mu.RLock()
	defer s.mu.RUnlock()
	h := s.numbers[n.key]
	if h == nil {
		return 0
	}
	i := len(h.events)
	for i > 0 && h.events[i-1].at > since {
		i--
	}
	return len(h.events) - i
}

// has tells whether a party said something of a number, 0: whether anybody did.
func (e *numberEvents) has(n Number, party uint64) bool {
	s := e.shard(n)
	s.mu.RLock()
	defer s.mu.RUnlock()
	h := s.numbers[n.key]
	return h != nil && (party == 0 || slices.ContainsFunc(h.events, func(one numberEvent) bool { return one.party == party }))
}

// remove forgets what a party said of a number, 0 for all of them, and tells how
// much that was.
func (e *numberEvents) remove(n Number, party uint64) (gone int) {
	s := e.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.numbers[n.key]
	switch {
	case h == nil:
		return 0
	case party == 0:
		gone = len(h.events)
		s.forget(h)
	default:
		gone = h.drop(party)
		if s.length -= gone; len(h.events) == 0 {
			s.forget(h)
		}
	}
	e.length.Add(-int64(gone))
	return gone
}

func (e *numberEvents) stats() EventStats {
	t := EventStats{Length: int(e.length.Load())}
	for i := range e.shards {
		s := &e.shards[i]
		s.mu.RLock()
		t.Capacity += s.most
		t.Evicted += s.evicted
		s.mu.RUnlock()
	}
	return t
}
