package sidecar

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ringfence/rules"
	"ringfence/sidecar/notify"
)

// reloader loads configuration and rules, at the start and again on SIGHUP, on
// request and when a file has changed. A load that fails changes nothing.
//
// One goroutine does all loads after the first, so that two never cross.
type reloader struct {
	program *Program
	asked   chan request
	hangup  chan os.Signal
	watch   *watcher

	findings rules.Diagnostics // of the last load, when it failed; for the goroutine

	state atomic.Pointer[state] // stored by the goroutine, and at the start
}

// state is what the loads so far have come to. It is replaced as a whole, when
// all of it is in force: who sees a part of it can count on the rest.
type state struct {
	config   *Config        // that runs
	rules    *rules.Ruleset // at work
	restarts []string       // keys that wait for a restart
	last     Reload
	lastOK   time.Time // when rules last loaded
	failed   uint64    // loads
	loaded   uint64
}

// request asks for a load.
type request struct {
	cause string
	reply chan Reload // with room for it
}

func newReloader(p *Program, c *Config, hangup chan os.Signal) *reloader {
	r := &reloader{program: p, asked: make(chan request), hangup: hangup}
	r.state.Store(&state{config: c})
	return r
}

// sources are what a load would read now.
func (r *reloader) sources() sources {
	c := r.state.Load().config
	return sourcesOf(c.File, c.Settings, r.program.engine.Ruleset(), r.findings)
}

// run owns all loads until ctx ends.
func (r *reloader) run(ctx context.Context) {
	defer func() {
		if err := r.watch.close(); err != nil {
			r.program.log.Warn("watch files", "err", err)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangup:
			r.again("SIGHUP")
		case q := <-r.asked:
			q.reply <- r.again(q.cause)
		case <-r.watch.stir:
			r.watch.wait()
		case <-r.watch.timer.C:
			if r.watch.rested() {
				r.again("file change")
			}
		}
	}
}

// own tells whether a file is one that the daemon writes itself.
func (r *reloader) own(file string) bool {
	c := r.program.config
	if filepath.Dir(file) == filepath.Clean(c.State) {
		name := filepath.Base(file)
		switch strings.TrimSuffix(name, newSuffix) {
		case "lock", learnedName, liveName, liveName + damagedSuffix, blocksName, reportsName, trafficName, guardedName, healthName, healthName + damagedSuffix:
			return true
		}
		if isStateFile(name) {
			return true
		}
	}
	if filepath.Dir(file) == c.Settings.Feeds {
		return filepath.Ext(file) != ".csv"
	}
	rest, ok := strings.CutPrefix(file, filepath.Clean(c.Journal.File))
	if !ok || rest == "" {
		return ok
	}
	number, ok := strings.CutPrefix(rest, ".")
	_, err := strconv.ParseUint(number, 10, 32)
	return ok && err == nil
}

// ask has the owning goroutine load, and waits for it.
func (r *reloader) ask(ctx context.Context, cause string) (Reload, error) {
	q := request{cause, make(chan Reload, 1)}
	select {
	case r.asked <- q:
		return <-q.reply, nil // the load is under way, what comes of it is told
	case <-ctx.Done():
		return Reload{}, fmt.Errorf("reload: %w", context.Cause(ctx))
	}
}

// again loads while the daemon runs.
func (r *reloader) again(cause string) Reload {
	r.program.tell(reloadingState())
	defer r.program.tell(notify.Ready)
	var result Reload
	r.watch.load(func() { result = r.load() })
	runtime.GC() // large lists lie beside the heap, which alone starts it: those that went would pile up
	if result.OK {
		r.program.log.Info("rules loaded", "cause", cause, "generation", result.Generation, "rules", result.Rules, "lists", result.Lists)
		if n := len(result.Removed); n > 0 {
			r.program.log.Warn("rules that were at work are gone", "cause", cause, "rules", n, "first", strings.Join(result.Removed[:min(n, 3)], " "))
		}
	} else {
		r.program.log.Error("the rules were not loaded, the old ones stay", "cause", cause, "errors", len(result.Errors))
		for _, e := range result.Errors {
			r.program.log.Error("does not load", "err", e)
		}
	}
	return result
}

