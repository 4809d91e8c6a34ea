package freeswitch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/adapters/esl/esltest"
	"ringfence/rules"
)

// Whatever a switch does, it is tried again, and its events are read as soon as
// it is itself again.
func TestSwitchFaults(t *testing.T) {
	recorded := func(name string) esltest.Script {
		s, err := esltest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		return esltest.Play(s)
	}
	loggedIn := func(then esltest.Script) esltest.Script {
		return func(p *esltest.Peer) error {
			if err := esltest.LogIn(p, password); err != nil {
				return err
			}
			if _, err := p.ReadCommand(); err != nil {
				return err
			}
			return then(p)
		}
	}
	for _, c := range []struct {
		name   string
		script esltest.Script
		want   string        // of the status
		within time.Duration // that it takes to find it out
		retry  time.Duration // at most, the first time
	}{
		{"refused", nil, "connection refused", 0, firstRetry},
		{"accepted and silent", esltest.Silent, "no login", 5 * time.Second, firstRetry},
		{"silent once let in", loggedIn(esltest.Silent), "filter variable_ringfence_verdict none: no answer within 10s", commandTime, firstRetry},
		{"closed once let in", loggedIn(func(*esltest.Peer) error { return nil }), "the switch closed the connection", 0, firstRetry},
		{"garbage", esltest.Garbage, "not the event socket's protocol", 0, firstRetry},
		{"garbage once let in", loggedIn(func(p *esltest.Peer) error {
			_, err := io.WriteString(p, "Content-Length: -1\n\n")
			return err
		}), "not the event socket's protocol", 0, firstRetry},
		{"100 MB", esltest.HugeLength(password), "a message of 104857", 0, firstRetry},
		{"wrong password", recorded("02-auth-fail"), "refuses the password: give the one of its event_socket.conf.xml", 0, refusedRetry},
		{"ACL", recorded("51-rude-rejection-acl"), "refuses our address: allow it in the ACL", 0, refusedRetry},
		{"-ERR to every command", esltest.Refusing(password), "filter variable_ringfence_verdict none: esl: the switch answered -ERR", 0, firstRetry},
		{"show channels refused", esltest.Serve(password, func(p *esltest.Peer, c esltest.Command) error {
			if strings.HasPrefix(c.Line, "api show") {
				return p.API("-ERR Command not found!\n")
			}
			return esltest.Answer(p, c)
		}), "look through the calls: esl: the switch answered -ERR Command not found!", 0, firstRetry},
		{"show channels is no JSON", esltest.Serve(password, nil), "look through the calls: show channels: invalid character", 0, firstRetry},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStation(t, SwitchOptions{})
				good := s.script
				s.play(c.script)
				s.start()
				defer s.end()
				time.Sleep(c.within)
				synctest.Wait()
				got := s.Status()
				if got.State != Waiting || !strings.Contains(got.Error, c.want) {
					t.Fatalf("state %s, %q; want waiting, %q", got.State, got.Error, c.want)
				}
				if wait := got.Retry.Sub(got.Since); wait < c.retry/2 || wait > c.retry {
					t.Errorf("tried again after %s, want %s to %s", wait, c.retry/2, c.retry)
				}
				if n := s.Counters().Failed.Load(); n != 1 {
					t.Errorf("%d attempts failed", n)
				}
				time.Sleep(2 * logAgain) // it stays so
				synctest.Wait()
				if n := strings.Count(s.log.String(), "\n"); n > 3 {
					t.Errorf("%d lines of log:\n%s", n, s.log.String())
				}
				s.play(good)
				time.Sleep(refusedRetry + commandTime + longestRetry)
				synctest.Wait()
				if got := s.Status(); got.State != Ready || got.Error != "" {
					t.Errorf("a good switch is %s, %q\n%s", got.State, got.Error, s.log.String())
				}
			})
		})
	}
}

