package rules

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// LearnSpec declares a learned list: numbers of which an upstream said
// something by its final answer.
type LearnSpec struct {
	Name     string
	From     string        // "callee" or "caller": whose number is learned
	On       []int         // final SIP statuses that teach
	Upstream []string      // trunks whose answers teach; no other's do
	After    int           // distinct other parties it takes, 1 to 16
	For      time.Duration // how long a number is remembered after the last of them, in whole seconds
}

// LearnedEntry is a change of a learned list, or one number of it. The zero
// Until says that the number was taken off.
type LearnedEntry struct {
	List   string    `json:"list"`
	Number Number    `json:"number"`
	Until  time.Time `json:"until,omitzero"`
}

// Learned is one learned list, bounded, in memory. Has is safe beside
// everything and takes a lock that few others want.
type Learned struct {
	name   string
	shards [learnedShards]learnedShard

	mu      sync.Mutex // of what teaching needs, taken before a shard's
	spec    LearnSpec  // zero: nothing teaches any more
	max     int
	heap    lessonHeap
	lessons map[uint64]*lesson
	windows map[string]*window // by upstream

	length    atomic.Int64
	taught    uint64
	forgotten uint64
	evicted   uint64
}

const (
	learnedShards = 64
	maxAfter      = 16 // other parties of one number that are remembered
)

type learnedShard struct {
	mu    sync.RWMutex
	until map[uint64]int64 // by number: seconds since 1970 at which it is forgotten
	_     [32]byte         // keeps neighbours' locks off this cache line
}

// LearnedStats says what a learned list holds and what happened to it.
type LearnedStats struct {
	Name      string
	Length    int    // numbers learned, and those heard of by fewer than After others
	Capacity  int    // how many there can be
	Taught    uint64 // numbers that came on the list
	Forgotten uint64 // numbers taken off: they rang or answered, or their upstream was silenced
	Evicted   uint64 // numbers that made room for others, the soonest to expire first
	Upstreams []UpstreamStats
}

func newLearned(name string, bound int) *Learned {
	l := &Learned{name: name, max: max(bound, 1), lessons: map[uint64]*lesson{}, windows: map[string]*window{}}
	for i := range l.shards {
		l.shards[i].until = map[uint64]int64{}
	}
	return l
}

func (l *Learned) shard(key uint64) *learnedShard { return &l.shards[hashKey(key)>>58] }

// Has tells whether n is on the list at that time. It does not allocate.
func (l *Learned) Has(n Number, at time.Time) bool {
	if l.length.Load() == 0 {
		return false
	}
	s := l.shard(n.key)
	s.mu.RLock()
	until, ok := s.until[n.key]
	s.mu.RUnlock()
	return ok && at.Unix() < until
}

// Until is when the list forgets n, zero when n is not on it at that time.
func (l *Learned) Until(n Number, at time.Time) time.Time {
	s := l.shard(n.key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if until := s.until[n.key]; at.Unix() < until {
		return instant(until)
	}
	return time.Time{}
}

// set puts a number on the list, or with 0 takes it off.
func (l *Learned) set(key uint64, until int64) {
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if until == 0 {
		delete(s.until, key)
	} else {
		s.until[key] = until
	}
}

// lesson is a number that was taught, or was not yet taught often enough.
type lesson struct {
	key   uint64
	until int64    // seconds since 1970
	heard []uint64 // the distinct other parties until it is known, fewer than After
	known bool     // it is on the list
	place int      // in the heap
}

// hear counts another party of the number; true when there were enough.
func (x *lesson) hear(party uint64, enough int) bool {
	switch {
	case x.known || slices.Contains(x.heard, party):
	case len(x.heard)+1 < enough:
		x.heard = append(x.heard, party)
	default:
		x.known, x.heard = true, nil
	}
	return x.known
}

// learn counts one teaching answer for a number, by the other party of the
// call; true when that put the number on the list or prolonged it.
func (l *Learned) learn(key, party uint64, at int64, keep KeepFunc) bool {
	x := l.lessons[key]
	if x != nil && x.until <= at {
		l.drop(x)
		x = nil
	}
	if x == nil {
		l.makeRoom(at, keep)
		x = &lesson{key: key}
		l.insert(x)
	}
	before := x.known
	l.heap.move(x, at+int64(l.spec.For/time.Second))
	if !x.hear(party, l.spec.After) {
		return false
	}
	if !before {
		l.taught++
	}
	l.set(key, x.until)
	keep.change(l.name, key, x.until)
	return true
}

// makeRoom takes off what has expired, and when the list is full what expires
// soonest.
func (l *Learned) makeRoom(at int64, keep KeepFunc) {
	for len(l.heap) > 0 && l.heap[0].until <= at {
		l.drop(l.heap[0])
	}
	for len(l.heap) >= l.max {
		x := l.heap[0]
		l.evicted++
		l.drop(x)
		if x.known {
			keep.change(l.name, x.key, 0)
		}
	}
}

// forget takes a number off the list.
func (l *Learned) forget(key uint64, keep KeepFunc) {
	x := l.lessons[key]
	if x == nil {
		return
	}
	l.drop(x)
	if x.known {
		l.forgotten++
		keep.change(l.name, key, 0)
	}
}

func (l *Learned) insert(x *lesson) {
	l.lessons[x.key] = x
	l.heap.add(x)
	l.length.Store(int64(len(l.heap)))
}

func (l *Learned) drop(x *lesson) {
	delete(l.lessons, x.key)
	l.heap.remove(x)
	l.length.Store(int64(len(l.heap)))
	l.set(x.key, 0)
}

// stats are those of the list now.
func (l *Learned) stats() LearnedStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LearnedStats{Name: l.name, Length: len(l.heap), Capacity: l.max, Taught: l.taught, Forgotten: l.forgotten, Evicted: l.evicted}
	for _, name := range l.spec.Upstream {
		if w := l.windows[name]; w != nil {
			s.Upstreams = append(s.Upstreams, w.stats(name))
		}
	}
	return s
}
