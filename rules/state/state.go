// Package state keeps what calls did, for each of many keys, in memory that is
// bounded: how many, how they ended, with how many others. It knows no call:
// its keys are hashes, what a call did are numbers, and its clock comes with them.
package state

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// MaxWindow is the longest window that can be asked about.
const MaxWindow = 30 * 24 * time.Hour

// Key names a record: a hash of what it is about, of 128 bits.
type Key struct{ Hi, Lo uint64 }

// Shape says what is counted of a kind of keys. Shapes that are equal are one.
type Shape struct {
	Attempts bool          // call attempts
	Finished bool          // calls that are over, and what they add up to
	Tallies  []string      // what that is, by names that outlive the process
	Distinct bool          // the values that a key is seen with
	Keep     time.Duration // the longest window that is asked about

	keep uint32
}

func (s *Shape) stride() int { return 1 + len(s.Tallies) }

// equal tells whether records of one are records of the other.
func (s *Shape) equal(o *Shape) bool {
	return s.Attempts == o.Attempts && s.Finished == o.Finished && s.Distinct == o.Distinct && s.keep == o.keep && slices.Equal(s.Tallies, o.Tallies)
}

// Kind is a shape that a store knows.
type Kind struct {
	shape  Shape
	number int // of those that the store knows
}

// Store keeps the records. It is safe for concurrent use.
type Store struct {
	shards [shards]shard
	memory *memory
	kinds  atomic.Pointer[[]*Kind] // only ever added to
	adding sync.Mutex
}

// shards are as many as the bits of a key that a slot does not hold tell apart.
const shards = 64

// Most shapes, and tallies of one, that a store can have.
const (
	maxShapes  = 1 << 12
	maxTallies = 16
)

var errShapes = errors.New("too many kinds of records were counted since the start, restart the daemon")

// New makes a store of so many bytes at most, LeastBytes at least. Its owner
// closes it.
func New(bytes int64) *Store {
	bytes = max(bytes, LeastBytes)
	s := &Store{memory: newMemory(bytes)}
	s.kinds.Store(new([]*Kind))
	for i := range s.shards {
		s.shards[i].start(bytes/shards, s.memory, &s.kinds)
	}
	return s
}

// Close gives the memory back. The store is not used any more.
func (s *Store) Close() { s.memory.release() }

// LeastBytes is a page of records for each shard, and their tables.
const LeastBytes = shards * (pageBytes + slotBytes*leastSlots)

// Kind is that of a shape. Equal shapes are of one kind.
func (s *Store) Kind(shape Shape) (*Kind, error) {
	shape.keep = span(shape.Keep)
	shape.Tallies = slices.Clone(shape.Tallies)
	if len(shape.Tallies) > maxTallies {
		return nil, fmt.Errorf("%d things are added up of the calls of one key, at most %d can be", len(shape.Tallies), maxTallies)
	}
	s.adding.Lock()
	defer s.adding.Unlock()
	kinds := *s.kinds.Load()
	for _, k := range kinds {
		if k.shape.equal(&shape) {
			return k, nil
		}
	}
	if len(kinds) == maxShapes {
		return nil, errShapes
	}
	k := &Kind{shape: shape, number: len(kinds)}
	kinds = append(slices.Clip(kinds), k)
	s.kinds.Store(&kinds)
	return k, nil
}

func (s *Store) shard(k Key) *shard { return &s.shards[k.Hi>>32%shards] }

// Attempt counts a call attempt, with a value that the key is seen with.
func (s *Store) Attempt(k Key, kind *Kind, at time.Time, with uint64) {
	sh := s.shard(k)
	sh.mu.Lock()
	sh.attempt(k, kind, at, with)
	sh.mu.Unlock()
}

// Begin counts a call that goes on from now on.
func (s *Store) Begin(k Key, kind *Kind, at time.Time) {
	sh := s.shard(k)
	sh.mu.Lock()
	if r := sh.open(k, kind, at); r != nil {
		r[open]++
	}
	sh.mu.Unlock()
}

// Finish counts a call that is over, and what it adds to each tally of its kind.
// A call that began goes on no more.
func (s *Store) Finish(k Key, kind *Kind, at time.Time, tallies []uint32) {
	sh := s.shard(k)
	sh.mu.Lock()
	sh.finish(k, kind, at, tallies)
	sh.mu.Unlock()
}

// What can be asked of a key.
type Question uint8

const (
	Attempts Question = iota // call attempts in the window
	Finished                 // calls that were over in the window; Sum is their tally
	Distinct                 // values that the key was seen with in the window
	Going                    // calls that are going on
	First                    // seconds since the key was first seen
	Idle                     // seconds since it was last seen before the attempt that is being decided
)

// Want is one question about a key.
type Want struct {
	Ask    Question
	Tally  int    // of Finished
	Window uint32 // as Span makes it
}

// Span is a window as Want has it.
func Span(d time.Duration) uint32 { return span(d) }

// Got answers a Want.
type Got struct{ Count, Sum uint64 }

// Read answers questions about one key, all of the same moment. What is not
// known of is 0.
func (s *Store) Read(k Key, kind *Kind, at time.Time, wants []Want, got []Got) {
	sh := s.shard(k)
	sh.mu.Lock()
	sh.read(k, kind, at, wants, got)
	sh.mu.Unlock()
}

// Stats adds up all shards.
func (s *Store) Stats() (t Stats) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		t.add(&sh.stats)
		t.Keys += int64(sh.used)
		t.Bytes += sh.slab.bytes() + slotBytes*int64(len(sh.slots))
		sh.mu.Unlock()
	}
	return t
}
