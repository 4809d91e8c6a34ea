package rules

import (
	"hash/maphash"
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
	Per      string        // the other one of both: whose list it is; empty: everybody's
	On       []int         // final SIP statuses that teach
	Upstream []string      // trunks whose answers teach; no other's do
	Scoped   bool          // what an upstream taught counts for calls to that upstream alone
	After    int           // distinct other parties it takes, 1 to 16; 1 of a list per subscriber
	Within   time.Duration // in which they must be heard, in whole seconds; 0: as long as For
	For      time.Duration // how long a number is remembered after the last of them, in whole seconds
}

// LearnedEntry is a change of a learned list, or one number of it. The zero
// Until says that the number was taken off.
type LearnedEntry struct {
	List       string    `json:"list"`
	Number     Number    `json:"number"`
	Subscriber Number    `json:"subscriber,omitzero"` // whose list it is on, absent for everybody's
	Upstream   string    `json:"upstream,omitempty"`  // that it counts for, empty for all
	By         string    `json:"by,omitempty"`        // who taught it last, where that is not Upstream
	Until      time.Time `json:"until,omitzero"`
}

// learnedKey is what a learned list holds: a number, and for whom.
type learnedKey struct {
	number uint64
	of     uint64 // 0: everybody; a subscriber's number; or what upstreamKey says of an upstream
}

// upstreamKey stands for an upstream where a subscriber's number could.
func upstreamKey(name string) uint64 { return nameHash(name) | rawBit }

// hash is what stands for k in tables: the number itself in lists for everybody,
// which are the large ones.
func (k learnedKey) hash() uint64 {
	if k.of == 0 {
		return k.number
	}
	return maphash.Comparable(originSeed, k) | rawBit
}

// key is that of an entry.
func (e *LearnedEntry) key() learnedKey {
	k := learnedKey{number: e.Number.key, of: e.Subscriber.key}
	if e.Upstream != "" {
		k.of = upstreamKey(e.Upstream)
	}
	return k
}

// Learned is one learned list, bounded, in memory. Asking is safe beside
// everything and takes a lock that few others want.
type Learned struct {
	name   string
	shards [learnedShards]learnedShard

	mu      sync.Mutex // of what teaching needs, taken before a shard's
	spec    LearnSpec  // zero: nothing teaches any more
	max     int
	heap    lessonHeap
	windows map[string]*window // by upstream
	names   []string           // of upstreams that taught; a lesson says which by place + 1

	length    atomic.Int64
	known     int // lessons that are on the list
	taught    uint64
	forgotten uint64
	evicted   uint64
}

const (
	learnedShards = 64
	maxAfter      = 16      // other parties of one number that are remembered
	maxTeachers   = 1 << 15 // upstreams whose names a list remembers
)

// learnedShard is a part of the list, by the hash of a key.
type learnedShard struct {
	mu      sync.RWMutex       // of until
	until   map[uint64]int64   // what is on the list: seconds since 1970 at which it is forgotten
	lessons map[uint64]*lesson // under the list's lock
	_       [24]byte           // keeps neighbours' locks off this cache line
}

// LearnedStats says what a learned list holds and what happened to it.
type LearnedStats struct {
	Name      string
	Length    int    // numbers learned, and those heard of by fewer than After others
	Capacity  int    // how many there can be
	Taught    uint64 // numbers that came on the list
	Forgotten uint64 // numbers taken off: they rang or answered, their upstream was silenced, or by hand
	Evicted   uint64 // numbers that made room for others, the soonest to expire first
	Upstreams []UpstreamStats
}

func newLearned(name string, bound int) *Learned {
	l := &Learned{name: name, max: max(bound, 1), windows: map[string]*window{}}
	for i := range l.shards {
		l.shards[i].until, l.shards[i].lessons = map[uint64]int64{}, map[uint64]*lesson{}
	}
	return l
}

func (l *Learned) shard(hash uint64) *learnedShard { return &l.shards[hashKey(hash)>>58] }

// has tells whether k is on the list at that time. It does not allocate.
func (l *Learned) has(k learnedKey, at time.Time) bool {
	if l.length.Load() == 0 {
		return false
	}
	hash := k.hash()
	s := l.shard(hash)
	s.mu.RLock()
	until, ok := s.until[hash]
	s.mu.RUnlock()
	return ok && at.Unix() < until
}

// set puts a lesson on the list, or with 0 takes it off.
func (l *Learned) set(x *lesson, until int64) {
	hash := x.key.hash()
	s := l.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if until == 0 {
		delete(s.until, hash)
	} else {
		s.until[hash] = until
	}
}

