package sidecar

import (
	"sync/atomic"
	"time"

	"ringfence/adapters/kamailio"
	"ringfence/rules"
)

// service is what all adapters ask: the engine, and beside it what counts and
// records. Nothing in it waits.
type service struct {
	engine    *rules.Engine
	journal   *Journal
	now       func() time.Time
	monitored atomic.Uint64 // calls that passed and that a rule in monitor mode would have stopped
	guarded   [3]atomic.Uint64
}

// Decide decides c and records it when it was stopped.
func (s *service) Decide(c *rules.Call, v *rules.Verdict) {
	before := s.engine.Ruleset()
	s.engine.Decide(c, v)
	s.guarded[v.Guard].Add(1)
	switch {
	case v.Action != rules.Allow:
		s.journal.Record(c, v, before, s.engine.Ruleset())
	case len(v.Monitored) > 0:
		s.monitored.Add(1)
		s.journal.Record(c, v, before, s.engine.Ruleset())
	}
}

// Observe takes what became of a call.
func (s *service) Observe(o *rules.Outcome) rules.Observed { return s.engine.Observe(o) }

// Running takes calls that their switch says run.
func (s *service) Running(ids []rules.ID, at time.Time) int { return s.engine.Running(ids, at) }

// ready tells why no call can be decided.
func (s *service) ready() error {
	if s.engine.Ruleset() == nil {
		return errNoRules
	}
	return nil
}

// asked is the service as one adapter asks it.
type asked struct {
	*service
	latency histogram // from the arrival of a request to its decision
	calls   [3]atomic.Uint64
}

var _ kamailio.Decider = (*asked)(nil)

// Decide decides c as the service does, counts it by its action and times it.
func (a *asked) Decide(c *rules.Call, v *rules.Verdict) {
	a.service.Decide(c, v)
	a.calls[v.Action].Add(1)
	a.latency.observe(a.now().Sub(c.At))
}
