package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"ringfence/adapters/esl/esltest"
	"ringfence/integration/rig"
)

const (
	eventRate     = 20_000 // events a second that a switch sends
	eventPassword = "bench"
	eventCalls    = 512 // of whose ends a switch tells, over and over
)

// benchFreeSWITCHEvents has the daemon, with one core, read the events of a
// switch: recorded ones, each with another call, of answers and of ends.
func benchFreeSWITCHEvents(p plan, dir string) (err error) {
	events, err := recordedEvents(eventCalls)
	if err != nil {
		return err
	}
	source := &eventSource{events: events, begin: make(chan struct{}), done: make(chan int, 1), length: p.length()}
	station, err := esltest.Listen(esltest.Serve(eventPassword, source.answer))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, station.Stop()) }()
	if err := writeScenario(dir, benchRules); err != nil {
		return err
	}
	r, err := rig.NewRingfence(p.binary, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	if err := errors.Join(
		r.Append("ringfence.yaml", fmt.Sprintf("freeswitch:\n  - {name: fs1, address: %q, password_file: fs1.password}\n", station.Address())),
		r.Append("fs1.password", eventPassword+"\n"),
	); err != nil {
		return err
	}
	if err := onOneCore(r.Start); err != nil {
		return err
	}

	if err := rig.Wait(rig.Patience, "the switch is subscribed to", func() bool { return source.subscribed() }); err != nil {
		return err
	}
	before, err := processorTime(r.PID())
	if err != nil {
		return err
	}
	close(source.begin)
	sent := float64(<-source.done)
	var got, dropped float64
	if err := rig.Wait(rig.Patience, "all events are read", func() bool {
		dropped, err = r.Metric("ringfence_freeswitch_dropped_events_total")
		if err == nil {
			got, err = r.Metric("ringfence_freeswitch_events_total")
		}
		return err != nil || got+dropped >= sent
	}); err != nil || got == 0 {
		return errors.Join(err, fmt.Errorf("%.0f of %.0f events read, %.0f dropped", got, sent, dropped))
	}
	after, err := processorTime(r.PID())
	if err != nil {
		return err
	}
	figure("fs_events_per_s", got/(after-before).Seconds(), "events/s")
	figure("fs_events_dropped", dropped, "events")
	return nil
}

// onOneCore starts a process of Go that has one.
func onOneCore(start func() error) error {
	const name = "GOMAXPROCS"
	old, set := os.LookupEnv(name)
	if err := os.Setenv(name, "1"); err != nil {
		return err
	}
	err := start()
	if set {
		return errors.Join(err, os.Setenv(name, old))
	}
	return errors.Join(err, os.Unsetenv(name))
}

// eventSource is a switch that sends events once it is told to begin.
type eventSource struct {
	events [][]byte
	length time.Duration
	begin  chan struct{}
	done   chan int // how many were sent

	mu    sync.Mutex
	asked bool
}

func (s *eventSource) subscribed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// answer answers a command; the first for events starts what sends them.
func (s *eventSource) answer(p *esltest.Peer, c esltest.Command) error {
	if strings.HasPrefix(c.Line, "api show ") {
		return p.API(`{"row_count":0}`)
	}
	if err := esltest.Answer(p, c); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasPrefix(c.Line, "event ") && !s.asked {
		s.asked = true
		go s.send(p)
	}
	return nil
}

// send sends eventRate events a second, as a switch does that has many calls:
// some every millisecond.
func (s *eventSource) send(p *esltest.Peer) {
	sent := 0
	defer func() { s.done <- sent }()
	select {
	case <-s.begin:
	case <-p.Context().Done():
		return
	}
	for start := time.Now(); time.Since(start) < s.length; time.Sleep(time.Millisecond) {
		for due := int(time.Since(start).Seconds() * eventRate); sent < due; sent++ {
			if _, err := p.Write(s.events[sent%len(s.events)]); err != nil {
				return
			}
		}
	}
}

// recordedEvents are the answer and the end of a recorded call, as if it were so
// many that ringfence had let pass.
func recordedEvents(calls int) (all [][]byte, err error) {
	s, err := esltest.Load("06-call-answered-json")
	if err != nil {
		return nil, err
	}
	const mark = `{"Event-Name":"`
	stream := s.FromSwitch()
	for i := range calls {
		for _, name := range []string{"CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE"} {
			at := bytes.Index(stream, []byte(mark+name+`"`))
			if at < 0 {
				return nil, fmt.Errorf("no %s in %s", name, s.Name)
			}
			var event struct {
				ID string `json:"Unique-ID"`
			}
			body := json.NewDecoder(bytes.NewReader(stream[at:]))
			if err := body.Decode(&event); err != nil {
				return nil, err
			}
			text := string(stream[at:][:body.InputOffset()])
			text = strings.ReplaceAll(text, event.ID, fmt.Sprintf("%08x%s", i, event.ID[8:]))
			text = `{"variable_ringfence_verdict":"allow","variable_ringfence_id":"0c8m3k9d7w2r5t1v6x4y",` + text[1:]
			all = append(all, fmt.Appendf(nil, "Content-Length: %d\nContent-Type: text/event-json\n\n%s", len(text), text))
		}
	}
	return all, nil
}
