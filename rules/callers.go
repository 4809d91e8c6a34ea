package rules

import "slices"

// maxCallers bounds the set that conditions know as callers: what From says,
// and two P-Asserted-Identity values and the Remote-Party-ID of an untrusted
// trunk.
const maxCallers = 4

// callerSet is the numbers that the calling side gives itself, each once, an
// absent one only when neither network nor presentation is known.
type callerSet struct {
	numbers [maxCallers]Number
	n       int
}

// add puts n into the set unless it is there. An absent number is none.
func (s *callerSet) add(n Number) {
	if !n.IsZero() && !slices.Contains(s.numbers[:s.n], n) {
		s.numbers[s.n] = n
		s.n++
	}
}

// assert adds a number that anybody can write. An E.164 number alone can be
// found in a list or in a numbering plan; whatever else a private network
// asserts would make its good calls invalid.
func (s *callerSet) assert(n Number) {
	if n.Kind() == Global {
		s.add(n)
	}
}

// gather makes the set of callers, caller first. An untrusted trunk's
// assertions are in it, for a switch that passes them on lets the called party
// see them. They are added to what is there, also to the absent number: they
// give a condition that asks for a caller more to hold by, never less.
func (c *Call) gather(plan *Plan) {
	s := &c.callers
	s.numbers[0], s.n = c.caller, 1 // the network number, if there is one
	s.add(c.presentation)
	if c.trunk != nil && c.trunk.Trusted {
		return
	}
	for i := range c.Asserted {
		s.assert(plan.Number(c.Asserted[i].User))
	}
	s.assert(plan.Number(c.RemoteParty.User))
}

// callers are the set of callers, of one number at least; the call must not be
// decided again while they are in use.
func (f *frame) callers() []Number { return f.call.callers.numbers[:f.call.callers.n] }
