// Package supervisor keeps a daemon running where no service manager does, as
// in a container: it kills a daemon that misses its beat, starts it again when
// it has ended, and hands signals and exit codes through. To the daemon it
// looks like systemd (package notify).
package supervisor

import (
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"ringfence/sidecar/notify"
)

// Options are what Run starts, and when it steps in.
type Options struct {
	Program   string        // path of the child
	Arguments []string      // its own name first
	Watchdog  time.Duration // silence after which the child is killed; default DefaultWatchdog
	Log       io.Writer     // default os.Stderr

	first   time.Duration // silence after which a child that never beat is killed
	steady  time.Duration // a child that was ready for so long is started again at once
	shortly time.Duration // the first pause between starts that do not last; it doubles
	longest time.Duration // up to here
}

// DefaultWatchdog keeps the longest that a call is held well below two seconds,
// and lets a daemon miss three beats on a busy machine.
const DefaultWatchdog = time.Second

// How often the child is looked at: several times before it is killed for its
// silence, and often enough to hand on soon that it is ready.
const (
	steps = 10
	often = 100 * time.Millisecond
)

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&o.Watchdog, DefaultWatchdog)
	set(&o.first, 30*time.Second)
	set(&o.steady, 10*time.Second)
	set(&o.shortly, 100*time.Millisecond)
	set(&o.longest, 10*time.Second)
	if o.Log == nil {
		o.Log = os.Stderr
	}
	return o
}

// Restarts counts how often a supervisor has started its child again, by why
// the one before had ended.
type Restarts struct {
	Hung  uint64 `json:"hung"`  // it missed its beat and was killed
	Ended uint64 `json:"ended"` // by itself, or killed by somebody else
}

// The names under which a child is told of those before it.
const (
	hungVariable  = "RINGFENCE_RESTARTS_HUNG"
	endedVariable = "RINGFENCE_RESTARTS_ENDED"
)

// Told is what the supervisor of this process tells it; nil: there is none.
func Told() *Restarts {
	hung, err := strconv.ParseUint(os.Getenv(hungVariable), 10, 64)
	if err != nil {
		return nil
	}
	ended, err := strconv.ParseUint(os.Getenv(endedVariable), 10, 64)
	if err != nil {
		return nil
	}
	return &Restarts{Hung: hung, Ended: ended}
}

// environment is a child's: this process's own, with this process as its
// service manager.
func (r Restarts) environment(address string, watchdog time.Duration) (env []string) {
	own := map[string]string{
		notify.SocketVariable:   address,
		notify.IntervalVariable: strconv.FormatInt(watchdog.Microseconds(), 10),
		notify.ProcessVariable:  "", // its number is not known before it runs
		hungVariable:            strconv.FormatUint(r.Hung, 10),
		endedVariable:           strconv.FormatUint(r.Ended, 10),
	}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if _, ok := own[name]; !ok {
			env = append(env, e)
		}
	}
	for name, value := range own {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// backlog is a log that never waits for who reads it: what does not fit is
// dropped.
type backlog struct {
	to    io.Writer
	lines chan []byte
	done  chan struct{}
}

func newBacklog(to io.Writer) *backlog {
	b := &backlog{to: to, lines: make(chan []byte, 64), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		for line := range b.lines {
			_, _ = b.to.Write(line) // there is nowhere to tell it
		}
	}()
	return b
}

// Write takes one line. It always succeeds.
func (b *backlog) Write(line []byte) (int, error) {
	select {
	case b.lines <- append([]byte(nil), line...):
	default:
	}
	return len(line), nil
}

// close waits a moment until all is written.
func (b *backlog) close() {
	close(b.lines)
	select {
	case <-b.done:
	case <-time.After(time.Second):
	}
}

func (b *backlog) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
