package sidecar

import (
	"cmp"
	"slices"
	"time"

	"ringfence/rules"
	"ringfence/sidecar/health"
)

// HealthStatus is how carriers, trunks and accounts do.
type HealthStatus struct {
	Window    float64         `json:"window"` // seconds, that the figures are of
	Upstreams []SubjectHealth `json:"upstreams"`
	Trunks    []SubjectHealth `json:"trunks"`
	Accounts  []SubjectHealth `json:"accounts,omitempty"` // with an alarm
	Slowed    []rules.Slowed  `json:"slowed,omitempty"`
	Subjects  int             `json:"subjects"` // that are watched, accounts without an alarm included
	Evicted   uint64          `json:"evicted"`  // subjects that made room for others
	Queued    int             `json:"queued"`   // calls that are over and not yet counted
	Dropped   uint64          `json:"dropped"`  // because that queue was full
}

// SubjectHealth is how one does.
type SubjectHealth struct {
	Name string `json:"name"`
	health.Figures
	Alarms []AlarmStatus `json:"alarms,omitempty"`
}

// AlarmStatus is an alarm that is on.
type AlarmStatus struct {
	Kind  string    `json:"kind"`
	Since time.Time `json:"since"`
}

// status is how things are, nil when nothing is watched.
func (h *healthWatch) status() *HealthStatus {
	h.mu.Lock()
	off, window, views, stats := h.config.Off, h.config.Window, h.tracker.Views(), h.tracker.Stats()
	h.mu.Unlock()
	if off {
		return nil
	}
	s := &HealthStatus{
		Window: window.Seconds(), Upstreams: []SubjectHealth{}, Trunks: []SubjectHealth{}, Slowed: h.engine.Slowed(h.now()),
		Subjects: stats.Subjects, Evicted: stats.Evicted, Queued: len(h.queue), Dropped: h.dropped.Load(),
	}
	for _, v := range views {
		one := SubjectHealth{Name: v.Name, Figures: v.Figures}
		for _, on := range v.Alarms {
			one.Alarms = append(one.Alarms, AlarmStatus{on.Kind.String(), on.Since.UTC()})
		}
		into := [...]*[]SubjectHealth{health.Upstream: &s.Upstreams, health.Trunk: &s.Trunks, health.Account: &s.Accounts}[v.Role]
		*into = append(*into, one)
	}
	for _, all := range [...][]SubjectHealth{s.Upstreams, s.Trunks, s.Accounts} {
		slices.SortFunc(all, func(a, b SubjectHealth) int { return cmp.Compare(a.Name, b.Name) })
	}
	return s
}

// AlertsStatus is what became of alerts since the start.
type AlertsStatus struct {
	Queued  int            `json:"queued"`
	Dropped uint64         `json:"dropped"`
	Held    uint64         `json:"held"`              // not told at once, because the same was told before
	Webhook *WebhookStatus `json:"webhook,omitempty"` // absent without one
}

// WebhookStatus is what became of requests to the webhook since the start.
type WebhookStatus struct {
	Queued  int               `json:"queued"`
	Dropped uint64            `json:"dropped"`
	Results map[string]uint64 `json:"results"`
}

func (p *Program) alertsStatus() AlertsStatus {
	a := p.alerts.Stats()
	s := AlertsStatus{Queued: a.Queue, Dropped: a.Dropped, Held: a.Held}
	if p.reloader.state.Load().config.Alerts.Webhook != nil {
		s.Webhook = &WebhookStatus{Queued: a.Webhook.Queue, Dropped: a.Webhook.Dropped, Results: a.Webhook.Results}
	}
	return s
}
