package sidecar

import (
	"math"

	"ringfence/adapters/freeswitch"
	"ringfence/rules"
)

// The adapters by which calls are asked about.
const (
	adapterKamailio = "kamailio"
	adapterHTTP     = "freeswitch-http"
	adapterSocket   = "freeswitch-socket"
	adapterEvents   = "freeswitch-events"
)

func (m metrics) calls(s sink) {
	c := m.program.handler.Counters()
	s.counter(callsDesc, c.Allowed.Load(), adapterKamailio, rules.Allow.String())
	s.counter(callsDesc, c.Blocked.Load(), adapterKamailio, rules.Block.String())
	s.counter(callsDesc, c.Diverted.Load(), adapterKamailio, rules.Divert.String())
	s.histogram(secondsDesc, &m.program.kamailio.latency, adapterKamailio)
	for action := range m.program.events.calls {
		s.counter(callsDesc, m.program.events.calls[action].Load(), adapterEvents, rules.Action(action).String())
	}
	s.histogram(secondsDesc, &m.program.events.latency, adapterEvents)
	s.counter(monitoredDesc, m.program.service.monitored.Load())
	s.counter(emergencyDesc, m.program.service.guarded[rules.Emergency].Load())
	s.counter(callbackDesc, m.program.service.guarded[rules.Callback].Load())

	s.counter(requestsDesc, c.Refused.Load(), adapterKamailio, "refused")
	s.counter(requestsDesc, c.TooLarge.Load(), adapterKamailio, "too-large")
	s.counter(requestsDesc, c.Slow.Load(), adapterKamailio, "slow")
	s.counter(requestsDesc, c.Misdirected.Load(), adapterKamailio, "misdirected")
	s.counter(requestsDesc, c.Unwritable.Load(), adapterKamailio, "unwritable")
	s.counter(sourcesDesc, c.BadSource.Load(), adapterKamailio)
	s.counter(panicsDesc, c.Panics.Load(), adapterKamailio)

	s.counter(runningDesc, c.RunningKnown.Load(), adapterKamailio, "known")
	s.counter(runningDesc, c.RunningUnknown.Load(), adapterKamailio, "unknown")
	s.counter(runningDesc, c.RunningMalformed.Load(), adapterKamailio, "malformed")
	s.counter(outcomesDesc, c.OutcomesCounted.Load(), adapterKamailio, "counted")
	s.counter(outcomesDesc, c.OutcomesUnknown.Load(), adapterKamailio, "unknown")
	s.counter(outcomesDesc, c.OutcomesDuplicate.Load(), adapterKamailio, "duplicate")
	s.counter(outcomesDesc, c.OutcomesIgnored.Load(), adapterKamailio, "ignored")
	s.counter(outcomesDesc, c.OutcomesMalformed.Load(), adapterKamailio, "malformed")
}

func (m metrics) freeswitchHTTP(s sink) {
	c := m.program.freeswitchHTTP.Counters()
	s.counter(callsDesc, c.Allowed.Load(), adapterHTTP, rules.Allow.String())
	s.counter(callsDesc, c.Blocked.Load(), adapterHTTP, rules.Block.String())
	s.counter(callsDesc, c.Diverted.Load(), adapterHTTP, rules.Divert.String())
	s.histogram(secondsDesc, &m.program.overHTTP.latency, adapterHTTP)
	s.counter(requestsDesc, c.Misdirected.Load(), adapterHTTP, "misdirected")
	s.counter(requestsDesc, c.Unwritable.Load(), adapterHTTP, "unwritable")
	s.counter(unaskedDesc, c.Unasked.Load(), adapterHTTP)
	s.counter(panicsDesc, c.Panics.Load(), adapterHTTP)
}

