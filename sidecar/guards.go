package sidecar

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"ringfence/rules"
	"ringfence/sidecar/alert"
)

// guards tells of the rules that their limits put into monitor, and keeps them
// there over a restart. It looks at the engine when it is stirred, which never
// waits: what is told is how it is by then.
type guards struct {
	failures               // the file does not say what told says
	stirs    chan struct{} // with room for one
	stop     chan struct{}
	done     chan struct{}
	engine   *rules.Engine
	log      *slog.Logger
	name     string
	raise    func(alert.Alert)

	// The rest belongs to the goroutine.
	told []rules.Guarded
}

// guardsRetry is when a file is tried again that could not be written.
const guardsRetry = 10 * time.Second

// keptGuard is one in the state folder, which a start takes up for the same text
// of the rule only.
type keptGuard struct {
	rules.Guarded
	Text uint64 `json:"text,string"`
}

// readGuards reads what was kept. A file that is not there holds nothing.
func readGuards(name string) (all []rules.Guarded, err error) {
	data, err := readBounded(name, 16<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		var kept []keptGuard
		err = json.Unmarshal(data, &kept)
		for _, k := range kept {
			k.Guarded.Text = k.Text
			all = append(all, k.Guarded)
		}
	}
	return all, err
}

func newGuards(name string, log *slog.Logger, raise func(alert.Alert)) *guards {
	return &guards{stirs: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}), log: log, name: name, raise: raise}
}

// start tells of what changes beyond what was kept.
func (g *guards) start(e *rules.Engine, kept []rules.Guarded) {
	g.engine, g.told = e, kept
	for _, one := range e.Guarded() {
		g.log.Warn("a rule that passed its limit is in monitor still", "rule", one.Rule, "trunk", one.Trunk, "since", one.Since)
	}
	g.stir()
	go g.run()
}

// stir has the goroutine look again.
func (g *guards) stir() {
	select {
	case g.stirs <- struct{}{}:
	default:
	}
}

// Close keeps what is in monitor by now.
func (g *guards) Close() {
	close(g.stop)
	<-g.done
}

func (g *guards) run() {
	defer close(g.done)
	retry := time.NewTicker(guardsRetry)
	defer retry.Stop()
	for {
		select {
		case <-g.stirs:
			g.look()
		case <-retry.C:
			if g.failing.Load() {
				g.keep()
			}
		case <-g.stop:
			g.look()
			return
		}
	}
}

// look tells what has changed since it was told last.
func (g *guards) look() {
	now := g.engine.Guarded()
	holds := func(all []rules.Guarded, one rules.Guarded) bool {
		return slices.ContainsFunc(all, func(o rules.Guarded) bool {
			return o.Rule == one.Rule && o.Trunk == one.Trunk && o.Since.Equal(one.Since)
		})
	}
	changed := false
	for _, one := range now {
		if holds(g.told, one) {
			continue
		}
		changed = true
		g.raise(alert.Alert{Kind: alert.RuleFallback, Subject: guardedSubject(one), State: alert.Begin, Time: one.Since, Figures: guardedFigures{one.Limit, one.Stopped, one.Calls},
			Text: guardedSubject(one) + " would stop more than its limit of " + one.Limit + ": it only monitors there until its text changes or it is resumed (ringfence rule resume)"})
	}
	for _, one := range g.told {
		if !holds(now, one) {
			changed = true
			g.raise(alert.Alert{Kind: alert.RuleFallback, Subject: guardedSubject(one), State: alert.End, Text: guardedSubject(one) + " acts again"})
		}
	}
	if g.told = now; changed || g.failing.Load() {
		g.keep()
	}
}

// keep writes the file anew.
func (g *guards) keep() {
	kept := make([]keptGuard, len(g.told))
	for i, one := range g.told {
		kept[i] = keptGuard{one, one.Text}
	}
	err := writeFile(g.name, func(w io.Writer) error { return json.NewEncoder(w).Encode(kept) })
	g.tell(g.log, g.name, "limits: cannot write which rules are in monitor", "limits: written again", err)
}

// guardedSubject names a rule, and the trunk on which it passed its limit.
func guardedSubject(one rules.Guarded) string {
	if one.Trunk == "" {
		return "rule " + one.Rule + " for calls without a trunk"
	}
	return "rule " + one.Rule + " on trunk " + one.Trunk
}

// guardedFigures are those of an alert.
type guardedFigures struct {
	Limit   string `json:"limit"`
	Stopped uint64 `json:"stopped"`
	Calls   uint64 `json:"calls,omitempty"`
}
