package rules

import "sync/atomic"

// counter counts what nearly every call does, in stripes that frames share out,
// so that processors do not take a cache line from each other.
type counter struct{ stripes [counterStripes]stripe }

type stripe struct {
	n atomic.Uint64
	_ [56]byte // the rest of a cache line
}

const counterStripes = 8

func (c *counter) add(stripe uint32) { c.stripes[stripe%counterStripes].n.Add(1) }

// Load adds up the stripes.
func (c *counter) Load() (sum uint64) {
	for i := range c.stripes {
		sum += c.stripes[i].n.Load()
	}
	return sum
}
