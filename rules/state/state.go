// Package state keeps what calls did, for each of many keys, in memory that is
// bounded: how many, how they ended, with how many others. It knows no call:
// its keys are hashes, what a call did are numbers, and its clock comes with them.
package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// MaxWindow is the longest window that can be asked about.
const MaxWindow = 30 * 24 * time.Hour

// Shape says what is counted of a kind of keys. Shapes that are equal are one.
type Shape struct {
	Attempts bool          // call attempts
	Passed   bool          // of them, those that were let pass; needs Attempts
	Finished bool          // calls that are over, and what they add up to
	Tallies  []string      // what that is, by names that outlive the process
	Distinct bool          // the values that a key is seen with
	Runs     time.Duration // of them, new ones next to others of such a window; needs Distinct and Attempts
	Keep     time.Duration // the longest window that is asked about

	keep, runs uint32
}

func (s *Shape) stride() int { return 1 + len(s.Tallies) }

func (s *Shape) attemptStride() int { return 1 + len(s.attemptTallies()) }

// attemptTallies are what attempts add up to.
func (s *Shape) attemptTallies() []string {
	switch {
	case s.runs > 0 && s.Passed:
		return attemptNames[:]
	case s.runs > 0:
		return attemptNames[:1]
	case s.Passed:
		return attemptNames[1:]
	}
	return nil
}

var attemptNames = [...]string{"run", "passed"}

// passedTally is the place of those that were let pass among what attempts add up
// to.
func (s *Shape) passedTally() int { return len(s.attemptTallies()) - 1 }

// equal tells whether records of one are records of the other.
func (s *Shape) equal(o *Shape) bool {
	return s.Attempts == o.Attempts && s.Passed == o.Passed && s.Finished == o.Finished && s.Distinct == o.Distinct && s.runs == o.runs && s.keep == o.keep && slices.Equal(s.Tallies, o.Tallies)
}

// Kind is a shape that a store knows.
type Kind struct {
	shape  Shape
	number int // of those that the store knows
}

// Store keeps the records. It is safe for concurrent use.
type Store struct {
	seed   Seed
	shards [shards]shard
	memory *memory
	kinds  atomic.Pointer[[]*Kind] // only ever added to
	adding sync.Mutex
}

// shards are as many as the bits of a key that a slot does not hold tell apart.
const shards = 64

// Most shapes, and tallies of one, that a store can have.
const (
	maxShapes  = 1 << 16
	maxTallies = 16
)

var errShapes = errors.New("too many kinds of records were counted since the start, restart the daemon")

// Seed makes keys that nobody can choose. Records are found again with the seed
// that they were counted with.
type Seed [2]uint64

// NewSeed is one that nobody knows.
func NewSeed() Seed { return Seed{rand.Uint64(), rand.Uint64()} }

// New makes a store of so many bytes at most, LeastBytes at least. Its owner
// closes it.
func New(bytes int64, seed Seed) *Store {
	bytes = max(bytes, LeastBytes)
	s := &Store{seed: seed, memory: newMemory(bytes)}
	s.kinds.Store(new([]*Kind))
	for i := range s.shards {
		s.shards[i].start(bytes/shards, s.memory, &s.kinds)
	}
	return s
}

// Seed is that of the keys.
func (s *Store) Seed() Seed { return s.seed }

// Close gives the memory back. The store is not used any more.
func (s *Store) Close() { s.memory.release() }

// LeastBytes is a page of records for each shard, and their tables.
const LeastBytes = shards * (pageBytes + slotBytes*leastSlots)

// Kind is that of a shape. Equal shapes are of one kind.
func (s *Store) Kind(shape Shape) (*Kind, error) {
	shape.keep, shape.runs = span(shape.Keep), span(shape.Runs)
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

// Attempt counts a call attempt, with a value that the key is seen with, 0 for
// none, and then answers questions about the key.
func (s *Store) Attempt(k Key, kind *Kind, at time.Time, with uint64, wants []Want, got []Got) {
	sh := s.shard(k)
	sh.mu.Lock()
	if r := sh.attempt(k, kind, at, with); r != nil {
		r.answer(&kind.shape, at, wants, got)
	} else {
		sh.read(k, kind, at, wants, got, &with) // there is no room, and no record
	}
	sh.mu.Unlock()
}

// Pass counts that the newest attempt was let pass, if it was, and with going that
// a call goes on from now on.
func (s *Store) Pass(k Key, kind *Kind, at time.Time, passed, going bool) {
	sh := s.shard(k)
	sh.mu.Lock()
	if r := sh.open(k, kind, at); r != nil {
		if passed {
			r.pass(&kind.shape, at)
		}
		if going {
			r[open]++
		}
	}
	sh.mu.Unlock()
}

// Finish counts a call that is over, and what it adds to each tally of its kind.
// One that began goes on no more.
func (s *Store) Finish(k Key, kind *Kind, at time.Time, tallies []uint32, began bool) {
	sh := s.shard(k)
	sh.mu.Lock()
	sh.finish(k, kind, at, tallies, began)
	sh.mu.Unlock()
}

// End takes a call off those that go on, and counts nothing else of it.
func (s *Store) End(k Key) {
	sh := s.shard(k)
	sh.mu.Lock()
	if place, r := sh.find(k); r != nil {
		sh.slots[place] |= changed
		r.end(true)
	}
	sh.mu.Unlock()
}

// What can be asked of a key.
type Question uint8

const (
	Attempts   Question = iota // call attempts in the window
	Finished                   // calls that were over in the window; Sum is their tally
	Distinct                   // values that the key was seen with in the window
	Runs                       // attempts in the window with a value that is next to another
	Going                      // calls that are going on
	First                      // seconds since the key was first seen
	Passed                     // call attempts in the window that were let pass
	Idle                       // seconds since the newest call that was let pass, or Never
	IdleBefore                 // seconds since the one before that, or Never
	Part                       // calls that were over in the window, by tallies alone: Sum is one and Count is another
)

// Want is one question about a key.
type Want struct {
	Ask    Question
	Tally  int    // of Finished and Part
	Among  int    // the other tally of Part
	Window uint32 // as Span makes it
	Enough uint64 // of Distinct: counting may stop beyond it; 0: it counts all
}

// Span is a window as Want has it.
func Span(d time.Duration) uint32 { return span(d) }

// Got answers a Want.
type Got struct{ Count, Sum uint64 }

// Never is how long ago it is that what was not seen before was.
const Never = 1<<64 - 1

// Read answers questions about one key, all of the same moment. What is not
// known of is 0, or Never.
func (s *Store) Read(k Key, kind *Kind, at time.Time, wants []Want, got []Got) {
	sh := s.shard(k)
	sh.mu.Lock()
	sh.read(k, kind, at, wants, got, nil)
	sh.mu.Unlock()
}

// Foresee answers as Attempt would, and counts nothing.
func (s *Store) Foresee(k Key, kind *Kind, at time.Time, with uint64, wants []Want, got []Got) {
	sh := s.shard(k)
	sh.mu.Lock()
	sh.read(k, kind, at, wants, got, &with)
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
