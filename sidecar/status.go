package sidecar

import (
	"runtime/debug"
	"time"

	"ringfence/rules"
	"ringfence/sidecar/supervisor"
)

// Status is what GET /status tells.
type Status struct {
	Version    string               `json:"version"`
	Started    time.Time            `json:"started"`
	Config     string               `json:"config"`
	Mode       string               `json:"mode"`
	Ready      bool                 `json:"ready"`              // as GET /readyz tells it
	Generation uint64               `json:"generation"`         // of the ruleset; grows with each load
	Restarts   *supervisor.Restarts `json:"restarts,omitempty"` // by ringfence supervise; absent without it
	Reload     Reload               `json:"reload"`             // the last one, the load at start included
	LastOK     time.Time            `json:"last_ok"`            // when rules last loaded
	Restart    []string             `json:"restart_needed,omitempty"`
	Listeners  Listeners            `json:"listeners"`
	Socket     *SocketStatus        `json:"socket,omitempty"` // absent when it is off
	Switches   []SwitchStatus       `json:"switches,omitempty"`
	Calls      CallCounts           `json:"calls"`
	Unknown    UnknownTrunks        `json:"unknown_trunks"`
	Watched    []string             `json:"monitored_trunks,omitempty"` // whose mode is monitor
	Rules      []RuleStatus         `json:"rules"`
	Lists      []ListStatus         `json:"lists"`
	Feeds      []FeedStatus         `json:"feeds,omitempty"`
	Learned    []LearnedStatus      `json:"learned"`
	State      StateStatus          `json:"state"`
	Health     *HealthStatus        `json:"health,omitempty"` // absent when it is off
	Alerts     AlertsStatus         `json:"alerts"`
	Journal    JournalStatus        `json:"journal"`
}

// Reload is what became of one load of configuration and rules.
type Reload struct {
	OK         bool      `json:"ok"`
	Time       time.Time `json:"time"`
	Generation uint64    `json:"generation"` // that runs since
	Rules      int       `json:"rules,omitempty"`
	Lists      int       `json:"lists,omitempty"`
	Removed    []string  `json:"removed,omitempty"` // ids of rules that ran before and are gone
	Errors     []string  `json:"errors,omitempty"`
	Warnings   []string  `json:"warnings,omitempty"`
}

// Listeners are the addresses that are bound.
type Listeners struct {
	Decisions string `json:"decisions"`
	Admin     string `json:"admin"`
}

// CallCounts count decisions since the start.
type CallCounts struct {
	Allowed   uint64 `json:"allowed"`
	Blocked   uint64 `json:"blocked"`
	Diverted  uint64 `json:"diverted"`
	Monitored uint64 `json:"monitored"` // passed, and a rule in monitor mode would have stopped them
}

// UnknownTrunks are calls that named a trunk which is not configured.
type UnknownTrunks struct {
	Calls uint64   `json:"calls"`
	Names []string `json:"names,omitempty"` // the first 16
}

// RuleStatus is one rule and how often it matched.
type RuleStatus struct {
	ID        string `json:"id"`
	Action    string `json:"action"`
	Why       string `json:"why,omitempty"`
	Mode      string `json:"mode"`
	Rollout   string `json:"rollout,omitempty"` // share of callers for whom it is enforced; absent for all
	Limit     string `json:"limit,omitempty"`
	Matched   uint64 `json:"matched"`
	Monitored uint64 `json:"monitored"`

	Guarded []rules.Guarded `json:"guarded,omitempty"` // trunks on which its limit has put it into monitor
}

// ListStatus is one loaded list.
type ListStatus struct {
	Name string `json:"name"`
	File string `json:"file"`
	Why  string `json:"why,omitempty"`
	Rows int    `json:"rows"`
}

// LearnedStatus is one learned list.
type LearnedStatus struct {
	Name    string `json:"name"`
	Entries int    `json:"entries"`
}

// StateStatus is what calls are counted by, and its files.
type StateStatus struct {
	Keys    int64     `json:"keys"`
	Bytes   int64     `json:"bytes"` // of memory
	Evicted uint64    `json:"evicted"`
	Files   int64     `json:"file_bytes"`
	Saved   time.Time `json:"saved,omitzero"` // when all of it was last in the files
	Failing bool      `json:"failing"`        // the last save failed
	Errors  uint64    `json:"errors"`
}

