package rules

import "strings"

// Decide answers one call: v says what the switch does with it. It is safe for
// concurrent use, does not allocate and waits for nothing. Before the first
// Swap every call is allowed.
func (e *Engine) Decide(c *Call, v *Verdict) {
	v.Reset()
	v.ID = newID(c.At)
	l := e.live.Load()
	if l == nil {
		return
	}
	attempt := e.attempts.see(c)
	counted := !attempt.again
	if !l.set.derive(c) && counted {
		e.unknownTrunks.count(c.TrunkName)
	}
	if counted && c.strangeUpstream() {
		e.unknownTrunks.count(c.Upstream)
	}
	f, told := e.frame(c, l), false
	if attempt.again {
		f.history.passed, told = e.supersede(attempt, &l.counting)
	}
	e.weigh(f, l, v, counted)
	if v.Action == Allow {
		e.await(f, l, v, attempt, told)
	}
	e.release(f)
}

// await remembers a call that was let pass until its outcome comes. One of which was
// told what became of it is not counted again.
func (e *Engine) await(f *frame, l *live, v *Verdict, attempt attemptRef, told bool) {
	c := f.call
	call := pendingCall{
		At: c.At.UnixNano(), Caller: v.Caller, Callee: v.Callee, Origin: origin(c.trunk, c.Source),
		Trunk: l.trunks[c.place()], Account: e.names.number(c.Account), attempt: attempt.hash,
		Plain: len(l.set.learns) > 0 && isPlain(c.RequestURI, v.Callee), Again: attempt.again, Told: told, Withheld: c.withheld,
	}
	if v.Guard == Unguarded && !told {
		f.keep(&call)
	}
	if evicted, ok := e.pending.Add(&v.ID, &call); ok {
		l.counting.end(&evicted)
	}
	if attempt.hash != 0 {
		e.attempts.place(attempt, v.ID.place())
	}
}

// supersede lets go of the call of an attempt that is asked about again: the
// newest decision is the one whose outcome will come. It tells whether the call
// was let pass before, and whether what became of it was told.
func (e *Engine) supersede(attempt attemptRef, c *counting) (passed, told bool) {
	place, ok := e.attempts.placed(attempt)
	if !ok {
		return false, false
	}
	call, told, passed := e.pending.supersede(place, attempt.hash)
	if passed && !told {
		c.end(&call)
	}
	return passed, told
}

// Probe decides c as Decide does and leaves no trace but in the caches: nothing
// is counted or remembered, and the verdict's ID is that of no decision. It
// tells whether calls are decided at all.
func (e *Engine) Probe(c *Call, v *Verdict) {
	v.Reset()
	v.ID = noID
	if l := e.live.Load(); l != nil {
		l.set.derive(c)
		f := e.frame(c, l)
		e.asked(c, &f.history)
		e.weigh(f, l, v, false)
		e.release(f)
	}
}

// asked notes whether c was asked about before, and what became of it.
func (e *Engine) asked(c *Call, h *history) {
	attempt := attemptRef{hash: e.attempts.hash(c.CallID, c.FromTag, c.CSeq)}
	if h.foresee = attempt.hash == 0 || !e.attempts.saw(attempt); h.foresee {
		return
	}
	var place uint64
	if place, h.passed = e.attempts.placed(attempt); h.passed {
		h.going = e.pending.goesOn(place, attempt.hash) != ID{}
	}
}

// frame is one for the evaluation of c.
func (e *Engine) frame(c *Call, l *live) *frame {
	f := e.frames.Get().(*frame)
	f.start(c, l.set)
	f.facts, f.learned, f.layers, f.slowed, f.working = e.facts, l.learned, l.layers, e.slowed.Load(), l
	f.blocks, f.reports = e.blocks, e.reports.events
	f.history.start(&l.counting, l.set.answers)
	return f
}

// release takes a frame back.
func (e *Engine) release(f *frame) {
	f.stop()
	e.frames.Put(f)
}