// load is load, then the swap, which cannot fail; or neither.
func (r *reloader) load() Reload {
	var next loaded
	var err error
	with := loading{feeds: r.program.config.Settings.Feeds, before: r.program.engine.Ruleset()}
	inBackground(func() { next, err = load(r.program.config.File, with) })
	if err == nil && next.token == "" && r.program.admin.remote {
		err = errors.New("admin.token_file: gone, and the admin listener is reached from other machines (set it again, or listen on 127.0.0.1 and restart)")
	}
	if err == nil {
		err = next.steady()
	}
	if err == nil && r.program.stopping.Load() {
		err = errStopping // what a reload changes may be closed already
	}
	if err == nil {
		return r.swap(next)
	}
	if !errors.As(err, &r.findings) {
		r.findings = rules.Diagnostics{{File: r.program.config.File, Message: err.Error()}}
	}
	now := *r.state.Load()
	now.last = Reload{Time: r.program.now(), Generation: r.program.engine.Generation(), Errors: lines(err)}
	now.failed++
	r.state.Store(&now)
	return now.last
}

// swap makes next what runs, as far as it can change while the daemon runs, and
// says what waits for a restart.
func (r *reloader) swap(next loaded) Reload {
	p := r.program
	r.findings = nil
	gone := removed(p.engine.Ruleset(), next.rules)
	p.engine.Swap(next.rules)
	p.log.set(next.config.Log)
	p.admin.token.set(next.token)
	p.networks.set(next.config.Clients)
	p.alerts.Set(next.config.alerting())
	p.health.set(next.config.Health)
	if p.switches != nil { // not before the first load
		p.switches.set(next.config.Switches)
	}
	p.feeds.stir()
	p.guards.stir() // a rule that says something else acts again
	now := state{config: next.config, rules: next.rules, restarts: p.config.restarts(next.config)}
	if len(now.restarts) > 0 {
		p.log.Warn("changed settings wait for a restart", "keys", strings.Join(now.restarts, " "))
	}
	now.last = Reload{OK: true, Time: p.now(), Generation: p.engine.Generation(), Rules: len(next.rules.Rules()), Lists: len(next.rules.Lists()), Removed: gone}
	for _, w := range append(next.config.Warnings(next.rules), next.rules.Warnings()...) {
		now.last.Warnings = append(now.last.Warnings, w.Error())
		p.log.Warn("check of configuration and rules", "err", w.Error())
	}
	before := r.state.Load()
	now.lastOK, now.failed, now.loaded = now.last.Time, before.failed, before.loaded+1
	r.state.Store(&now)
	return now.last
}

// removed are the ids of the rules that are in before and not in after, in the
// order of before, which is nil at the start.
func removed(before, after *rules.Ruleset) (ids []string) {
	if before == nil {
		return nil
	}
	stays := make(map[string]bool)
	for _, r := range after.Rules() {
		stays[r.ID] = true
	}
	for _, r := range before.Rules() {
		if !stays[r.ID] {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// lines are the findings of a failed load, each with its place.
func lines(err error) []string {
	var d rules.Diagnostics
	if !errors.As(err, &d) {
		return []string{err.Error()}
	}
	all := make([]string, len(d))
	for i := range d {
		all[i] = d[i].Error()
	}
	return all
}

// reloadingState is what a service manager wants to hear before a reload, by
// sd_notify(3) with the time of the monotonic clock.
func reloadingState() string {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return notify.Reloading
	}
	return fmt.Sprintf(notify.Reloading+"\nMONOTONIC_USEC=%d", t.Nano()/int64(time.Microsecond))
}