// Attempts become rarer, and no two daemons make theirs at the same moments.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.play(nil)
		s.start()
		time.Sleep(time.Minute)
		s.end()
		want := firstRetry
		for i := range len(s.dials) - 1 {
			wait := s.dials[i+1].Sub(s.dials[i])
			if wait < want/2 || wait > want {
				t.Errorf("wait %d is %s, want %s to %s", i, wait, want/2, want)
			}
			want = min(2*want, longestRetry)
		}
		if len(s.dials) < 15 {
			t.Errorf("%d attempts in a minute", len(s.dials))
		}
	})
	var b backoff
	seen := map[time.Duration]bool{}
	for range 100 {
		b.reset()
		seen[b.next(io.EOF)] = true
	}
	if len(seen) < 90 {
		t.Errorf("%d different waits of 100", len(seen))
	}
}

// A switch that restarts is found again. Its calls are over, and what is known
// of them is told; one that was parked while nobody read its events is decided.
func TestSwitchRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		good := s.script
		s.ready()
		defer s.end()
		s.send(checkOf(t, "talking", "+12155550100"), checkOf(t, "ringing", "+12155550101"), checkOf(t, "staying", "+12155550102"))
		s.send(toldOf(t, "CHANNEL_ANSWER", "talking", idOf(1)))
		s.told()
		time.Sleep(2 * time.Second)
		s.send(checkOf(t, "last heard", spammer))
		s.hangUp("The system is being shut down.\n")
		got := s.Status()
		if got.State != Waiting || !strings.Contains(got.Error, "The system is being shut down.") || got.Calls != 3 {
			t.Errorf("%s, %q, %d calls; want it to wait with 3 calls", got.State, got.Error, got.Calls)
		}
		time.Sleep(time.Minute)
		s.told()
		s.shows(row("parked", "park"), row("parked-by-others", "park"), row("running", "bridge"), row("not-ours", "playback"), row("staying", "bridge"),
			`{"uuid":"b-leg","direction":"outbound","application":""}`)
		s.answerTo("uuid_getvar parked ringfence_verdict", "none")
		s.answerTo("uuid_getvar parked-by-others ringfence_verdict", "_undef_")
		s.answerTo("uuid_getvar running ringfence_id", idOf(77).String())
		s.answerTo("uuid_getvar not-ours ringfence_id", "_undef_")
		s.answerTo("uuid_exists talking", "false")
		s.answerTo("uuid_exists ringing", "false")
		s.answerTo("uuid_dump parked json", bodyOf(parkOf(t, "parked", spammer).With("variable_current_application", "park")))
		s.desk.observed()
		heard := s.Status().Heard
		s.desk.running()
		s.play(good)
		time.Sleep(longestRetry + time.Millisecond)
		synctest.Wait()
		commands := strings.Join(s.told(), "\n")
		for _, want := range []string{"api uuid_transfer parked parked XML ringfence", "api uuid_setvar parked ringfence_verdict block"} {
			if !strings.Contains(commands, want) {
				t.Errorf("the switch was not told %q, but\n%s", want, commands)
			}
		}
		if strings.Contains(commands, "b-leg") || strings.Contains(commands, "uuid_dump parked-by-others") || strings.Contains(commands, "staying") {
			t.Errorf("the switch was asked about others:\n%s", commands)
		}
		if got := s.Status(); got.State != Ready || got.Calls != 2 {
			t.Errorf("%s, %d calls; want ready, 2 calls", got.State, got.Calls)
		}
		want := []rules.Outcome{{ID: idOf(1), Code: 200, Ended: true, Talk: 2 * time.Second}}
		outcomes := s.desk.observed()
		for i := range outcomes {
			outcomes[i].At = time.Time{}
		}
		if diff := cmp.Diff(want, outcomes, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if n := s.Counters().Unseen.Load(); n != 1 {
			t.Errorf("%d calls ended unseen, want the one that rang", n)
		}
		if told := s.desk.running(); !slices.Equal(told, []rules.ID{idOf(2)}) || !s.desk.until.Equal(heard) {
			t.Errorf("told that %v went on until %s, want the one that rang, until %s", told, s.desk.until, heard)
		}
		if n := strings.Count(s.log.String(), "\n"); n != 4 {
			t.Errorf("%d lines of log, want 4:\n%s", n, s.log.String())
		}
	})
}

