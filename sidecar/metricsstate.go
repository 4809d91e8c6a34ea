package sidecar

import (
	"math"
	"time"

	"ringfence/sidecar/health"
)

func (m metrics) records(s sink) {
	j, l := m.program.journal, m.program.learned
	s.counter(journalWrittenDesc, j.written.Load())
	s.counter(journalDroppedDesc, j.dropped.Load())
	s.counter(journalErrorsDesc, j.errors.Load())
	s.gauge(journalQueueDesc, float64(len(j.queue)))
	s.gauge(learnedQueueDesc, float64(len(l.queue)))
	s.counter(learnedDroppedDesc, l.dropped.Load())
	s.counter(learnedErrorsDesc, l.errors.Load())
	b := m.program.blocks
	s.counter(blocksWrittenDesc, b.written.Load())
	s.counter(blocksDroppedDesc, b.dropped.Load())
	s.counter(blocksErrorsDesc, b.errors.Load())
	s.gauge(blocksQueueDesc, float64(len(b.queue)))
	s.counter(reportsErrorsDesc, m.program.reports.errors.Load())
}

func (m metrics) state(s sink) {
	f, now := m.program.counted, m.program.engine.State().Stats()
	s.gauge(stateKeysDesc, float64(now.Keys))
	s.gauge(stateBytesDesc, float64(now.Bytes))
	s.counter(stateEvictedDesc, now.Evicted)
	s.counter(stateExpiredDesc, now.Expired)
	s.counter(stateTrimmedDesc, now.Trimmed)
	s.counter(stateRefusedDesc, now.Refused)
	age := math.Inf(1)
	if saved := f.saved.Load(); saved != 0 {
		age = m.program.now().Sub(time.Unix(0, saved)).Seconds()
	}
	s.gauge(stateSavedDesc, age)
	s.gauge(stateFilesDesc, float64(f.bytes.Load()))
	s.counter(stateErrorsDesc, f.errors.Load())
	s.counter(stateLostDesc, f.lost.Load())
	s.counter(stateLeftOutDesc, f.unkept.Load())
}

// health tells of configured trunks alone: what else a switch names is in the
// status.
func (m metrics) health(s sink) {
	now, h := m.program.health.status(), m.program.health
	s.counter(healthErrorsDesc, h.errors.Load())
	s.gauge(healthQueueDesc, float64(len(h.queue)))
	s.counter(healthDroppedDesc, h.dropped.Load())
	s.counter(slowDownsDesc, h.slowed.Load())
	s.gauge(slowedDesc, float64(len(m.program.engine.Slowed(m.program.now()))))
	if now == nil {
		return
	}
	s.gauge(healthAccountsDesc, float64(len(now.Accounts)))
	s.gauge(healthSubjectsDesc, float64(now.Subjects))
	s.counter(healthEvictedDesc, now.Evicted)
	configured := make(map[string]bool)
	for _, t := range m.program.reloader.state.Load().config.Settings.Trunks {
		configured[t.Name] = true
	}
	for role, all := range map[string][]SubjectHealth{health.Upstream.String(): now.Upstreams, health.Trunk.String(): now.Trunks} {
		for _, t := range all {
			if configured[t.Name] {
				m.subject(s, role, &t)
			}
		}
	}
}

func (m metrics) subject(s sink, role string, t *SubjectHealth) {
	s.gauge(healthCallsDesc, float64(t.Calls), role, t.Name)
	s.gauge(healthAnswerDesc, t.AnswerRate, role, t.Name)
	s.gauge(healthBlockDesc, t.BlockShare, role, t.Name)
	s.gauge(healthShortDesc, t.ShortShare, role, t.Name)
	if t.UsualAnswer != nil {
		s.gauge(healthUsualDesc, *t.UsualAnswer, role, t.Name)
	}
	for _, k := range health.Kinds {
		on := 0.0
		for _, a := range t.Alarms {
			if a.Kind == k.String() {
				on = 1
			}
		}
		s.gauge(healthAlarmDesc, on, role, t.Name, k.String())
	}
}

func (m metrics) alerts(s sink) {
	a := m.program.alerts.Stats()
	for kind, states := range a.Raised {
		for state, n := range states {
			s.counter(alertsDesc, n, kind.String(), state.String())
		}
	}
	s.gauge(alertsQueueDesc, float64(a.Queue))
	s.counter(alertsDroppedDesc, a.Dropped)
	s.counter(alertsHeldDesc, a.Held)
	s.gauge(webhookQueueDesc, float64(a.Webhook.Queue))
	s.counter(webhookDroppedDesc, a.Webhook.Dropped)
	for result, n := range a.Webhook.Results {
		s.counter(webhookResultsDesc, n, result)
	}
}
