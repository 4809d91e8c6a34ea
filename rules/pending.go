package rules

import (
	"runtime"
	"strings"
	"sync"
	"time"
)

// Pending remembers the calls that were let pass until it is known what became
// of them: so many of the newest ones. It is safe for concurrent use and
// allocates only when it is made.
type Pending struct {
	shards []pendingShard
}

// pendingCall is what is remembered of a call.
type pendingCall struct {
	At             int64 // when it was decided, nanoseconds since 1970
	Caller, Callee Number
	Origin         uint64 // where it came from: a hash of its trunk or, without one, of its source
	Trunk, Account uint32 // their numbers in the engine's names
	Plain          bool   // the Request-URI said the callee and nothing else
	Again          bool   // the attempt was asked about before
}

func (c *pendingCall) began() time.Time { return time.Unix(0, c.At) }

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

// pendingShard is a ring of calls, oldest first to go.
type pendingShard struct {
	mu      sync.Mutex
	ring    []pendingSlot
	next    int // slot of the ring to be filled next
	length  int
	open    int
	evicted uint64
	_       [64]byte // keeps neighbours' locks off this cache line
}

// pendingSlot is a call under the id that Add gave it.
type pendingSlot struct {
	id    ID
	stage stage
	call  pendingCall
}

// stage is how far a call is known to have come.
type stage uint8

const (
	waiting stage = iota
	answered
	over
)

const smallestPending = 64 // calls of a shard

// newPending makes room for so many calls, 1 to maxPending.
func newPending(size int) *Pending {
	size = min(max(size, 1), maxPending)
	shards := 1
	for shards < 4*runtime.GOMAXPROCS(0) && size/(2*shards) >= smallestPending {
		shards *= 2
	}
	p := &Pending{shards: make([]pendingShard, shards)}
	for i := range p.shards {
		n := size / shards
		if i < size%shards {
			n++
		}
		p.shards[i].ring = make([]pendingSlot, n)
	}
	return p
}

// maxPending is how many places an id can name.
const maxPending = 1 << placeBits

// Add remembers a call, in place of the oldest one when there is no room. It
// writes into the end of the id where the call is remembered, so that finding
// it is no search.
func (p *Pending) Add(id *ID, call *pendingCall) {
	shard := id.random() & uint64(len(p.shards)-1)
	s := &p.shards[shard]
	s.mu.Lock()
	at := s.next
	slot := &s.ring[at]
	switch {
	case s.length < len(s.ring):
		s.length++
		s.open++
	case slot.stage == over:
		s.open++
	default:
		s.evicted++
	}
	id.setPlace(uint64(at)*uint64(len(p.shards)) + shard)
	slot.id, slot.stage, slot.call = *id, waiting, *call
	if s.next++; s.next == len(s.ring) {
		s.next = 0
	}
	s.mu.Unlock()
}

// find is the shard and the place in it where a call is remembered, if it is.
func (p *Pending) find(id *ID) (*pendingShard, int) {
	place, shards := id.place(), uint64(len(p.shards)) // a power of two
	return &p.shards[place&(shards-1)], int(place / shards)
}

// slot is that of a call, nil when it is not remembered.
func (s *pendingShard) slot(id *ID, at int) *pendingSlot {
	if at >= s.length || s.ring[at].id != *id {
		return nil
	}
	return &s.ring[at]
}

// turn is which of a call's outcomes one is: its first, its last, or both.
type turn struct{ first, last bool }

// observe takes a final status to the books of its call. An answer and then the
// hang-up are two; anything told again, or after the end, is a duplicate.
func (p *Pending) observe(o *Outcome) (call pendingCall, which turn, seen Observed) {
	s, at := p.find(&o.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.slot(&o.ID, at)
	if slot == nil {
		return pendingCall{}, turn{}, Unknown
	}
	reached := over
	if o.answered() && !o.Ended {
		reached = answered
	}
	if reached <= slot.stage {
		return slot.call, turn{}, Duplicate
	}
	which = turn{first: slot.stage == waiting, last: reached == over}
	slot.stage = reached
	if reached == over {
		s.open--
	}
	return slot.call, which, Counted
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