// The calls that run are told of every half a minute; one that is not there twice
// is let go, one whose end was heard is asked about no more.
func TestRunningCallsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.ready()
		defer s.end()
		s.send(checkOf(t, "staying", "+12155550100"), checkOf(t, "leaving", "+12155550101"), checkOf(t, "hung up", "+12155550102"), checkOf(t, "stopped", spammer))
		s.send(toldOf(t, "CHANNEL_HANGUP_COMPLETE", "hung up", idOf(3)))
		s.desk.running()
		s.desk.observed()
		told := func(want ...rules.ID) {
			t.Helper()
			time.Sleep(tellEvery)
			synctest.Wait()
			got := s.desk.running()
			slices.SortFunc(got, func(a, b rules.ID) int { return strings.Compare(a.String(), b.String()) })
			if !slices.Equal(got, want) {
				t.Errorf("told of %v, want %v", got, want)
			}
		}
		s.answerTo("uuid_exists staying", "true")
		s.answerTo("uuid_exists leaving", "true")
		told(idOf(1), idOf(2))
		s.answerTo("uuid_exists leaving", "false")
		told(idOf(1))
		if got := s.Status().Calls; got != 2 {
			t.Errorf("%d calls, want 2: an event may be on the way", got)
		}
		told(idOf(1), idOf(2)) // which went on until then: it lapses
		if got, unseen := s.Status().Calls, s.Counters().Unseen.Load(); got != 1 || unseen != 1 {
			t.Errorf("%d calls, %d ended unseen, want 1 and 1", got, unseen)
		}
		s.answerTo("uuid_exists staying", "-ERR no such command")
		told()
		s.answerTo("uuid_exists staying", "true")
		told(idOf(1))
		if got := s.desk.observed(); len(got) > 0 {
			t.Errorf("outcomes of calls whose end is not known: %v", got)
		}
		if got := s.Counters().RunningKnown.Load(); got != 5 {
			t.Errorf("%d known, want 5", got)
		}
	})
}

// A switch that leaves soon after it was ready is not tried again at once for
// ever, nor does it fill the log.
func TestUnsteadySwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		looks := 0
		s.play(esltest.Serve(password, func(p *esltest.Peer, c esltest.Command) error {
			if c.Line == "api show channels as json" {
				if looks++; looks%2 == 0 {
					return p.Disconnect("again\n")
				}
			}
			return s.answer(p, c)
		}))
		s.start()
		time.Sleep(time.Minute)
		s.end()
		if n := s.Counters().Connected.Load(); n < 9 || n > 17 {
			t.Errorf("ready %d times in a minute, want 9 to 17\n%s", n, s.log.String())
		}
	})
}

// What is told of a call while its switch is looked through counts: it is not
// brought back when it has ended, nor decided twice.
func TestResyncAmongEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		shown := make(chan struct{})
		s.play(esltest.Serve(password, func(p *esltest.Peer, c esltest.Command) error {
			if c.Line == "api show channels as json" {
				s.mu.Lock()
				s.peer = p
				s.mu.Unlock()
				<-shown
			}
			return s.answer(p, c)
		}))
		s.shows(row("parked", "park"), row("running", "bridge"))
		s.answerTo("uuid_getvar running ringfence_id", "-ERR No such channel!\n")
		s.answerTo("uuid_getvar parked ringfence_verdict", "block")
		s.start()
		defer s.end()
		s.send(toldOf(t, "CHANNEL_ANSWER", "running", idOf(5)), toldOf(t, "CHANNEL_HANGUP_COMPLETE", "running", idOf(5)), parkOf(t, "parked", spammer))
		if n := s.desk.decided(); n != 1 {
			t.Errorf("%d calls decided while the answer is awaited, want one", n)
		}
		close(shown)
		time.Sleep(resyncAgain + time.Millisecond)
		synctest.Wait()
		if got := s.Status(); got.State != Ready || got.Calls != 0 {
			t.Errorf("%s, %d calls; want ready, none", got.State, got.Calls)
		}
		if n := s.desk.decided(); n != 1 {
			t.Errorf("%d calls decided, want one", n)
		}
	})
}