// weigh makes the verdict of a call whose parties are known.
func (e *Engine) weigh(f *frame, l *live, v *Verdict, counted bool) {
	c := f.call
	v.Caller, v.Callee = c.caller, c.callee
	if c.trunk != nil {
		v.Trunk = c.trunk.Name
	}
	if v.Guard = l.set.guard(c); v.Guard == Unguarded {
		if counted {
			f.attempt()
			l.traffic[c.place()].add(c.At, f.stripe)
		}
		e.judge(f, l, v, counted)
		if len(v.Monitored) > 0 {
			v.Known = f.knownGood()
		}
	}
}

// judge asks the rules that the call can match, in order, until one ends it.
func (e *Engine) judge(f *frame, l *live, v *Verdict, counted bool) {
	x := l.set.index
	f.hits = f.hits[:0]
	for _, d := range x.dimensions {
		f.hits = d.hit(f, f.hits)
	}
	if e.cache != nil && len(x.dimensions) > 0 {
		if list, ok := e.cache.find(l, f.hits, f.stripe); ok {
			for _, n := range list {
				if l.set.ask(l.set.rules[n], f, v, counted) {
					return
				}
			}
			return
		}
	}
	f.cursors = x.lists(f.cursors[:0], f.hits)
	for n := next(f.cursors); n >= 0; n = next(f.cursors) {
		if l.set.ask(l.set.rules[n], f, v, counted) {
			return
		}
	}
}

// ask evaluates one rule and does what it says. It tells whether the rule
// ends the evaluation.
func (rs *Ruleset) ask(r *Rule, f *frame, v *Verdict, counted bool) (ends bool) {
	f.list, f.row = nil, 0
	if !r.rest(f) {
		return false
	}
	enforced := r.Mode == Enforce && (!r.partial || r.enforced(f, counted))
	if !enforced || f.monitor {
		if counted {
			r.Counts.Monitored.Add(1)
		}
		switch {
		case r.Ends && r.Action != Allow:
			v.Monitored = append(v.Monitored, r)
			r.measured(f, v)
		case enforced && r.Points != 0: // it alters no call, and what later rules would do depends on it
			r.give(f, v)
		}
		return r.Ends && enforced
	}
	if counted {
		r.Counts.Matched.Add(1)
	}
	if !r.Ends {
		if r.Label != "" {
			v.Label = r.Label
		}
		v.Withhold = v.Withhold || r.Withhold
		if r.Points != 0 {
			r.give(f, v)
		}
		return false
	}
	rs.end(r, f, v)
	return true
}

// enforced tells whether r, which matches and is not enforced for every call, is
// enforced for this one. Calls that come in monitor are not held against its
// limit: it stops none of them.
func (r *Rule) enforced(f *frame, counted bool) bool {
	if r.Rollout != 0 && !r.rollsOut(f.call) {
		return false
	}
	if r.Limit == nil {
		return true
	}
	place := f.call.place()
	return f.working.limiters[r.number].take(f.call.At, place, &f.working.traffic[place], counted && !f.monitor)
}

// end makes the verdict of the rule that ended the evaluation.
func (rs *Ruleset) end(r *Rule, f *frame, v *Verdict) {
	v.Action, v.Rule = r.Action, r
	if r.Action != Allow {
		r.measured(f, v)
	}
	if f.row != 0 {
		v.List = f.list.Name
		if v.Live = f.liveRow(f.row); v.Live == nil {
			v.Row = f.row
		}
	}
	switch r.Action {
	case Divert:
		v.Target = r.Target
	case Block:
		v.Label, v.Withhold = "", false
		if v.Why = r.Why; r.Listed {
			v.Why = f.why()
		}
		a := r.answer(v.Why)
		v.Code, v.Phrase, v.Retry = a.code, a.phrase, a.retry
		if len(r.opens) > 0 {
			v.Retry = r.untilOpen(f, a.retry)
		}
		v.Reason = a.reason(v.Reason, &v.ID)
	}
}

// guard tells why a call must pass without being asked about.
func (rs *Ruleset) guard(c *Call) Guard {
	switch {
	case rs.emergency.Called(c.RequestURI, c.RequestUser), rs.emergency.Holds(c.callee):
		return Emergency // Holds: a configured number, dialled in its national form
	case c.trunk != nil && c.trunk.Trusted && strings.EqualFold(strings.TrimSpace(c.Priority), "psap-callback"):
		return Callback
	}
	return Unguarded
}