// stateStatus is that of now.
func (p *Program) stateStatus() StateStatus {
	f, now := p.counted, p.engine.State().Stats()
	s := StateStatus{Keys: now.Keys, Bytes: now.Bytes, Evicted: now.Evicted, Files: f.bytes.Load(), Failing: f.failing.Load(), Errors: f.errors.Load()}
	if saved := f.saved.Load(); saved != 0 {
		s.Saved = time.Unix(0, saved).UTC()
	}
	return s
}

// JournalStatus is the state of the journal.
type JournalStatus struct {
	File    string `json:"file"`
	Written uint64 `json:"written"`
	Queued  int    `json:"queued"`
	Dropped uint64 `json:"dropped"`
	Errors  uint64 `json:"errors"`
}

// Version is that of the program as the Go toolchain stamped it: a tag, or a
// pseudo-version of the commit; "devel" when it stamped none.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// callCounts are those of all adapters.
func (p *Program) callCounts() CallCounts {
	kamailio, http := p.handler.Counters(), p.freeswitchHTTP.Counters()
	return CallCounts{
		Allowed:   kamailio.Allowed.Load() + http.Allowed.Load(),
		Blocked:   kamailio.Blocked.Load() + http.Blocked.Load(),
		Diverted:  kamailio.Diverted.Load() + http.Diverted.Load(),
		Monitored: p.service.monitored.Load(),
	}
}

// Status is how the daemon is now.
func (p *Program) Status() Status {
	now, engine := p.reloader.state.Load(), p.engine.Stats()
	s := Status{
		Version:    p.version,
		Started:    p.started.UTC(),
		Config:     now.config.File,
		Mode:       now.rules.Mode().String(),
		Ready:      p.ready() == nil,
		Restarts:   p.restarts,
		Generation: now.last.Generation,
		Reload:     now.last,
		LastOK:     now.lastOK.UTC(),
		Restart:    now.restarts,
		Listeners:  Listeners{Decisions: p.decisions.String(), Admin: p.adminAddr.String()},
		Calls:      p.callCounts(),
		Unknown:    UnknownTrunks{Calls: engine.UnknownTrunks, Names: engine.UnknownNames},
		Rules:      []RuleStatus{}, Lists: []ListStatus{}, Learned: []LearnedStatus{},
		Journal: JournalStatus{
			File: p.config.Journal.File, Written: p.journal.written.Load(), Queued: len(p.journal.queue),
			Dropped: p.journal.dropped.Load(), Errors: p.journal.errors.Load(),
		},
	}
	guarded := p.engine.Guarded()
	for _, r := range now.rules.Rules() {
		one := RuleStatus{
			ID: r.ID, Action: does(r), Why: r.Why.String(), Mode: r.Mode.String(),
			Matched: r.Counts.Matched.Load(), Monitored: r.Counts.Monitored.Load(),
		}
		if r.Rollout != 0 {
			one.Rollout = r.Rollout.String()
		}
		if r.Limit != nil {
			one.Limit = r.Limit.String()
		}
		for _, g := range guarded {
			if g.Rule == r.ID {
				one.Guarded = append(one.Guarded, g)
			}
		}
		s.Rules = append(s.Rules, one)
	}
	for _, t := range now.config.Settings.Trunks {
		if t.Mode == rules.Monitor {
			s.Watched = append(s.Watched, t.Name)
		}
	}
	for _, l := range now.rules.Lists() {
		s.Lists = append(s.Lists, ListStatus{Name: l.Name, File: l.File, Why: l.Why.String(), Rows: l.Len()})
	}
	if k := p.socket; k != nil {
		s.Socket = k.status()
		counters := k.Counters()
		s.Calls.Allowed += counters.Allowed.Load()
		s.Calls.Blocked += counters.Blocked.Load()
		s.Calls.Diverted += counters.Diverted.Load()
	}
	s.Switches = p.switches.status()
	s.Calls.Allowed += p.events.calls[rules.Allow].Load()
	s.Calls.Blocked += p.events.calls[rules.Block].Load()
	s.Calls.Diverted += p.events.calls[rules.Divert].Load()
	s.Feeds = p.feeds.status()
	s.State = p.stateStatus()
	s.Health, s.Alerts = p.health.status(), p.alertsStatus()
	for _, l := range engine.Learned {
		s.Learned = append(s.Learned, LearnedStatus{Name: l.Name, Entries: l.Length})
	}
	return s
}