func (m metrics) socket(s sink) {
	k, refused, unheard := m.program.socket, m.program.refused.Load(), m.program.unheard.Load()
	if k != nil {
		n, c := k.Server().Counters(), k.Counters()
		refused += n.Denied.Load()
		unheard += n.AcceptErrors.Load()
		s.counter(callsDesc, c.Allowed.Load(), adapterSocket, rules.Allow.String())
		s.counter(callsDesc, c.Blocked.Load(), adapterSocket, rules.Block.String())
		s.counter(callsDesc, c.Diverted.Load(), adapterSocket, rules.Divert.String())
		s.histogram(secondsDesc, &k.asked.latency, adapterSocket)
		s.counter(panicsDesc, c.Panics.Load(), adapterSocket)
		s.gauge(socketOpenDesc, float64(n.Open.Load()))
		s.counter(socketAcceptedDesc, n.Accepted.Load())
		for cause, count := range k.undecided {
			s.counter(undecidedDesc, count, adapterSocket, cause)
		}
	}
	s.counter(refusedDesc, refused)
	s.counter(acceptDesc, unheard)
	if b := m.program.beats; b.interval > 0 {
		s.counter(lateBeatsDesc, b.late.Load())
	}
	if r := m.program.restarts; r != nil {
		s.counter(restartsDesc, r.Hung, "hung")
		s.counter(restartsDesc, r.Ended, "ended")
	}
}

func (m metrics) switches(s sink) {
	var panics, known, unknown uint64
	defer func() {
		s.counter(panicsDesc, panics, adapterEvents)
		s.counter(runningDesc, known, adapterEvents, "known")
		s.counter(runningDesc, unknown, adapterEvents, "unknown")
	}()
	for _, w := range m.program.switches.all() {
		panics += w.Counters().Panics.Load()
		known += w.Counters().RunningKnown.Load()
		unknown += w.Counters().RunningUnknown.Load()
		now, c, name := w.Status(), w.Counters(), w.config.Name
		for _, state := range freeswitch.SwitchStates {
			in := 0.0
			if state == now.State {
				in = 1
			}
			s.gauge(switchStateDesc, in, name, state.String())
		}
		age := math.Inf(1)
		if !now.Heard.IsZero() {
			age = m.program.now().Sub(now.Heard).Seconds()
		}
		s.gauge(switchHeardDesc, age, name)
		s.gauge(switchCallsDesc, float64(now.Calls), name)
		s.gauge(switchQueueDesc, float64(now.Queued), name)
		s.counter(switchConnectedDesc, c.Connected.Load(), name)
		s.counter(switchFailedDesc, c.Failed.Load(), name)
		s.counter(switchEventsDesc, now.Events, name)
		s.counter(switchDroppedDesc, now.Dropped, name)
		s.counter(switchSkippedDesc, now.Skipped+now.Unreadable, name)
		for mode := range c.Decided {
			for action := range c.Decided[mode] {
				s.counter(switchDecidedDesc, c.Decided[mode][action].Load(), name, freeswitch.Mode(mode).String(), rules.Action(action).String())
			}
		}
		s.counter(switchUndecidedDesc, c.GoneOn.Load(), name, "late")
		s.counter(switchUndecidedDesc, c.Unwritable.Load(), name, "unwritable")
		s.counter(switchUndecidedDesc, c.Unsent.Load(), name, "unsent")
		s.counter(switchUndecidedDesc, c.Panics.Load(), name, "panic")
		s.counter(switchRepeatedDesc, c.Repeated.Load(), name)
		s.counter(switchLateDesc, c.Late.Load(), name)
		s.counter(switchRefusedDesc, c.Gone.Load(), name, "gone")
		s.counter(switchRefusedDesc, c.Refused.Load(), name, "other")
		s.counter(switchUntrackedDesc, c.Untracked.Load(), name)
		s.counter(switchUnseenDesc, c.Unseen.Load(), name)
		for seen := range c.Outcomes {
			s.counter(switchOutcomesDesc, c.Outcomes[seen].Load(), name, rules.Observed(seen).String())
		}
	}
}
