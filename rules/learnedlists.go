package rules

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// KeepFunc is told of every change of a learned list, in order, from within
// the list's lock: it must not block nor call back. Nil keeps nothing.
type KeepFunc func(LearnedEntry)

func (f KeepFunc) change(list string, key uint64, until int64) {
	if f != nil {
		f(LearnedEntry{List: list, Number: Number{key}, Until: instant(until)})
	}
}

// LearnedLists are all learned lists by name. They outlive reloads: a list
// that the rules no longer declare stays while it holds numbers. Safe for
// concurrent use.
type LearnedLists struct {
	bound int
	keep  KeepFunc

	mu    sync.RWMutex
	lists map[string]*Learned
	specs []*Learned // those that are declared
	never func(Number) bool
}

// NewLearnedLists makes room for so many numbers a list. keep is told of every
// change.
func NewLearnedLists(bound int, keep KeepFunc) *LearnedLists {
	return &LearnedLists{bound: bound, keep: keep, lists: map[string]*Learned{}}
}

// Named is the list of that name, which is made when there is none. It stays
// the same over reloads while it is declared or holds numbers.
func (a *LearnedLists) Named(name string) *Learned {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.named(name)
}

func (a *LearnedLists) named(name string) *Learned {
	l := a.lists[name]
	if l == nil {
		l = newLearned(name, a.bound)
		a.lists[name] = l
	}
	return l
}

// Swap takes over the lists that a new ruleset declares. never tells which
// numbers are not to be learned: emergency numbers and own inventory; those
// that were are taken off.
func (a *LearnedLists) Swap(specs []LearnSpec, never func(Number) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.never = never
	before := a.specs
	a.specs = nil
	for _, spec := range specs {
		l := a.named(spec.Name)
		l.redeclare(spec)
		a.specs = append(a.specs, l)
	}
	for _, l := range before {
		if !slices.Contains(a.specs, l) {
			l.redeclare(LearnSpec{})
		}
	}
	for name, l := range a.lists {
		if l.purge(never, a.keep); !l.knows() && !slices.Contains(a.specs, l) {
			delete(a.lists, name)
		}
	}
}

// knows tells whether a number is on the list, if only until it expires.
func (l *Learned) knows() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.heap, func(x *lesson) bool { return x.known })
}

// redeclare gives a list another spec; what an upstream answered stays known
// as long as the same statuses teach.
func (l *Learned) redeclare(spec LearnSpec) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := slices.Equal(l.spec.On, spec.On)
	l.spec = spec
	l.spec.After = min(max(spec.After, 1), maxAfter)
	for name := range l.windows {
		if !same || !slices.Contains(spec.Upstream, name) {
			delete(l.windows, name)
		}
	}
}

// purge takes off the numbers that must not be learned.
func (l *Learned) purge(never func(Number) bool, keep KeepFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if never == nil {
		return
	}
	for key := range l.lessons {
		if never(Number{key}) {
			l.forget(key, keep)
		}
	}
}

// observe takes the first final answer to a call to all lists.
func (a *LearnedLists) observe(o *Outcome, call pendingCall, upstream string) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, l := range a.specs {
		l.observe(o, call, upstream, a.never, a.keep)
	}
}

// observe teaches by the first final answer to a call. A number that rang or
// answered is taken off, whoever the upstream was.
//
// Nothing else follows from an attempt that was asked about before, nor for a
// callee from a Request-URI that said more or less than its number: the caller
// chose what the upstream could not make sense of, and the number would pay.
func (l *Learned) observe(o *Outcome, call pendingCall, upstream string, never func(Number) bool, keep KeepFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, other, plain := call.Callee, call.Caller, call.Plain
	if l.spec.From == "caller" {
		n, other, plain = call.Caller, call.Callee, true
	}
	alive := o.Rang || o.answered()
	if alive {
		l.forget(n.key, keep)
	}
	if call.Again || !plain || upstream == "" || !slices.Contains(l.spec.Upstream, upstream) {
		return
	}
	w := l.windows[upstream]
	if w == nil {
		w = new(window)
		l.windows[upstream] = w
	}
	teaching := !alive && slices.Contains(l.spec.On, o.Code)
	place := w.see(teaching)
	if w.judge() {
		w.recall(func(key uint64) { l.forget(key, keep) })
	}
	if !teaching || w.silenced || n.Kind() != Global || never != nil && never(n) {
		return
	}
	if l.learn(n.key, hashKey(other.key)^call.Origin, o.At.Unix(), keep) {
		w.note(place, n.key)
	}
}

// Stats are those of all lists, by name.
func (a *LearnedLists) Stats() []LearnedStats {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var all []LearnedStats
	for _, l := range a.lists {
		all = append(all, l.stats())
	}
	slices.SortFunc(all, func(a, b LearnedStats) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Snapshot is what is on the lists at that time, by list and number.
func (a *LearnedLists) Snapshot(at time.Time) []LearnedEntry {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var all []LearnedEntry
	for _, l := range a.lists {
		l.mu.Lock()
		for _, x := range l.heap {
			if x.known && x.until > at.Unix() {
				all = append(all, LearnedEntry{List: l.name, Number: Number{x.key}, Until: instant(x.until)})
			}
		}
		l.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b LearnedEntry) int {
		return cmp.Or(strings.Compare(a.List, b.List), cmp.Compare(a.Number.key, b.Number.key))
	})
	return all
}

// Restore brings back what was learned before a restart: the changes that were
// kept, in their order, or a snapshot. What has expired at that time is left
// out. It tells nobody.
func (a *LearnedLists) Restore(entries []LearnedEntry, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range entries {
		if e.List == "" || e.Number.Kind() != Global {
			continue
		}
		l := a.named(e.List)
		l.mu.Lock()
		l.restore(e, at.Unix())
		l.mu.Unlock()
	}
}

func (l *Learned) restore(e LearnedEntry, at int64) {
	x := l.lessons[e.Number.key]
	if e.Until.IsZero() || e.Until.Unix() <= at {
		if x != nil {
			l.drop(x)
		}
		return
	}
	if x == nil {
		l.makeRoom(at, nil)
		x = &lesson{key: e.Number.key}
		l.insert(x)
	}
	x.heard, x.known = nil, true
	l.heap.move(x, e.Until.Unix())
	l.set(x.key, x.until)
}
