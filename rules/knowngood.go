package rules

import (
	"fmt"
	"slices"
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

// knownGood tells whether something speaks for the caller.
func (f *frame) knownGood() bool {
	for _, slot := range f.set.good {
		if f.find(slot) != 0 {
			return true
		}
	}
	return false
}
