package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
)

// Slowed is an account or a trunk whose calls rules may slow down for a while.
type Slowed struct {
	Of    string    `json:"of"` // account or trunk, as rules name it
	Name  string    `json:"name"`
	Until time.Time `json:"until"`
}

// slowable are the attributes whose values can be slowed.
var slowable = [...]string{"account", "trunk"}

// maxSlowed bounds how many are slowed at once.
const maxSlowed = 10_000

// slowSet is who is slowed until when. It is never changed but replaced.
type slowSet [len(slowable)]map[string]time.Time

// Slow has slowed(account) or slowed(trunk) hold from the next call on until
// that time; the zero time ends it. What is over by at is forgotten. It is false
// for what cannot be slowed, and when too many are.
func (e *Engine) Slow(s Slowed, at time.Time) bool {
	of := slices.Index(slowable[:], s.Of)
	if of < 0 || s.Name == "" {
		return false
	}
	e.swap.Lock()
	defer e.swap.Unlock()
	next, length := new(slowSet), 0
	before := e.slowed.Load()
	for i := range next {
		next[i] = make(map[string]time.Time)
		if before != nil {
			maps.Copy(next[i], before[i])
		}
		maps.DeleteFunc(next[i], func(_ string, until time.Time) bool { return !at.Before(until) })
		length += len(next[i])
	}
	_, there := next[of][s.Name]
	switch {
	case !at.Before(s.Until):
		delete(next[of], s.Name)
	case !there && length >= maxSlowed:
		return false
	default:
		next[of][s.Name] = s.Until
	}
	e.slowed.Store(next)
	return true
}

// Slowed are those that are slowed at that time, in order.
func (e *Engine) Slowed(at time.Time) (all []Slowed) {
	set := e.slowed.Load()
	if set == nil {
		return nil
	}
	for i, names := range set {
		for name, until := range names {
			if at.Before(until) {
				all = append(all, Slowed{slowable[i], name, until})
			}
		}
	}
	slices.SortFunc(all, func(a, b Slowed) int { return cmp.Or(cmp.Compare(a.Of, b.Of), cmp.Compare(a.Name, b.Name)) })
	return all
}

// AsksSlowed tells whether a rule that is not off asks who is slowed.
func (rs *Ruleset) AsksSlowed() (asks bool) {
	for _, r := range rs.rules {
		if r.Mode != Off {
			r.condition.walk(true, func(c *condition, _ bool) { asks = asks || c.state == whatSlowed })
		}
	}
	return asks
}

// until is when the slow-down of a name ends, zero when there is none.
func (s *slowSet) until(of int, name string, at time.Time) (until time.Time) {
	if s != nil {
		if until = s[of][name]; !at.Before(until) {
			return time.Time{}
		}
	}
	return until
}

// slowdown lowers slowed(account) and slowed(trunk).
func (l *lowering) slowdown(n *ast.CallNode, fn *Function) *condition {
	o := l.value(n.Arguments[0])
	if o == nil {
		return constant(false)
	}
	of := slices.Index(slowable[:], o.source)
	if of < 0 {
		return l.fault(n.Arguments[0], fmt.Sprintf("%s is about an account or a trunk, not %s", fn.Name, o.source), "write slowed(account) or slowed(trunk)")
	}
	read := o.text
	slow := &operand{source: fn.Name + "(" + o.source + ")", typ: TextType, state: fn.State, text: func(f *frame) string {
		if until := f.slowed.until(of, read(f), f.call.At); !until.IsZero() {
			return "until " + until.UTC().Format(time.RFC3339)
		}
		return "no"
	}}
	return testOf(slow.source, func(f *frame) bool { return !f.slowed.until(of, read(f), f.call.At).IsZero() }, o, slow)
}
