package sidecar

import (
	"sync/atomic"
	"time"

	"ringfence/adapters/kamailio"
	"ringfence/rules"
)

// service is what an adapter asks: the engine, and beside it what counts and
// records. Nothing in it waits.
type service struct {
	engine    *rules.Engine
	journal   *Journal
	now       func() time.Time
	latency   histogram
	monitored atomic.Uint64 // calls that passed and that a rule in monitor mode would have stopped
	guarded   [3]atomic.Uint64
}

var _ kamailio.Decider = (*service)(nil)

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
	s.latency.observe(s.now().Sub(c.At))
}

// Observe takes what became of a call.
func (s *service) Observe(o *rules.Outcome) rules.Observed { return s.engine.Observe(o) }

// ready tells why no call can be decided.
func (s *service) ready() error {
	if s.engine.Ruleset() == nil {
		return errNoRules
	}
	return nil
}
