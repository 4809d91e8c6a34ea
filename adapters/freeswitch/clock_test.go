package freeswitch

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringfence/adapters/esl/esltest"
)

// asks has a call announced that its mode's application holds, or another one,
// and tells whether it was looked up and whether it was answered.
func (s *station) asks(e esltest.Event, application string) (lookedUp, answered bool) {
	s.Helper()
	channel := e.Get("Unique-ID")
	s.answerTo("uuid_dump "+channel+" json", bodyOf(e.With("variable_current_application", application)))
	s.send(e)
	told := strings.Join(s.told(), "\n")
	lookedUp = strings.Contains(told, "api uuid_dump "+channel+" json")
	answered = strings.Contains(told, "api uuid_break "+channel) || strings.Contains(told, "api uuid_transfer "+channel)
	if !answered && strings.Contains(told, "uuid_setvar "+channel) {
		s.Errorf("%s was not answered, but told\n%s", channel, told)
	}
	return lookedUp, answered
}

// The first announcement of a connection may come late as any other: a call that
// has gone on is left alone, and one that waits is answered.
func TestFirstEventIsLate(t *testing.T) {
	for _, ahead := range []time.Duration{0, 7 * time.Hour, -7 * time.Hour} {
		for _, c := range []struct {
			mode        Mode
			application string
			answered    bool
		}{{Park, "bridge", false}, {Park, "park", true}, {Window, "bridge", false}, {Window, "sleep", true}} {
			t.Run(fmt.Sprintf("%s %s %s", ahead, c.mode, c.application), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStation(t, SwitchOptions{})
					s.setClock(ahead, 0)
					s.ready()
					defer s.end()
					event := map[Mode]func(testing.TB, string, string) esltest.Event{Window: checkOf, Park: parkOf}[c.mode]
					e := s.stamped(event(t, "first", spammer))
					time.Sleep(4 * time.Second)
					if lookedUp, answered := s.asks(e, c.application); !lookedUp || answered != c.answered {
						t.Errorf("late: looked up %t, answered %t; want it looked up, answered %t", lookedUp, answered, c.answered)
					}
					n := s.Counters()
					if late, on := n.Late.Load(), n.GoneOn.Load(); late != 1 || (on == 0) != c.answered || s.desk.decided() != int(b2i(c.answered)) {
						t.Errorf("%d late, %d gone on, %d decided", late, on, s.desk.decided())
					}
					time.Sleep(time.Second)
					next := s.stamped(event(t, "next", spammer))
					time.Sleep(lateAfter)
					if lookedUp, answered := s.asks(next, c.application); lookedUp || !answered {
						t.Errorf("in time: looked up %t, answered %t", lookedUp, answered)
					}
				})
			})
		}
	}
}

// A step of the switch's clock, either way, costs calls a look-up until the next
// ping, and hides no late one.
func TestClockStep(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := newStation(t, SwitchOptions{})
			s.ready()
			defer s.end()
			if lookedUp, answered := s.asks(checkOf(t, "before", spammer), "sleep"); lookedUp || !answered {
				t.Errorf("before: looked up %t, answered %t", lookedUp, answered)
			}
			s.setClock(step, 0)
			if lookedUp, answered := s.asks(s.stamped(checkOf(t, "stepped", spammer)), "sleep"); !lookedUp || !answered {
				t.Errorf("step of %s: looked up %t, answered %t", step, lookedUp, answered)
			}
			if lookedUp, answered := s.asks(s.stamped(parkOf(t, "gone", spammer)), "bridge"); !lookedUp || answered {
				t.Errorf("step of %s, gone on: looked up %t, answered %t", step, lookedUp, answered)
			}
			time.Sleep(pingEvery)
			if lookedUp, answered := s.asks(s.stamped(checkOf(t, "healed", spammer)), "sleep"); lookedUp || !answered {
				t.Errorf("after the ping: looked up %t, answered %t", lookedUp, answered)
			}
		})
	}
}

// Clocks are not compared by a slow answer: until there is a quick one all calls
// are looked up, and afterwards what it told stays.
func TestSlowPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.setClock(time.Hour, compareWithin+2*time.Millisecond)
		s.ready()
		defer s.end()
		for i, c := range []struct {
			slow, step time.Duration
			lookedUp   bool
		}{
			{compareWithin + 2*time.Millisecond, 0, true},
			{compareWithin, 0, false},
			{time.Second, 0, false},                 // what was known stays
			{time.Second, time.Minute, true},        // nothing tells of the step
			{compareWithin / 2, time.Minute, false}, // but this
		} {
			s.setClock(time.Hour+c.step, c.slow)
			time.Sleep(2 * pingEvery)
			synctest.Wait()
			for _, e := range []esltest.Event{checkOf(t, fmt.Sprint("w", i), spammer), parkOf(t, fmt.Sprint("p", i), spammer)} {
				application := "sleep"
				if e.Get("Event-Name") == "CHANNEL_PARK" {
					application = "park"
				}
				if lookedUp, answered := s.asks(s.stamped(e), application); lookedUp != c.lookedUp || !answered {
					t.Errorf("%d, %s: looked up %t, answered %t; want %t, true", i, application, lookedUp, answered, c.lookedUp)
				}
			}
		}
	})
}

// What a switch tells late of a call may no longer be so: it is asked again, and
// a call that it never tells of in time goes on by itself.
func TestLateLookUps(t *testing.T) {
	for _, c := range []struct {
		late     int
		answered bool
	}{{0, true}, {1, true}, {lookUps - 1, true}, {lookUps, false}} {
		synctest.Test(t, func(t *testing.T) {
			s := newStation(t, SwitchOptions{})
			late := parkOf(t, "late", spammer)
			dumps := 0
			s.play(esltest.Serve(password, func(p *esltest.Peer, command esltest.Command) error {
				if command.Line == "api uuid_dump late json" {
					if dumps++; dumps <= c.late {
						time.Sleep(lateAfter + time.Millisecond)
					}
				}
				return s.answer(p, command)
			}))
			s.ready()
			defer s.end()
			time.Sleep(time.Second)
			s.answerTo("uuid_dump late json", bodyOf(late.With("variable_current_application", "park")))
			s.send(late)
			time.Sleep(time.Second)
			synctest.Wait()
			if answered := strings.Contains(strings.Join(s.told(), "\n"), "api uuid_transfer late parked XML ringfence"); answered != c.answered {
				t.Errorf("%d late answers: the call was answered: %t, want %t", c.late, answered, c.answered)
			}
			if n := s.Counters().GoneOn.Load(); n != uint64(b2i(!c.answered)) {
				t.Errorf("%d late answers: %d gone on", c.late, n)
			}
		})
	}
}

// A switch that does not tell its clock has its calls looked up.
func TestClockUntold(t *testing.T) {
	for _, answer := range []string{"-ERR strmicroepoch Command not found!\n", "soon\n", ""} {
		synctest.Test(t, func(t *testing.T) {
			s := newStation(t, SwitchOptions{})
			s.answerTo("strmicroepoch", answer)
			s.ready()
			defer s.end()
			if lookedUp, answered := s.asks(checkOf(t, "waits", spammer), "sleep"); !lookedUp || !answered {
				t.Errorf("%q: looked up %t, answered %t", answer, lookedUp, answered)
			}
			if lookedUp, answered := s.asks(parkOf(t, "talks", spammer), "bridge"); !lookedUp || answered {
				t.Errorf("%q, gone on: looked up %t, answered %t", answer, lookedUp, answered)
			}
		})
	}
}
