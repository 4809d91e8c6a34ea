package freeswitch

import (
	"time"

	"ringfence/rules"
)

// Decider decides calls and learns what became of them. Its methods are safe
// for concurrent use and keep no reference to their arguments.
type Decider interface {
	Decide(c *rules.Call, v *rules.Verdict)
	Observe(o *rules.Outcome) rules.Observed
	Running(ids []rules.ID, at time.Time) (known int) // calls that run, by their decisions
}
