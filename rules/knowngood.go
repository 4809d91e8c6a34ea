package rules

import (
	"fmt"
	"slices"
	"time"

	"ringfence/rules/state"
)

// goodLists finds the look-ups that speak for a caller: those of lists that a
// rule lets calls pass by, and of own numbers.
func (rs *Ruleset) goodLists(c *compiler) {
	for _, r := range rs.rules {
		if !r.Ends || r.Action != Allow || r.Mode != Enforce || r.condition == nil {
			continue
		}
		r.condition.walk(true, func(p *condition, positive bool) {
			if p.list != nil && positive && slices.Contains(callerAttributes, p.access.of.source) && !slices.Contains(rs.good, p.access.slot) {
				rs.good = append(rs.good, p.access.slot)
			}
		})
	}
	caller := attributeNamed("caller").operand()
	for _, l := range rs.lists {
		if l.Own {
			if slot := c.look(fmt.Sprintf("caller in list(%q)", l.Name), find{of: caller, list: l}); !slices.Contains(rs.good, slot) {
				rs.good = append(rs.good, slot)
			}
		}
	}
}

// callerAttributes are what a list of callers is asked for.
var callerAttributes = []string{"caller", "callers", "network", "presentation"}

// Calls that speak for a caller: so many that were answered and so long.
const (
	goodTalk  = time.Minute
	goodTalks = 2
)

// goodCalls has the long calls of callers counted where rules are on trial and
// others count how the calls of a caller ended, within their longest window.
func (rs *Ruleset) goodCalls(c *compiler) {
	s := c.subjects["caller"]
	if s == nil || !s.shape.Finished || !rs.onTrial() {
		return
	}
	i := s.tally("long:"+goodTalk.String(), func(o *Outcome) uint32 { return one(o.answered() && o.Talk >= goodTalk) })
	if i < 0 {
		return
	}
	rs.talked = s
	rs.talks, _ = s.want(state.Want{Ask: state.Finished, Tally: i, Window: state.Span(s.shape.Keep)})
}

// onTrial tells whether some rule is in monitor for some call.
func (rs *Ruleset) onTrial() bool {
	return rs.settings.Mode == Monitor || slices.ContainsFunc(rs.settings.Trunks, func(t Trunk) bool { return t.Mode == Monitor }) ||
		slices.ContainsFunc(rs.rules, func(r *Rule) bool {
			return r.Ends && r.Action != Allow && (r.Mode == Monitor || r.Mode == Enforce && r.partial)
		})
}

// knownGood tells whether something speaks for the caller.
func (f *frame) knownGood() bool {
	for _, slot := range f.set.good {
		if f.find(slot) != 0 {
			return true
		}
	}
	if s := f.set.talked; s != nil {
		got, known := f.counted(s, f.set.talks, true)
		return known && got.Sum >= goodTalks
	}
	return false
}