// Nobody at the other end is found out by the heartbeat; a refusal is an answer.
func TestHeartbeat(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer esltest.Script
		state  SwitchState
	}{
		{"alive", nil, Ready}, {"refusing", nil, Ready}, {"half-open", nil, Waiting},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStation(t, SwitchOptions{})
				s.play(esltest.Serve(password, func(p *esltest.Peer, command esltest.Command) error {
					if command.Line == clockCommand && s.Status().State == Ready {
						switch c.name {
						case "refusing":
							return p.API("-ERR Command not found!\n")
						case "half-open":
							return esltest.Silent(p)
						}
					}
					return s.answer(p, command)
				}))
				s.ready()
				defer s.end()
				s.play(nil)
				time.Sleep(pingEvery + commandTime)
				synctest.Wait()
				if got := s.Status(); got.State != c.state || c.state == Waiting && !strings.Contains(got.Error, "nobody at the other end: no answer within 10s") && !strings.Contains(got.Error, "refused") {
					t.Errorf("%s, %q; want %s", got.State, got.Error, c.state)
				}
			})
		})
	}
}

// Events that come faster than they are read are dropped and counted. Then the
// calls are looked through, once in a while, and one that waits is found. The log
// is told once.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.ready()
		defer s.end()
		event := checkOf(t, "flood10000", "+12155550100").JSON()
		s.shows(row("parked", "park"))
		s.answerTo("uuid_getvar parked ringfence_verdict", "none")
		s.answerTo("uuid_dump parked json", bodyOf(parkOf(t, "parked", spammer).With("variable_current_application", "park")))
		const flood, floods = 6000, 3
		for i := range floods {
			s.desk.hold = make(chan struct{})
			before := s.Status().Dropped
			for j := range flood {
				if _, err := s.peer.Write(bytes.ReplaceAll(event, []byte("flood10000"), fmt.Appendf(nil, "flood%d", 10000+i*flood+j))); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			if got := s.Status(); got.Dropped == before || got.Queued == 0 || got.State != Ready {
				t.Errorf("%d dropped, %d queued, %s", got.Dropped, got.Queued, got.State)
			}
			close(s.desk.hold)
			synctest.Wait()
		}
		time.Sleep(resyncPause)
		synctest.Wait()
		commands := strings.Join(s.told(), "\n")
		if !strings.Contains(commands, "api uuid_transfer parked parked XML ringfence") || strings.Count(commands, "api show channels") != 1 {
			t.Errorf("the parked call was not found by one look:\n%.3000s", commands)
		}
		if got := s.Status(); got.Dropped+uint64(s.desk.decided()-1) != flood*floods {
			t.Errorf("%d dropped and %d decided of %d", got.Dropped, s.desk.decided()-1, flood*floods)
		}
		if n := strings.Count(s.log.String(), "were dropped"); n != 1 {
			t.Errorf("%d lines of log, want one:\n%s", n, s.log.String())
		}
	})
}

// Run ends when it is told to, whatever the switch does.
func TestSwitchEnds(t *testing.T) {
	for name, script := range map[string]esltest.Script{
		"refused": nil, "silent": esltest.Silent, "good": esltest.Serve(password, nil),
		"silent once let in": func(p *esltest.Peer) error { return errors.Join(esltest.LogIn(p, password), esltest.Silent(p)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStation(t, SwitchOptions{})
				s.play(script)
				s.start()
				began := time.Now()
				s.end()
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// The password is asked for at each connect, so that a new one needs no restart.
func TestPasswordIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		words := []string{"", "wrong", password}
		s.options.Password = func() (string, error) {
			word := words[0]
			if len(words) > 1 {
				words = words[1:]
			}
			if word == "" {
				return "", fmt.Errorf("open fs1.password: permission denied")
			}
			return word, nil
		}
		s.start()
		defer s.end()
		if got := s.Status().Error; got != "no password: open fs1.password: permission denied" {
			t.Errorf("error %q", got)
		}
		time.Sleep(3 * refusedRetry)
		synctest.Wait()
		if got := s.Status(); got.State != Ready {
			t.Errorf("%s, %q", got.State, got.Error)
		}
	})
}

// The same over the loopback address, with a switch that closes its half.
func TestHalfClosed(t *testing.T) {
	far, err := esltest.Listen(esltest.HalfClosed(password))
	if err != nil {
		t.Fatal(err)
	}
	s := NewSwitch(new(desk), SwitchOptions{Address: far.Address(), Password: func() (string, error) { return password, nil }, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	for end := time.Now().Add(time.Minute); s.Counters().Failed.Load() < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not tried again: %+v", s.Status())
		}
	}
	cancel()
	<-done
	if err := far.Stop(); err != nil {
		t.Error(err)
	}
}
