package rules

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ringfence/rules/state"
)

var errNoRules = errors.New("no rules are loaded")

// Options size an engine.
type Options struct {
	CacheBytes int64              // for candidates and for facts about numbers, half each; 0: no cache
	Pending    int                // calls whose outcome is waited for; 0: 65536
	LearnedMax int                // numbers in one learned list; 0: 1,000,000
	LiveMax    int                // live rows of one list; 0: 1,000,000
	StateBytes int64              // for what calls did; 0: 64 MB
	Seed       state.Seed         // of the keys that calls are counted by; zero: one that nobody knows
	CallAge    time.Duration      // after which a call of which nothing more is heard is over; 0: 4 hours
	OnLearned  func(LearnedEntry) // told of every change to a learned list; nil: nobody
	OnEnded    func(*Ended)       // told of every call that was let pass and is over; it must not wait; nil: nobody
	OnGuard    func(Guarded)      // told of every rule that its limit puts into monitor, while the call waits; nil: nobody
}

// Engine decides calls by the ruleset that was swapped in last. Decide,
// Explain, Observe and Stats are safe for concurrent use, also with Swap.
type Engine struct {
	live     atomic.Pointer[live]
	frames   sync.Pool
	facts    *factTable
	cache    *candidateCache // nil: off
	pending  *Pending
	attempts *attempts
	names    *nameTable
	store    *state.Store
	callAge  time.Duration
	onEnded  func(*Ended)

	unknownTrunks unknownTrunks

	learned *LearnedLists
	layers  *LiveLists
	blocks  *numberEvents // by carriers, by the caller's number
	reports *userReports
	slowed  atomic.Pointer[slowSet] // nil: nobody; stored under swap

	swap   sync.Mutex             // held by Swap
	counts map[string]*RuleCounts // by rule id, of the rules at work

	numbers map[string]uint16 // of subjects by name, given out once; under swap

	// The next two are guarded by swap, too.
	traffic  map[string]*trunkTraffic // by trunk
	limiters map[string]*limiter      // by rule id, of the rules at work
	onGuard  func(Guarded)
}

// live is a ruleset at work.
type live struct {
	set        *Ruleset
	generation uint64
	learned    []learnedUse // by place in set.learns
	layers     []*liveList  // by place in set.finds
	counting   counting
	traffic    []trunkCalls // by place of the trunk
	trunks     []uint32     // numbers of their names, by place
	limiters   []*limiter   // by rule, nil for one without a limit
}

