package rules

import (
	"hash/maphash"
	"sync/atomic"
)

// attempts remembers the newest call attempts, so that a call that is asked
// about again is not counted again. The same Call-ID, From tag and CSeq is one
// attempt. It is a table of hashes without locks: an attempt may be forgotten
// early for another one, and is then counted twice.
type attempts struct {
	seed  maphash.Seed
	slots [1 << 14]atomic.Uint64
}

func newAttempts() *attempts { return &attempts{seed: maphash.MakeSeed()} }

// first tells whether c is asked about for the first time. Calls without a
// Call-ID always are.
func (a *attempts) first(c *Call) bool {
	if c.CallID == "" {
		return true
	}
	h := maphash.String(a.seed, c.CallID)
	h = (h ^ maphash.String(a.seed, c.FromTag)>>1 ^ uint64(c.CSeq)) * 0x9e3779b97f4a7c15
	h = max(h^h>>32, 1)
	return a.slots[h%uint64(len(a.slots))].Swap(h) != h
}
