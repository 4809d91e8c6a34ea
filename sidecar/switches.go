package sidecar

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"ringfence/adapters/freeswitch"
)

// switches are the FreeSWITCHes whose events are read, each by goroutines of
// its own. None is waited for.
type switches struct {
	decider freeswitch.Decider
	log     *slog.Logger
	now     func() time.Time

	mu      sync.Mutex
	running map[string]*runningSwitch // by name
}

// runningSwitch is one of them.
type runningSwitch struct {
	*freeswitch.Switch
	config SwitchConfig
	end    context.CancelFunc
	ended  chan struct{}
}

func newSwitches(d freeswitch.Decider, log *slog.Logger, now func() time.Time) *switches {
	return &switches{decider: d, log: log, now: now, running: make(map[string]*runningSwitch)}
}

// set makes these the switches whose events are read. What stays as it is goes
// on undisturbed; one with another address or file of a password is connected
// anew.
func (s *switches) set(configs []SwitchConfig) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := make(map[string]SwitchConfig)
	for _, c := range configs {
		wanted[c.Name] = c
	}
	var ending []*runningSwitch
	for name, r := range s.running {
		if c, ok := wanted[name]; !ok || c.Address != r.config.Address || c.PasswordFile != r.config.PasswordFile {
			r.end()
			ending = append(ending, r)
			delete(s.running, name)
		}
	}
	for _, r := range ending {
		<-r.ended
	}
	for _, c := range configs {
		if s.running[c.Name] == nil {
			s.running[c.Name] = s.start(c)
		}
	}
}

func (s *switches) start(c SwitchConfig) *runningSwitch {
	ctx, end := context.WithCancel(context.Background())
	r := &runningSwitch{config: c, end: end, ended: make(chan struct{})}
	r.Switch = freeswitch.NewSwitch(s.decider, freeswitch.SwitchOptions{
		Name:     c.Name,
		Address:  c.Address,
		Password: func() (string, error) { return readPassword(c.PasswordFile) },
		Logger:   s.log,
		Now:      s.now,
	})
	go func() {
		defer close(r.ended)
		r.Run(ctx)
	}()
	return r
}

// all are the switches by name.
func (s *switches) all() []*runningSwitch {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*runningSwitch
	for _, r := range s.running {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *runningSwitch) int { return strings.Compare(a.config.Name, b.config.Name) })
	return all
}

// away are those whose events are not read now.
func (s *switches) away() (names []string) {
	for _, r := range s.all() {
		if !r.Status().Reading() {
			names = append(names, r.config.Name)
		}
	}
	return names
}

// SwitchStatus is one FreeSWITCH whose events are read.
type SwitchStatus struct {
	Name    string        `json:"name"`
	Address string        `json:"address"`
	State   string        `json:"state"`   // connecting, subscribing, resyncing, ready or waiting
	Reading bool          `json:"reading"` // its events are read
	Since   time.Time     `json:"since"`
	Error   string        `json:"error,omitempty"` // why there is no connection
	Retry   *time.Time    `json:"retry,omitempty"` // when the next is tried
	Heard   *time.Time    `json:"heard,omitempty"` // when its last message came
	Calls   int           `json:"calls"`           // that run
	Events  uint64        `json:"events"`
	Dropped uint64        `json:"dropped"` // events that came faster than they were read
	Decided SwitchDecided `json:"decided"`
}

// SwitchDecided counts calls by how they waited for their decision.
type SwitchDecided struct {
	Window uint64 `json:"window"`
	Park   uint64 `json:"park"`
}

// status is that of all switches by name.
func (s *switches) status() (all []SwitchStatus) {
	for _, r := range s.all() {
		now := r.Status()
		all = append(all, SwitchStatus{
			Name: r.config.Name, Address: r.config.Address, State: now.State.String(), Reading: now.Reading(), Since: now.Since.UTC(), Error: now.Error,
			Retry: known(now.Retry), Heard: known(now.Heard), Calls: now.Calls, Events: now.Events, Dropped: now.Dropped,
			Decided: SwitchDecided{Window: decided(r, freeswitch.Window), Park: decided(r, freeswitch.Park)},
		})
	}
	return all
}

// known is a time in UTC, nil for none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// decided adds up the calls of a switch that were decided in a mode.
func decided(r *runningSwitch, m freeswitch.Mode) (sum uint64) {
	for a := range r.Counters().Decided[m] {
		sum += r.Counters().Decided[m][a].Load()
	}
	return sum
}

// close ends all.
func (s *switches) close() { s.set(nil) }