// NewEngine makes an engine without rules. Its owner closes it.
func NewEngine(o Options) (*Engine, error) {
	if o.Pending <= 0 {
		o.Pending = 1 << 16
	}
	if o.LearnedMax <= 0 {
		o.LearnedMax = 1_000_000
	}
	if o.LiveMax <= 0 {
		o.LiveMax = 1_000_000
	}
	if o.StateBytes <= 0 {
		o.StateBytes = 64 << 20
	}
	if o.Seed == (state.Seed{}) {
		o.Seed = state.NewSeed()
	}
	if o.CallAge <= 0 {
		o.CallAge = 4 * time.Hour
	}
	e := &Engine{
		pending: newPending(o.Pending), attempts: newAttempts(),
		learned: NewLearnedLists(o.LearnedMax, o.OnLearned), counts: map[string]*RuleCounts{},
		layers: newLiveLists(o.LiveMax), names: newNameTable(), onEnded: o.OnEnded, callAge: o.CallAge,
		numbers: map[string]uint16{},
		blocks:  newNumberEvents(numberEventsKept, blocksKept), reports: newUserReports(numberEventsKept),
	}
	e.traffic, e.limiters, e.onGuard = map[string]*trunkTraffic{}, map[string]*limiter{}, o.OnGuard
	var made atomic.Uint32
	e.frames.New = func() any { return &frame{stripe: made.Add(1)} }
	var err error
	if e.facts, err = newFacts(o.CacheBytes / 2); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if o.CacheBytes > 0 {
		if e.cache, err = newCandidateCache(max(o.CacheBytes/2, 1)); err != nil {
			e.facts.Close()
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	e.store = state.New(o.StateBytes, o.Seed)
	return e, nil
}

// Swap puts rs to work with one pointer: calls under way end by the rules they
// began with. Counts of rules that were at work before go on by their ids, and
// learned lists by their names. A ruleset works in one engine only.
func (e *Engine) Swap(rs *Ruleset) {
	e.swap.Lock()
	defer e.swap.Unlock()
	l := &live{set: rs, generation: 1}
	if before := e.live.Load(); before != nil {
		l.generation = before.generation + 1
	}
	kept := e.counts
	e.counts = make(map[string]*RuleCounts, len(rs.rules))
	for _, r := range rs.rules {
		if counts := kept[r.ID]; counts != nil && counts != r.Counts {
			r.Counts = counts
		}
		e.counts[r.ID] = r.Counts
	}
	e.learned.Swap(rs.learns, e.unlearnable(rs))
	for i := range rs.learns {
		l.learned = append(l.learned, e.learned.use(&rs.learns[i]))
	}
	for _, look := range rs.finds {
		l.layers = append(l.layers, e.layers.named(look.list.Name))
	}
	l.counting = e.counting(rs)
	l.traffic, l.limiters = e.trafficOf(rs), e.limitersOf(rs)
	l.trunks = make([]uint32, rs.trunks.places())
	for name, t := range rs.trunks.names {
		l.trunks[t.place] = e.names.number(name)
	}
	e.live.Store(l)
}

// unlearnable are the numbers that must not be learned: emergency numbers and
// own inventory, whenever its rows expire.
func (e *Engine) unlearnable(rs *Ruleset) unlearnable {
	own := map[*List]*liveList{}
	for _, l := range rs.lists {
		if l.Own {
			own[l] = e.layers.named(l.Name)
		}
	}
	return unlearnable{emergency: rs.emergency.Holds, own: func(n Number) bool {
		for l, layer := range own {
			if layer.has(l, n, time.Time{}) {
				return true
			}
		}
		return false
	}}
}

// ChangeList makes a change to a list of the rules at work: all of it, from the
// next call on, or nothing. keep is given the change as it will be made, its
// entries in their global form, and makes it outlive the process; when it fails
// nothing changes. A change that is at fault is a Diagnostics. Of a learned list
// numbers can be taken off, which Options.OnLearned is told.
func (e *Engine) ChangeList(ch LiveChange, at time.Time, keep func(LiveChange) error) (LiveChange, error) {
	e.swap.Lock()
	defer e.swap.Unlock()
	rs := e.Ruleset()
	if rs == nil {
		return ch, errNoRules
	}
	if rs.isLearned(ch.List) {
		return e.unlearn(rs, ch, at)
	}
	made, err := e.layers.change(rs, ch, at, keep)
	if l := rs.List(ch.List); err == nil && l != nil && l.Own {
		e.learned.Swap(rs.learns, e.unlearnable(rs)) // takes off what must not be learned
	}
	return made, err
}

// State is what calls did, to restore, to save and to tell of it.
func (e *Engine) State() *state.Store { return e.store }

// Learns tells whether a list of the rules at work is a learned one.
func (e *Engine) Learns(list string) bool {
	rs := e.Ruleset()
	return rs != nil && rs.isLearned(list)
}

// Live are the live changes to lists, to restore and to save them.
func (e *Engine) Live() *LiveLists { return e.layers }

// Learned are the learned lists, to restore and to save them.
func (e *Engine) Learned() *LearnedLists { return e.learned }

// Facts are what rules can ask about n.
func (e *Engine) Facts(n Number) Facts { return *e.facts.Of(n) }

// Ruleset is the one at work, nil before the first Swap.
func (e *Engine) Ruleset() *Ruleset {
	if l := e.live.Load(); l != nil {
		return l.set
	}
	return nil
}

// Generation counts the rulesets that were at work, with the present one.
func (e *Engine) Generation() uint64 {
	if l := e.live.Load(); l != nil {
		return l.generation
	}
	return 0
}

// Close ends what the engine runs beside the calls. No call may be under way.
func (e *Engine) Close() {
	if e.cache != nil {
		e.cache.close()
	}
	e.facts.Close()
	e.store.Close()
}
