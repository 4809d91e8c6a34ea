package sidecar

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ringfence/rules"
	"ringfence/sidecar/notify"
)

// beats tell the service manager that the daemon works, as long as it does. A
// manager that misses them for its interval kills the process: connections are
// then refused and calls go on, where a daemon that hangs would hold them.
//
// Four beats fit the interval, so that the manager kills only when the process
// had no turn, or decided nothing, for that long: neither a reload nor a
// collection of garbage nor a busy machine keeps all four back.
type beats struct {
	manager  *notify.Sender
	interval time.Duration // after which the manager kills; 0: no beat is waited for
	late     atomic.Uint64 // that came more than half the interval after the one before
}

// newBeats are as the service manager wants them. The error is one of its
// words; no beat is then sent.
func newBeats() (*beats, error) {
	interval, err := notify.Watchdog()
	return &beats{manager: notify.NewSender(), interval: interval}, err
}

// every is how long one beat waits for the next.
func (b *beats) every() time.Duration { return b.interval / 4 }

// run sends message at every beat until ctx ends. Works tells why the daemon
// does not work, which keeps the beat back; so does its not returning.
func (b *beats) run(ctx context.Context, message string, log *slog.Logger, works func() error) {
	if b.interval == 0 {
		return
	}
	tick := time.NewTicker(b.every())
	defer tick.Stop()
	var last time.Time
	for told := false; ; { // told: the log knows that none is sent
		err := works()
		if err == nil {
			err = b.manager.Send(message, b.every())
		}
		now := time.Now()
		switch {
		case err == nil:
			if !last.IsZero() && now.Sub(last) > b.interval/2 {
				b.late.Add(1)
			}
			last, told = now, false
		case !told:
			log.Error("no beat is sent", "err", err, "watchdog", b.interval)
			told = true
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// starting is told while rules load: it lives, and a start that takes long is
// not taken for one that fails.
const starting = notify.Beat + "\nEXTEND_TIMEOUT_USEC=10000000"

// during beats while work is done that no call waits for.
func (b *beats) during(work func()) {
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.run(ctx, starting, slog.New(slog.DiscardHandler), func() error { return nil }) }) // READY=1 tells of the same fault
	work()
	end()
	running.Wait()
}

// beat starts the goroutine that beats, until all else has ended.
func (p *Program) beat() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.beats.run(ctx, notify.Beat, p.log.Logger, p.works) })
	p.ends = append(p.ends, func() {
		cancel()
		p.wait(&running, "a beat")
	})
}

// probe is a call that no switch has asked about.
type probe struct {
	call    rules.Call
	verdict rules.Verdict
}

// door has the beats watch a listener at which calls wait. Its loop must not
// wait for anything but the next connection.
func (p *Program) door(l net.Listener) net.Listener {
	d := &door{Listener: l}
	p.doors = append(p.doors, d)
	return d
}

// works tells why calls are not decided. It decides one itself.
func (p *Program) works() error {
	if !p.serving.Load() || p.stopping.Load() {
		return nil // no call is waiting yet, or what is in flight is being answered
	}
	for _, d := range p.doors {
		if d.stuck(p.beats.every()) {
			return fmt.Errorf("nobody accepts connections to %s any more", d.Addr())
		}
	}
	p.probe.decide(p.engine, p.now())
	return nil
}

// decide returns when the engine has decided. A call whose decision panics
// passes, and so does this one.
func (p *probe) decide(e *rules.Engine, now time.Time) {
	defer func() { _ = recover() }()
	p.call = rules.Call{
		At: now, CallID: "beat", RequestURI: "sip:+12025557100@beat.invalid", RequestUser: "+12025557100", Domain: "beat.invalid",
		From: rules.Identity{User: "+12025557101", Host: "beat.invalid"},
	}
	e.Probe(&p.call, &p.verdict)
}
