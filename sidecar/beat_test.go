package sidecar

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/sidecar/notify"
)

// serviceManager listens in the place of one, and has the environment say so.
func serviceManager(t *testing.T, watchdog time.Duration) (next func() string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	t.Setenv(notify.SocketVariable, name)
	if watchdog > 0 {
		t.Setenv(notify.IntervalVariable, strconv.FormatInt(watchdog.Microseconds(), 10))
	}
	return func() string {
		t.Helper()
		b := make([]byte, 256)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

// The first word is a beat, long before the daemon is ready, and beats go on
// until it has stopped.
func TestBeats(t *testing.T) {
	next := serviceManager(t, 40*time.Millisecond)
	p, err := New(filepath.Join(folder(t, nil), "ringfence.yaml"), Options{Log: new(lockedBuffer)})
	if err != nil {
		t.Fatal(err)
	}
	if got := next(); got != starting {
		t.Errorf("told %q while it loads, want %q", got, starting)
	}
	told := make(chan string, 1<<16)
	var reading sync.WaitGroup
	reading.Go(func() {
		for last := ""; last != notify.Stopping; told <- last {
			last = next()
		}
	})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	until := func(want string) {
		t.Helper()
		for got := <-told; got != want; got = <-told {
			if got != notify.Beat && got != starting {
				t.Errorf("told %q, want %q", got, want)
			}
		}
	}
	until(notify.Ready)
	for range 3 {
		until(notify.Beat)
	}
	p.Stop()
	until(notify.Stopping)
	reading.Wait()
}

// No beat is sent while the daemon does not work, nor while it is not known
// whether it does, and the log tells it once.
func TestBeatIsKeptBack(t *testing.T) {
	next := serviceManager(t, 4*time.Millisecond)
	b, err := newBeats()
	if err != nil {
		t.Fatal(err)
	}
	defer b.manager.Close()
	asked, answer := make(chan struct{}), make(chan error)
	var log lockedBuffer
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	sent := 0
	running.Go(func() {
		b.run(ctx, notify.Beat, slog.New(slog.NewTextHandler(&log, nil)), func() error {
			asked <- struct{}{}
			err := <-answer
			if err == nil {
				sent++
			}
			return err
		})
	})
	for _, err := range []error{nil, errors.New("stuck"), errors.New("stuck"), nil, nil, errors.New("stuck")} {
		<-asked
		answer <- err
	}
	<-asked // it hangs
	for range 3 {
		if got := next(); got != notify.Beat {
			t.Errorf("told %q", got)
		}
	}
	if err := b.manager.Send("last", patience); err != nil {
		t.Fatal(err)
	}
	if got := next(); got != "last" {
		t.Errorf("told %q by a daemon that hangs", got)
	}
	cancel()
	answer <- errors.New("stuck")
	running.Wait()
	if n := strings.Count(log.String(), "no beat is sent"); n != 2 {
		t.Errorf("the log tells it %d times, want 2:\n%s", n, log.String())
	}
	if sent != 3 {
		t.Errorf("%d beats, want 3", sent)
	}
}

// Works finds an accept loop that does not come back, and its probe is no call.
func TestWorks(t *testing.T) {
	d := launch(t, nil)
	d.ask(clean, callee)
	front := d.p.doors[0]
	await(t, "the loop is back", func() bool { return front.left.Load() == 0 })
	before := d.p.engine.Stats()
	p := &Program{engine: d.p.engine, now: time.Now, beats: &beats{interval: 4 * time.Minute}}
	for _, c := range []struct {
		name    string
		left    time.Duration // ago
		serving bool
		stuck   bool
	}{
		{"it just left", time.Second, true, false},
		{"it left long ago", time.Hour, true, true},
		{"the same before calls come", time.Hour, false, false},
	} {
		away := &door{Listener: front.Listener}
		away.left.Store(time.Now().Add(-c.left).UnixNano())
		p.doors = []*door{front, away}
		p.serving.Store(c.serving)
		if err := p.works(); (err != nil) != c.stuck {
			t.Errorf("%s: %v, want an error: %v", c.name, err, c.stuck)
		}
	}
	if p.probe.verdict.Rule != nil || p.probe.verdict.Caller.IsZero() {
		t.Errorf("the probe was decided as %+v", p.probe.verdict)
	}
	if after := d.p.engine.Stats(); after.Pending != before.Pending {
		t.Errorf("decisions that wait for an outcome: %+v, before %+v", after.Pending, before.Pending)
	}
}

// A malformed environment is told, and starts all the same.
func TestMalformedWatchdog(t *testing.T) {
	t.Setenv(notify.IntervalVariable, "soon")
	d := launch(t, nil)
	if log := d.log.String(); !strings.Contains(log, "WATCHDOG_USEC") {
		t.Errorf("the log does not tell:\n%s", log)
	}
}
