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

func (f KeepFunc) change(e LearnedEntry) {
	if f != nil {
		f(e)
	}
}

// unlearnable tells which numbers are not to be learned; nil: none.
type unlearnable struct {
	emergency func(Number) bool // nor on anybody's list
	own       func(Number) bool // but by a subscriber who refuses a caller: that is between them
}

// holds tells whether what k says is not to be learned for the list.
func (u *unlearnable) holds(spec *LearnSpec, k learnedKey) bool {
	n := Number{k.number}
	switch {
	case u.emergency != nil && (u.emergency(n) || spec.Per != "" && u.emergency(Number{k.of})):
		return true
	case spec.Per != "" && spec.From == "caller":
		return false
	}
	return u.own != nil && u.own(n)
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
	never unlearnable
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

// Swap takes over the lists that a new ruleset declares. What was learned and
// is never to be, or does not fit the declaration any more, is taken off.
func (a *LearnedLists) Swap(specs []LearnSpec, never unlearnable) {
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
		declared := slices.Contains(a.specs, l)
		if l.purge(declared, &never, a.keep); !declared && l.count() == 0 {
			delete(a.lists, name)
		}
	}
}

// count is how many numbers are on the list, if only until they expire.
func (l *Learned) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known
}

// redeclare gives a list another spec; what an upstream answered stays known
// as long as the same statuses teach.
func (l *Learned) redeclare(spec LearnSpec) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := slices.Equal(l.spec.On, spec.On)
	l.spec = spec
	l.spec.After = min(max(spec.After, 1), maxAfter)
	if l.spec.Within == 0 {
		l.spec.Within = spec.For
	}
	for name := range l.windows {
		if !same || !slices.Contains(spec.Upstream, name) {
			delete(l.windows, name)
		}
	}
}

// purge takes off the numbers that must not be learned, and those of which the
// list no longer says for whom they count.
func (l *Learned) purge(declared bool, never *unlearnable, keep KeepFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range slices.Clone(l.heap) {
		if never.holds(&l.spec, x.key) || declared && !l.spec.fits(x.key.of) {
			l.takeOff(x, keep)
		}
	}
}

// fits tells whether an entry can count for what it does.
func (s *LearnSpec) fits(of uint64) bool {
	switch {
	case s.Scoped:
		return slices.ContainsFunc(s.Upstream, func(name string) bool { return upstreamKey(name) == of })
	case s.Per != "":
		return of != 0 && of&rawBit == 0
	}
	return of == 0
}

// observe takes the first final answer to a call to all lists.
func (a *LearnedLists) observe(o *Outcome, call pendingCall, upstream string) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, l := range a.specs {
		l.observe(o, call, upstream, &a.never, a.keep)
	}
}

// observe teaches by the first final answer to a call. A number that rang or
// answered is taken off; a subscriber's phone rings before it is told to
// refuse, so that only an answer takes a number off the subscriber's list.
//
// Nothing else follows from an attempt that was asked about before, nor for a
// callee from a Request-URI that said more or less than its number: the caller
// chose what the upstream could not make sense of, and the number would pay.
func (l *Learned) observe(o *Outcome, call pendingCall, upstream string, never *unlearnable, keep KeepFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, other, plain := call.Callee, call.Caller, call.Plain
	if l.spec.From == "caller" {
		n, other, plain = call.Caller, call.Callee, true
	}
	k := learnedKey{number: n.key}
	switch {
	case l.spec.Per != "":
		k.of = other.key
	case l.spec.Scoped:
		k.of = upstreamKey(upstream)
	}
	believed := upstream != "" && slices.Contains(l.spec.Upstream, upstream)
	alive := o.answered() || o.Rang && l.spec.Per == ""
	if alive {
		l.revive(k, upstream, believed, keep)
	}
	if call.Again || !plain || !believed {
		return
	}
	teaching := !alive && slices.Contains(l.spec.On, o.Code)
	place, heard := l.weigh(upstream, teaching, keep)
	switch {
	case !teaching || !heard || n.Kind() != Global || never.holds(&l.spec, k):
		return
	case l.spec.From == "caller" && call.Withheld, l.spec.Per != "" && other.Kind() != Global:
		return
	}
	if l.learn(k, hashKey(other.key)^call.Origin, upstream, o.At.Unix(), keep) && place >= 0 {
		l.windows[upstream].note(place, k)
	}
}

// revive takes off a number that lives. What counts for one upstream stays when
// it lives by another that is believed, and a subscriber's list when somebody
// else has answered.
func (l *Learned) revive(k learnedKey, upstream string, believed bool, keep KeepFunc) {
	switch {
	case l.spec.Per != "" && !believed && upstream != "":
	case l.spec.Scoped && !believed:
		for _, name := range l.spec.Upstream {
			k.of = upstreamKey(name)
			l.forget(k, keep)
		}
	default:
		l.forget(k, keep)
	}
}

// weigh takes an answer to the books of its upstream, which tell at which place
// it is there; heard is false while the upstream is silenced. There are no books
// for a list per subscriber: many who refuse at once are a campaign, no fault,
// and each speaks for one list.
func (l *Learned) weigh(upstream string, teaching bool, keep KeepFunc) (place int, heard bool) {
	if l.spec.Per != "" {
		return -1, true
	}
	w := l.windows[upstream]
	if w == nil {
		w = new(window)
		l.windows[upstream] = w
	}
	place = w.see(teaching)
	if w.judge() {
		w.recall(func(k learnedKey) { l.forget(k, keep) })
	}
	return place, !w.silenced
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
				all = append(all, l.entry(x))
			}
		}
		l.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b LearnedEntry) int { return cmp.Or(strings.Compare(a.List, b.List), a.compare(&b)) })
	return all
}

// Restore brings back what was learned before a restart: the changes that were
// kept, in their order, or a snapshot. What has expired at that time is left
// out. It tells nobody.
func (a *LearnedLists) Restore(entries []LearnedEntry, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		subscriber := e.Subscriber.Kind()
		if e.List == "" || e.Number.Kind() != Global || subscriber != Absent && (subscriber != Global || e.Upstream != "") {
			continue
		}
		l := a.named(e.List)
		l.mu.Lock()
		l.restore(e, at.Unix())
		l.mu.Unlock()
	}
}

func (l *Learned) restore(e *LearnedEntry, at int64) {
	k := e.key()
	x := l.lesson(k)
	if e.Until.IsZero() || e.Until.Unix() <= at {
		if x != nil {
			l.drop(x)
		}
		return
	}
	by := l.teacher(cmp.Or(e.Upstream, e.By))
	if by == 0 && e.Upstream != "" {
		return // nobody could tell for whom it counts
	}
	if x == nil {
		l.makeRoom(at, nil)
		x = l.insert(k, e.Until.Unix())
	}
	l.settle(x, e.Until.Unix(), by)
}
