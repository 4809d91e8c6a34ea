package rules

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Guarded is a rule that its limit has put into monitor on a trunk, where it
// stays until its text changes or it is resumed.
type Guarded struct {
	Rule    string    `json:"rule"`
	Trunk   string    `json:"trunk"` // empty: calls without one
	Since   time.Time `json:"since"`
	Limit   string    `json:"limit"`
	Stopped uint64    `json:"stopped"`         // calls of the trunk within the limit's time, without the one that was too many
	Calls   uint64    `json:"calls,omitempty"` // of the trunk within it; 0 for a limit that is no share
	Text    uint64    `json:"-"`               // stands for what the rule says
}

// limiter holds a rule to its limit, on each trunk apart.
type limiter struct {
	rule   string
	text   uint64
	limit  Limit
	width  int64         // of a stretch of its time, in nanoseconds
	trunks []*trunkLimit // by place
	told   func(Guarded) // of a trunk that goes into monitor; nil: nobody
}

// trunkLimit counts what a rule stops of the calls of a trunk.
type trunkLimit struct {
	trunk   string
	guarded atomic.Bool // the rule is in monitor there
	mu      sync.Mutex
	event   Guarded
	ring    [stretches + 1]stopped
}

// stopped is how many calls were stopped in a stretch of time.
type stopped struct {
	stretch int64
	calls   uint64
}

// take tells whether the rule may act on one more call of a trunk, and counts
// the call if it may. Of a call that is not counted it only tells.
func (l *limiter) take(at time.Time, place int, calls *trunkCalls, counted bool) bool {
	t := l.trunks[place]
	if t.guarded.Load() {
		return false
	}
	if !counted {
		return true
	}
	event, ok := t.take(at, l, calls)
	if !ok && !event.Since.IsZero() && l.told != nil {
		l.told(event)
	}
	return ok
}

// take is that of one trunk. The event is that of the call that was too many.
func (t *trunkLimit) take(at time.Time, l *limiter, calls *trunkCalls) (event Guarded, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.guarded.Load() {
		return Guarded{}, false
	}
	now := at.UnixNano() / l.width
	var sum, all uint64
	for i := range t.ring {
		if s := &t.ring[i]; s.stretch > now+stretches {
			*s = stopped{} // the clock was put back
		} else if s.stretch >= now-stretches {
			sum += s.calls
		}
	}
	if l.limit.Share != 0 {
		all = calls.marks[l.limit.window].within(at, calls.all)
	}
	if sum >= l.limit.allowed(all) {
		t.event = Guarded{Rule: l.rule, Trunk: t.trunk, Since: at, Limit: l.limit.String(), Stopped: sum, Calls: all, Text: l.text}
		t.guarded.Store(true)
		return t.event, false
	}
	s := &t.ring[now%int64(len(t.ring))]
	if s.stretch != now {
		*s = stopped{stretch: now}
	}
	s.calls++
	return Guarded{}, true
}

// resume has the rule act again on the trunk, and tells whether it did not.
func (t *trunkLimit) resume() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.event, t.ring = Guarded{}, [stretches + 1]stopped{}
	return t.guarded.Swap(false)
}

// limitersOf finds or makes the limiters of rs, by the places of their rules: a
// rule that says what it said goes on where it was. e.swap is held.
func (e *Engine) limitersOf(rs *Ruleset) []*limiter {
	all := make([]*limiter, len(rs.rules))
	kept := e.limiters
	e.limiters = map[string]*limiter{}
	for i, r := range rs.rules {
		if r.Limit == nil || r.Mode == Off {
			continue
		}
		l := &limiter{rule: r.ID, text: r.fingerprint(), limit: *r.Limit, width: int64(r.Limit.Per) / stretches, trunks: make([]*trunkLimit, rs.trunks.places()), told: e.onGuard}
		before := kept[r.ID]
		if before != nil && before.text != l.text {
			before = nil
		}
		l.trunks[0] = before.on("")
		for name, t := range rs.trunks.names {
			l.trunks[t.place] = before.on(name)
		}
		all[i], e.limiters[r.ID] = l, l
	}
	return all
}

// on is the count of a trunk, a new one when l, which may be nil, has none.
func (l *limiter) on(trunk string) *trunkLimit {
	if l != nil {
		for _, t := range l.trunks {
			if t.trunk == trunk {
				return t
			}
		}
	}
	return &trunkLimit{trunk: trunk}
}

// Guarded are the rules that their limits have put into monitor, by rule and
// trunk.
func (e *Engine) Guarded() []Guarded {
	e.swap.Lock()
	defer e.swap.Unlock()
	var all []Guarded
	for _, l := range e.limiters {
		for _, t := range l.trunks {
			if t.guarded.Load() {
				t.mu.Lock()
				all = append(all, t.event)
				t.mu.Unlock()
			}
		}
	}
	all = slices.DeleteFunc(all, func(g Guarded) bool { return g.Since.IsZero() }) // resumed meanwhile
	slices.SortFunc(all, func(a, b Guarded) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Trunk, b.Trunk)) })
	return all
}

// RestoreGuarded puts rules into monitor as they were, before the first Swap;
// those that say something else by then act again.
func (e *Engine) RestoreGuarded(all []Guarded) {
	e.swap.Lock()
	defer e.swap.Unlock()
	for _, g := range all {
		l := e.limiters[g.Rule]
		if l == nil {
			l = &limiter{rule: g.Rule, text: g.Text}
			e.limiters[g.Rule] = l
		}
		t := &trunkLimit{trunk: g.Trunk, event: g}
		t.guarded.Store(true)
		l.trunks = append(l.trunks, t)
	}
}

// Resume has a rule act again that its limit has put into monitor, and tells on
// how many trunks. A rule that there is not is an error.
func (e *Engine) Resume(rule string) (trunks int, err error) {
	e.swap.Lock()
	defer e.swap.Unlock()
	rs := e.Ruleset()
	if rs == nil {
		return 0, errNoRules
	}
	if fault := UnknownRule(rule, rs.rules, "is no rule that runs"); fault != nil {
		return 0, fault
	}
	l := e.limiters[rule]
	if l == nil {
		return 0, Diagnostics{{Subject: fmt.Sprintf("rule %q", rule), Message: "has no limit that could have put it into monitor"}}
	}
	for _, t := range l.trunks {
		if t.resume() {
			trunks++
		}
	}
	return trunks, nil
}

// fingerprint stands for what a rule asks and does; it is the same in every
// process.
func (r *Rule) fingerprint() uint64 {
	return hashText(fmt.Sprintf("%q %s %s %s %t %d %s %s %s %s", r.ID, r.When, r.Mode, r.does(), r.Listed, r.Failure, r.Retry, r.Target, r.Rollout, r.Limit))
}

// held says why r is in monitor for the call at hand, empty when it is not, or is
// for every call.
func (r *Rule) held(f *frame) string {
	if r.Mode != Enforce || !r.partial {
		return ""
	}
	if r.Rollout != 0 && !r.rollsOut(f.call) {
		return fmt.Sprintf("its rollout of %s leaves this caller out", r.Rollout)
	}
	if r.Limit == nil {
		return ""
	}
	t := f.working.limiters[r.number].trunks[f.call.place()]
	if !t.guarded.Load() {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	on := "without a trunk"
	if t.trunk != "" {
		on = "of trunk " + t.trunk
	}
	return fmt.Sprintf("of calls %s it would have stopped more than its limit of %s, %s", on, r.Limit, moment(t.event.Since))
}
