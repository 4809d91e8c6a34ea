package rules

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/ristretto/v2"
)

// Bounds of the cache of candidates.
const (
	maxClass   = 32   // postings in a class that is kept
	cacheQueue = 1024 // classes that wait to be put into the cache
	entryBytes = 160  // of an entry beside its hits and rules, with the cache's own books
	frontBytes = 1024 // of an entry before ristretto, at most
	frontBits  = 11   // log2 of how many those can be, + 1
)

// candidateCache keeps the merged candidate rules of each class of calls. A
// class is the generation of the ruleset and the postings that a call hits; it
// repeats as callers do not. What is missing is merged by a goroutine of its
// own: a call that misses goes on with the lists as they are.
//
// Before ristretto, whose Get costs as much as a few rules, stand the classes
// that were found last, each in the one place that its hash has. They take an
// eighth of the bytes at most.
type candidateCache struct {
	front []atomic.Pointer[candidates]
	cache *ristretto.Cache[uint64, *candidates]
	queue chan class
	done  sync.WaitGroup

	hits, misses, dropped counter
}

// candidates are the rules that calls of a class can match.
type candidates struct {
	generation uint64
	hits       []uint32
	rules      []int32
}

// are tells whether c is of the class.
func (c *candidates) are(generation uint64, hits []uint32) bool {
	return c.generation == generation && slices.Equal(c.hits, hits)
}

func (c *candidates) cost() int64 { return entryBytes + int64(4*(len(c.hits)+cap(c.rules))) }

// class is one that was missed.
type class struct {
	live *live
	key  uint64
	n    int
	hits [maxClass]uint32
}

// newCandidateCache makes a cache of up to size bytes.
func newCandidateCache(size int64) (*candidateCache, error) {
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, *candidates]{
		NumCounters:        max(10*size/entryBytes, 1000),
		MaxCost:            size,
		BufferItems:        1024, // a full buffer costs one allocation
		IgnoreInternalCost: true,
		KeyToHash:          func(key uint64) (uint64, uint64) { return key, 0 },
	})
	if err != nil {
		return nil, fmt.Errorf("cache of candidates of %d bytes: %w", size, err)
	}
	c := &candidateCache{cache: cache, queue: make(chan class, cacheQueue)}
	places := min(bits.Len64(uint64(size/8/frontBytes)), frontBits)
	c.front = make([]atomic.Pointer[candidates], 1<<places>>1)
	c.done.Go(c.fill)
	return c, nil
}

// find is the rules of the class that hits is, false when they are not kept.
// A miss asks for them, unless too many wait already.
func (c *candidateCache) find(l *live, hits []uint32, stripe uint32) ([]int32, bool) {
	if len(hits) > maxClass {
		c.misses.add(stripe)
		c.dropped.add(stripe)
		return nil, false
	}
	key := classKey(l.generation, hits)
	var place *atomic.Pointer[candidates]
	if len(c.front) > 0 {
		place = &c.front[key&uint64(len(c.front)-1)]
		if e := place.Load(); e != nil && e.are(l.generation, hits) {
			c.hits.add(stripe)
			return e.rules, true
		}
	}
	if e, ok := c.cache.Get(key); ok && e.are(l.generation, hits) {
		if place != nil && e.cost() <= frontBytes {
			place.Store(e)
		}
		c.hits.add(stripe)
		return e.rules, true
	}
	c.miss(l, key, hits, stripe)
	return nil, false
}

// miss asks for the rules of a class.
func (c *candidateCache) miss(l *live, key uint64, hits []uint32, stripe uint32) {
	c.misses.add(stripe)
	missed := class{live: l, key: key, n: len(hits)}
	copy(missed.hits[:], hits)
	select {
	case c.queue <- missed:
	default:
		c.dropped.add(stripe)
	}
}

// fill merges the classes that were missed, until the queue is closed.
func (c *candidateCache) fill() {
	var lists [][]int32
	for missed := range c.queue {
		hits := missed.hits[:missed.n]
		if e, ok := c.cache.Get(missed.key); ok && e.are(missed.live.generation, hits) {
			continue // several calls missed it
		}
		e := &candidates{generation: missed.live.generation, hits: slices.Clone(hits)}
		lists = missed.live.set.index.lists(lists[:0], e.hits)
		for n := next(lists); n >= 0; n = next(lists) {
			e.rules = append(e.rules, n)
		}
		if !c.cache.Set(missed.key, e, e.cost()) {
			c.dropped.add(0)
		}
	}
}

// close waits for the goroutine. No call may be under way.
func (c *candidateCache) close() {
	close(c.queue)
	c.done.Wait()
	c.cache.Close()
}

// classKey is a 64-bit hash of a class; entries hold the class itself, too.
func classKey(generation uint64, hits []uint32) uint64 {
	h := generation * 0x9e3779b97f4a7c15
	for _, id := range hits {
		h ^= uint64(id) + 1
		h *= 0xff51afd7ed558ccd
		h ^= h >> 32
	}
	h ^= uint64(len(hits))
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>29
}