// lesson is a number that was taught, or was not yet taught often enough.
type lesson struct {
	key   learnedKey
	until int64     // seconds since 1970
	heard []hearing // the distinct other parties until it is known, fewer than After
	place int32     // in the heap
	by    uint16    // who taught it last, 0 for nobody known
	known bool      // it is on the list
}

// hearing is another party of a number, and when it was heard last.
type hearing struct {
	party uint64
	at    int64
}

// hear counts another party of the number; true when there were enough within
// so many seconds.
func (x *lesson) hear(party uint64, at, within int64, enough int) bool {
	if x.known {
		return true
	}
	x.heard = slices.DeleteFunc(x.heard, func(h hearing) bool { return h.party == party || h.at <= at-within })
	if len(x.heard)+1 >= enough {
		x.heard = nil
		return true
	}
	x.heard = append(x.heard, hearing{party, at})
	return false
}

// lesson is that of k, nil for none.
func (l *Learned) lesson(k learnedKey) *lesson {
	hash := k.hash()
	return l.shard(hash).lessons[hash]
}

// learn counts one teaching answer for a number, by the other party of the
// call; true when that put the number on the list or prolonged it.
func (l *Learned) learn(k learnedKey, party uint64, upstream string, at int64, keep KeepFunc) bool {
	by := l.teacher(upstream)
	if by == 0 && l.spec.Scoped {
		return false // nobody could tell for whom it counts
	}
	within := int64(l.spec.Within / time.Second)
	x := l.lesson(k)
	if x != nil && x.until <= at {
		l.drop(x)
		x = nil
	}
	if x == nil {
		l.makeRoom(at, keep)
		x = l.insert(k, at+within)
	}
	if !x.hear(party, at, within, l.spec.After) {
		l.heap.move(x, at+within)
		return false
	}
	if !x.known {
		l.taught++
	}
	l.settle(x, at+int64(l.spec.For/time.Second), by)
	keep.change(l.entry(x))
	return true
}

// teacher is the place + 1 of an upstream's name, 0 when there are too many.
func (l *Learned) teacher(upstream string) uint16 {
	if upstream == "" {
		return 0
	}
	i := slices.Index(l.names, upstream)
	if i < 0 {
		if i = len(l.names); i == maxTeachers {
			return 0
		}
		l.names = append(l.names, upstream)
	}
	return uint16(i + 1)
}

// entry is what is told of a lesson.
func (l *Learned) entry(x *lesson) LearnedEntry {
	e := LearnedEntry{List: l.name, Number: Number{x.key.number}, Until: instant(x.until)}
	if x.by > 0 {
		e.By = l.names[x.by-1]
	}
	switch of := x.key.of; {
	case of&rawBit != 0:
		e.Upstream, e.By = e.By, ""
	case of != 0:
		e.Subscriber = Number{of}
	}
	return e
}

// gone is what is told of a lesson that was taken off.
func (l *Learned) gone(x *lesson) LearnedEntry {
	e := l.entry(x)
	e.By, e.Until = "", time.Time{}
	return e
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
			keep.change(l.gone(x))
		}
	}
}

// forget takes a number off the list.
func (l *Learned) forget(k learnedKey, keep KeepFunc) {
	if x := l.lesson(k); x != nil {
		l.takeOff(x, keep)
	}
}

func (l *Learned) takeOff(x *lesson, keep KeepFunc) {
	l.drop(x)
	if x.known {
		l.forgotten++
		keep.change(l.gone(x))
	}
}

// insert begins a lesson, with its end: the heap has least to do then.
func (l *Learned) insert(k learnedKey, until int64) *lesson {
	x := &lesson{key: k, until: until}
	hash := k.hash()
	l.shard(hash).lessons[hash] = x
	l.heap.add(x)
	l.length.Store(int64(len(l.heap)))
	return x
}

// settle puts a lesson on the list, or prolongs it there.
func (l *Learned) settle(x *lesson, until int64, by uint16) {
	if !x.known {
		l.known++
	}
	x.known, x.heard, x.by = true, nil, by
	l.set(x, until)
	l.heap.move(x, until)
}

func (l *Learned) drop(x *lesson) {
	hash := x.key.hash()
	delete(l.shard(hash).lessons, hash)
	l.heap.remove(x)
	l.length.Store(int64(len(l.heap)))
	if x.known {
		l.known--
		l.set(x, 0)
	}
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
