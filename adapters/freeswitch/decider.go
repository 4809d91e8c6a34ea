package freeswitch

import "ringfence/rules"

// Decider decides calls and learns what became of them. Both methods are safe
// for concurrent use and keep no reference to their arguments.
type Decider interface {
	Decide(c *rules.Call, v *rules.Verdict)
	Observe(o *rules.Outcome) rules.Observed
}
