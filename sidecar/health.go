package sidecar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"ringfence/rules"
	"ringfence/sidecar/alert"
	"ringfence/sidecar/health"
)

// healthWatch judges carriers, trunks and accounts by the calls that are over,
// raises alarms, and slows down who caused one. Ended never waits; when its
// queue is full the call is counted as dropped. What is usual and what is on
// outlives a restart.
type healthWatch struct {
	queue    chan *rules.Ended
	dropped  atomic.Uint64
	failures               // of the file
	slowed   atomic.Uint64 // times that somebody was slowed down

	engine *rules.Engine
	raise  func(alert.Alert)
	now    func() time.Time
	log    *slog.Logger
	name   string // of the file
	stop   chan struct{}
	done   chan struct{}

	mu      sync.Mutex // held for moments, by the goroutine, a reload and who asks how things are
	config  HealthConfig
	tracker *health.Tracker

	saved []byte // what is in the file; of the goroutine
}

// healthFile is what is kept.
type healthFile struct {
	Version int            `json:"version"`
	Health  health.Saved   `json:"health"`
	Slowed  []rules.Slowed `json:"slowed,omitempty"`
}

const (
	healthVersion = 1
	healthLimit   = 64 << 20 // bytes of the file
	healthSaves   = 60       // seconds from one to the next
)

// newHealth makes a watch that takes calls and does not look at them yet.
func newHealth(c HealthConfig, name string, raise func(alert.Alert), now func() time.Time, log *slog.Logger) *healthWatch {
	return &healthWatch{
		queue: make(chan *rules.Ended, healthQueue), raise: raise, now: now, log: log, name: name,
		stop: make(chan struct{}), done: make(chan struct{}), config: c, tracker: health.New(c.Config, now()),
	}
}

// start restores what was kept, into the engine, too, and begins to watch.
func (h *healthWatch) start(engine *rules.Engine) {
	h.engine = engine
	at := h.now()
	kept, err := readHealth(h.name)
	if err == nil {
		err = h.tracker.Restore(kept.Health, at)
	}
	if err != nil {
		h.errors.Add(1)
		h.log.Error("health: what was learned is lost, it is learned anew", "err", err, "file", h.name+damagedSuffix)
		if err := os.Rename(h.name, h.name+damagedSuffix); err != nil {
			h.log.Error("health: the file cannot be kept", "err", err)
		}
		kept = healthFile{}
	}
	for _, s := range kept.Slowed {
		engine.Slow(s, at)
	}
	if h.config.Off {
		h.alarm(h.tracker.Quiet(at))
	}
	go h.run()
}

// readHealth reads what was kept; a file that is not there holds nothing.
func readHealth(name string) (kept healthFile, err error) {
	data, err := readBounded(name, healthLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	if err == nil && kept.Version != healthVersion {
		err = fmt.Errorf("version %d is not known", kept.Version)
	}
	if err != nil {
		return healthFile{}, fmt.Errorf("%s: %w", name, err)
	}
	return kept, nil
}

// Ended takes a call that is over.
func (h *healthWatch) Ended(e *rules.Ended) {
	select {
	case h.queue <- e:
	default:
		h.dropped.Add(1)
	}
}

// set changes what is watched for.
func (h *healthWatch) set(c HealthConfig) {
	h.mu.Lock()
	before := h.config
	h.config = c
	var events []health.Event
	if c.Config != before.Config {
		h.tracker.Set(c.Config, h.now())
	}
	if c.Off && !before.Off {
		events = h.tracker.Quiet(h.now())
	}
	h.mu.Unlock()
	h.alarm(events)
}

// close counts what waits, keeps what is known and ends.
func (h *healthWatch) close() {
	close(h.stop)
	<-h.done
}

func (h *healthWatch) run() {
	defer close(h.done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	kept := uint64(0) // slow-downs that are in the file
	for seconds := 0; ; {
		select {
		case e := <-h.queue:
			h.take(e)
		case <-tick.C:
			h.take(nil)
			slowed := h.slowed.Load()
			if seconds++; seconds%healthSaves == 0 || slowed != kept {
				h.save()
				kept = slowed
			}
		case <-h.stop:
			for len(h.queue) > 0 {
				h.take(<-h.queue)
			}
			h.save()
			return
		}
	}
}

// take counts a call, or lets the time go on.
func (h *healthWatch) take(e *rules.Ended) {
	h.mu.Lock()
	var events []health.Event
	switch {
	case h.config.Off:
	case e == nil:
		events = h.tracker.Advance(h.now())
	default:
		events = h.tracker.Ended(e, h.now())
	}
	h.mu.Unlock()
	h.alarm(events)
}

// healthFigures are the figures of an alert.
type healthFigures struct {
	health.Figures
	Since  time.Time     `json:"since"`
	Source *healthSource `json:"source,omitempty"`
}

// healthSource is who made the most of the bad calls.
type healthSource struct {
	Role        string     `json:"role"`
	Name        string     `json:"name"`
	Calls       int        `json:"calls"`
	Bad         int        `json:"bad"`
	Caused      bool       `json:"caused"`
	SlowedUntil *time.Time `json:"slowed_until,omitempty"`
}

var healthAlerts = [...]alert.Kind{health.AnswerRate: alert.AnswerRate, health.BlockShare: alert.BlockShare, health.ShortShare: alert.ShortShare}

// alarm raises the alarms that began and ended, and slows down who caused one.
func (h *healthWatch) alarm(events []health.Event) {
	for i := range events {
		e := &events[i]
		figures := healthFigures{Figures: e.Figures, Since: e.Since.UTC()}
		text := e.Text()
		if s := e.Source; s != nil {
			figures.Source = &healthSource{Role: s.Role.String(), Name: s.Name, Calls: s.Calls, Bad: s.Bad, Caused: s.Caused}
			if until := h.slowDown(s, e.At); !until.IsZero() {
				figures.Source.SlowedUntil = &until
				text += ", which is slowed down until " + until.Format(time.RFC3339)
			}
		}
		state := alert.End
		if e.Begin {
			state = alert.Begin
		}
		h.raise(alert.Alert{Kind: healthAlerts[e.Kind], Subject: e.Subject.String(), State: state, Time: e.At, Text: text, Figures: figures})
	}
}

// slowDown slows down a source that caused an alarm, and is zero when it does
// not.
func (h *healthWatch) slowDown(s *health.Source, at time.Time) time.Time {
	h.mu.Lock()
	lasts := h.config.SlowDown
	h.mu.Unlock()
	if lasts == 0 || !s.Caused {
		return time.Time{}
	}
	until := at.Add(lasts).UTC()
	if !h.engine.Slow(rules.Slowed{Of: s.Role.String(), Name: s.Name, Until: until}, at) {
		return time.Time{}
	}
	h.slowed.Add(1)
	return until
}

// save writes what has changed since the last time.
func (h *healthWatch) save() {
	h.mu.Lock()
	kept := healthFile{Version: healthVersion, Health: h.tracker.Save()}
	h.mu.Unlock()
	kept.Slowed = h.engine.Slowed(h.now())
	data, err := json.Marshal(kept)
	if err == nil && bytes.Equal(data, h.saved) {
		return
	}
	if err == nil {
		err = writeFile(h.name, func(w io.Writer) error { _, err := w.Write(append(data, '\n')); return err })
	}
	if h.tell(h.log, h.name, "health: cannot write", "health: written again", err); err == nil {
		h.saved = data
	}
}
