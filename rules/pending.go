package rules

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"sync"
)

// Pending remembers the calls that were let pass until it is known what became
// of them: so many of the newest ones. It is safe for concurrent use and
// allocates only when it is made.
type Pending struct {
	shards []pendingShard
}

// pendingCall is what is remembered of a call.
type pendingCall struct {
	Caller, Callee Number
	Origin         uint64 // where it came from: a hash of its trunk or, without one, of its source
	Plain          bool   // the Request-URI said the callee and nothing else
	Again          bool   // the attempt was asked about before
}

// isPlain tells whether a Request-URI says n, a Global number, and nothing
// else: its digits as they stand, with or without "+", then perhaps a host, and
// no parameter but user=phone.
func isPlain(uri string, n Number) bool {
	if n.Kind() != Global {
		return false
	}
	scheme, rest, ok := strings.Cut(uri, ":")
	sip := ok && (strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips"))
	switch {
	case !ok:
		rest = uri
	case !sip && !strings.EqualFold(scheme, "tel"):
		return false
	}
	rest = strings.TrimPrefix(rest, "+")
	var value uint64
	length := 0
	for ; length < min(len(rest), maxGlobal) && '0' <= rest[length] && rest[length] <= '9'; length++ {
		value = value*10 + uint64(rest[length]-'0')
	}
	if value != n.key || rest[0] == '0' {
		return false
	}
	if rest = rest[length:]; !sip {
		return rest == ""
	}
	host, parameters, more := strings.Cut(rest, ";")
	return strings.LastIndexByte(host, '@') == 0 && strings.IndexByte(host, '?') < 0 &&
		(!more || strings.EqualFold(parameters, "user=phone"))
}

// PendingStats says how full Pending is.
type PendingStats struct {
	Length, Capacity int    // calls remembered, those over until their place is needed among them
	Open             int    // of them, those not known to be over
	Evicted          uint64 // calls that had to be forgotten before they were known to be over
}

// pendingShard is a ring of calls, oldest first to go, each in a chain of those
// with the same hash.
type pendingShard struct {
	mu      sync.Mutex
	ring    []pendingSlot
	heads   []int32 // by hash: index + 1 of the newest of the chain
	next    int     // slot of the ring to be filled next
	length  int
	open    int
	evicted uint64
	_       [32]byte // keeps neighbours' locks off this cache line
}

type pendingSlot struct {
	id    ID
	stage stage
	older int32 // index + 1 of the next of the chain
	call  pendingCall
}

// stage is how far a call is known to have come.
type stage uint8

const (
	waiting stage = iota
	answered
	over
)

const (
	pendingShards   = 32
	smallestPending = 64 // calls of a shard
)

// newPending makes room for so many calls, at least 1.
func newPending(size int) *Pending {
	size = max(size, 1)
	shards := 1
	for shards < pendingShards && size/(2*shards) >= smallestPending {
		shards *= 2
	}
	p := &Pending{shards: make([]pendingShard, shards)}
	for i := range p.shards {
		n := size / shards
		if i < size%shards {
			n++
		}
		p.shards[i].ring = make([]pendingSlot, n)
		p.shards[i].heads = make([]int32, 1<<bits.Len(uint(n)))
	}
	return p
}

// hash is of the last 40 bits of an id, which are random.
func (id *ID) hash() uint64 {
	high, low := bits.Mul64(binary.LittleEndian.Uint64(id[12:])^0x243f6a8885a308d3, 0x9e3779b97f4a7c15)
	return high ^ low
}

func (p *Pending) shard(hash uint64) *pendingShard { return &p.shards[hash%uint64(len(p.shards))] }

func (s *pendingShard) head(hash uint64) *int32 {
	return &s.heads[hash>>8&uint64(len(s.heads)-1)]
}

// Add remembers a call, in place of the oldest one when there is no room.
func (p *Pending) Add(id ID, call pendingCall) {
	hash := id.hash()
	s := p.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.next
	slot := &s.ring[at]
	if s.length == len(s.ring) {
		s.forget(at)
	} else {
		s.length++
	}
	head := s.head(hash)
	*slot = pendingSlot{id: id, older: *head, call: call}
	*head = int32(at + 1)
	s.open++
	if s.next++; s.next == len(s.ring) {
		s.next = 0
	}
}

// forget takes the call at a place of the ring out of its chain.
func (s *pendingShard) forget(at int) {
	slot := &s.ring[at]
	link := s.head(slot.id.hash())
	for *link != int32(at+1) {
		link = &s.ring[*link-1].older
	}
	*link = slot.older
	if slot.stage != over {
		s.open--
		s.evicted++
	}
}

func (s *pendingShard) find(id *ID, hash uint64) *pendingSlot {
	for i := *s.head(hash); i != 0; i = s.ring[i-1].older {
		if s.ring[i-1].id == *id {
			return &s.ring[i-1]
		}
	}
	return nil
}

// observe takes a final status to the books of its call: first is true for the
// first one. An answer and then the hang-up are two; anything told again, or
// after the end, is a duplicate.
func (p *Pending) observe(o *Outcome) (call pendingCall, first bool, seen Observed) {
	hash := o.ID.hash()
	s := p.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.find(&o.ID, hash)
	if slot == nil {
		return pendingCall{}, false, Unknown
	}
	reached := over
	if o.answered() && !o.Ended {
		reached = answered
	}
	if reached <= slot.stage {
		return slot.call, false, Duplicate
	}
	first = slot.stage == waiting
	slot.stage = reached
	if reached == over {
		s.open--
	}
	return slot.call, first, Counted
}

// Stats adds up all shards.
func (p *Pending) Stats() PendingStats {
	var t PendingStats
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		t.Length += s.length
		t.Capacity += len(s.ring)
		t.Open += s.open
		t.Evicted += s.evicted
		s.mu.Unlock()
	}
	return t
}
