package rules

import (
	"runtime"
	"strings"
	"sync"
	"time"

	"ringfence/rules/state"
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
	attempt        uint64 // a hash of it, 0 for none
	Plain          bool   // the Request-URI said the callee and nothing else
	Again          bool   // the attempt was asked about before
	Told           bool   // what became of the attempt was told by an earlier decision on it
	Withheld       bool   // the caller asked not to be shown

	// By what it is counted when it is over: the first kept of them.
	keys  [maxKept]state.Hash
	by    [maxKept]uint16 // subjects by their numbers
	kept  uint8
	going uint8 // bits of those by which it is counted as going on
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
	Expired          uint64 // calls that were taken to be over because nothing more was heard of them
}

// pendingShard is a ring of calls, oldest first to go.
type pendingShard struct {
	mu      sync.Mutex
	ring    []pendingSlot
	next    int // slot of the ring to be filled next
	length  int
	open    int
	evicted uint64
	expired uint64
	_       [64]byte // keeps neighbours' locks off this cache line
}

// pendingSlot is a call under the id that Add gave it.
type pendingSlot struct {
	id    ID
	stage stage
	lease int64 // when its switch last said that it goes on, seconds since 1970; 0: never
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
// it is no search. The call that had to be forgotten for it before it was known to
// be over, if one had to, is told.
func (p *Pending) Add(id *ID, call *pendingCall) (evicted pendingCall, ok bool) {
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
		evicted, ok = slot.call, true
	}
	id.setPlace(uint64(at)*uint64(len(p.shards)) + shard)
	slot.id, slot.stage, slot.lease, slot.call = *id, waiting, 0, *call
	if s.next++; s.next == len(s.ring) {
		s.next = 0
	}
	s.mu.Unlock()
	return evicted, ok
}

// find is the shard and the place in it where a call is remembered, if it is.
func (p *Pending) find(id *ID) (*pendingShard, int) { return p.at(id.place()) }

func (p *Pending) at(place uint64) (*pendingShard, int) {
	shards := uint64(len(p.shards)) // a power of two
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
	if slot.stage = reached; reached == over {
		s.end(slot)
	}
	return slot.call, which, Counted
}

// goesOn is the id of the call of an attempt that is remembered in that place,
// zero when that is not so or the call is known to be over.
func (p *Pending) goesOn(place, attempt uint64) ID {
	s, at := p.at(place)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at >= s.length || s.ring[at].stage == over || s.ring[at].call.attempt != attempt {
		return ID{}
	}
	return s.ring[at].id
}

// supersede ends the call of an attempt that is remembered in that place, unless
// something is known of it already: then it was told of, or is over and so was the
// one before it.
func (p *Pending) supersede(place, attempt uint64) (call pendingCall, told, ok bool) {
	s, at := p.at(place)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at >= s.length || s.ring[at].call.attempt != attempt {
		return pendingCall{}, false, false
	}
	slot := &s.ring[at]
	if slot.stage == waiting {
		s.end(slot)
		return slot.call, slot.call.Told, true
	}
	return slot.call, true, true
}

// end notes that a call is over.
func (s *pendingShard) end(slot *pendingSlot) {
	slot.stage = over
	s.open--
}

// renew notes that a switch says of calls that they go on, and tells how many of
// them are remembered.
func (p *Pending) renew(ids []ID, at time.Time) (known int) {
	for i := range ids {
		s, place := p.find(&ids[i])
		s.mu.Lock()
		if slot := s.slot(&ids[i], place); slot != nil && slot.stage != over {
			slot.lease = max(slot.lease, at.Unix())
			known++
		}
		s.mu.Unlock()
	}
	return known
}

// leaseTime is how long a call of which a switch has said that it goes on is
// believed to, without its saying so again.
const leaseTime = 100 * time.Second

// expireSlots are looked at under one lock, so that no call waits long.
const expireSlots = 1024

// expire ends the calls whose switch says no more that they go on, and those of
// which no switch ever said so and that are older than a call can be, and gives
// them to lose.
func (p *Pending) expire(at time.Time, age time.Duration, lose func(*pendingCall)) {
	oldest, lapsed := at.Add(-age).UnixNano(), at.Add(-leaseTime).Unix()
	for i := range p.shards {
		s := &p.shards[i]
		for from, length := 0, 1; from < length; from += expireSlots {
			s.mu.Lock()
			length = s.length
			for j := from; j < min(from+expireSlots, length); j++ {
				slot := &s.ring[j]
				if slot.stage == over || slot.lease > lapsed || slot.lease == 0 && slot.call.At > oldest {
					continue
				}
				s.end(slot)
				s.expired++
				lose(&slot.call)
			}
			s.mu.Unlock()
		}
	}
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
		t.Expired += s.expired
		s.mu.Unlock()
	}
	return t
}
