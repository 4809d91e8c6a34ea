package rules

import (
	"hash/maphash"
	"sync"
)

// attempts remembers the newest call attempts, so that a call that is asked
// about again is not counted again. The same Call-ID, From tag and CSeq is one
// attempt. It holds 65536 of them, in sets of four of which the oldest goes: an
// attempt may be forgotten early for others, and is then counted twice.
type attempts struct {
	seed   maphash.Seed
	shards [attemptShards]attemptShard
}

const (
	attemptShards = 256
	attemptSets   = 64 // of a shard
	attemptWays   = 4  // of a set
)

type attemptShard struct {
	mu   sync.Mutex
	sets [attemptSets]attemptSet
}

// attemptSet is a ring of attempts.
type attemptSet struct {
	slots [attemptWays]attemptSlot
	next  uint8
}

// attemptSlot is an attempt, and where Pending last remembered its call.
type attemptSlot struct {
	hash   uint64 // 0: none
	place  uint64
	placed bool
}

func newAttempts() *attempts { return &attempts{seed: maphash.MakeSeed()} }

// attemptRef is an attempt as it was asked about; the zero one is of a call
// without a Call-ID, which is always the first of its kind.
type attemptRef struct {
	hash  uint64
	again bool // it was asked about before
}

// see remembers that c is asked about.
func (a *attempts) see(c *Call) attemptRef {
	h := a.hash(c.CallID, c.FromTag, c.CSeq)
	if h == 0 {
		return attemptRef{}
	}
	s, set := a.set(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if set.find(h) != nil {
		return attemptRef{h, true}
	}
	set.slots[set.next] = attemptSlot{hash: h}
	set.next = (set.next + 1) % attemptWays
	return attemptRef{h, false}
}

// saw tells whether an attempt was asked about.
func (a *attempts) saw(ref attemptRef) bool {
	s, set := a.set(ref.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	return set.find(ref.hash) != nil
}

// hash is that of an attempt, 0 for a call without a Call-ID.
func (a *attempts) hash(callID, fromTag string, cseq uint32) uint64 {
	if callID == "" {
		return 0
	}
	h := maphash.String(a.seed, callID)
	h = (h ^ maphash.String(a.seed, fromTag)>>1 ^ uint64(cseq)) * 0x9e3779b97f4a7c15
	return max(h^h>>32, 1)
}

// set is where an attempt belongs.
func (a *attempts) set(h uint64) (*attemptShard, *attemptSet) {
	s := &a.shards[h%attemptShards]
	return s, &s.sets[h/attemptShards%attemptSets]
}

// find is the attempt of that hash, nil when it is forgotten.
func (s *attemptSet) find(h uint64) *attemptSlot {
	for i := range s.slots {
		if s.slots[i].hash == h {
			return &s.slots[i]
		}
	}
	return nil
}

// place notes where Pending remembers the call.
func (a *attempts) place(ref attemptRef, place uint64) {
	s, set := a.set(ref.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot := set.find(ref.hash); slot != nil {
		slot.place, slot.placed = place, true
	}
}

// placed tells where Pending remembers the call of an attempt.
func (a *attempts) placed(ref attemptRef) (place uint64, ok bool) {
	s, set := a.set(ref.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot := set.find(ref.hash); slot != nil {
		return slot.place, slot.placed
	}
	return 0, false
}
