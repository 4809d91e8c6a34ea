package freeswitch

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/adapters/esl/esltest"
	"ringfence/rules"
)

// What a channel is told for every kind of verdict, in both modes.
func TestEventAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.ready()
		defer s.end()
		var said strings.Builder
		for _, c := range []struct{ name, caller string }{
			{"allow", "+12155550100"}, {"analytics", spammer}, {"subscriber", unwelcome}, {"pacing", hasty},
			{"label", doubtful}, {"withhold", hidden}, {"divert", elsewhere}, {"unwritable", forger},
		} {
			for _, mode := range []Mode{Window, Park} {
				event := checkOf
				if mode == Park {
					event = parkOf
				}
				before := s.writes.Load()
				s.send(event(t, c.name+"-"+mode.String(), c.caller))
				if n := s.writes.Load() - before; n != 1 {
					t.Errorf("%s, %s: answered by %d writes, want one", c.name, mode, n)
				}
				fmt.Fprintf(&said, "# %s, %s\n%s\n", c.name, mode, strings.Join(s.told(), "\n"))
			}
		}
		compare(t, "testdata/events.golden", said.String())
		c := s.Counters()
		if got, want := [...]uint64{c.Decided[Window][rules.Allow].Load(), c.Decided[Window][rules.Block].Load(), c.Decided[Park][rules.Divert].Load(), c.Unwritable.Load()}, [...]uint64{3, 3, 1, 2}; got != want {
			t.Errorf("allowed, blocked, diverted, unwritable: %v, want %v", got, want)
		}
		if got := s.Status().Calls; got != 8 { // those let pass and diverted
			t.Errorf("%d calls run, want 8", got)
		}
	})
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// Only a call that waits for its first answer is answered.
func TestOnlyCallsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.ready()
		defer s.end()
		s.send(
			parkOf(t, "by-others", spammer).Without("variable_ringfence_verdict"),
			parkOf(t, "allowed-before", spammer).With("variable_ringfence_verdict", "allow"),
			parkOf(t, "decided-by-socket", spammer).With("variable_ringfence_id", idOf(1).String()),
			checkOf(t, "other-subclass", spammer).With("Event-Subclass", "sofia::register"),
			parkOf(t, "", spammer),
		)
		s.expect("nothing to answer")
		s.send(checkOf(t, "twice", "+12155550100"), checkOf(t, "twice", "+12155550100"))
		if n := s.desk.decided(); n != 1 {
			t.Errorf("%d calls decided, want one", n)
		}
		if n := s.Counters().Repeated.Load(); n != 2 {
			t.Errorf("%d repeated, want 2", n)
		}
	})
}

// No text of a caller reaches the switch in a form that it would run.
func TestCallersTextIsNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.ready()
		defer s.end()
		for i, name := range []string{
			`${system(touch /tmp/x)}`, `$\'{system(touch /tmp/x)}`, `$${x}`, `a^b|c;d`, `'quoted' "name" \`, "two\r\nlines\n\nexit\n\n", "nul\x00", "api uuid_kill x",
		} {
			for _, event := range []esltest.Event{checkOf(t, fmt.Sprint("w", i), doubtful), parkOf(t, fmt.Sprint("p", i), doubtful)} {
				s.send(event.
					With("variable_sip_from_display", name).
					With("variable_sip_full_from", `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)+`" <sip:`+doubtful+`@example.net>;tag=1`))
				for _, command := range s.told() {
					if strings.ContainsAny(command, "$\\'^") || !strings.HasPrefix(command, "api uuid_setvar "+event.Get("Unique-ID")+" ") &&
						command != "api uuid_break "+event.Get("Unique-ID") && command != "api uuid_transfer "+event.Get("Unique-ID")+" parked XML ringfence" {
						t.Errorf("%q makes the command %q", name, command)
					}
				}
			}
		}
		// Neither does a channel's name, which can be the Call-ID.
		s.send(checkOf(t, `it's\`, "+12155550100"))
		s.expect("a channel with a quote", `api uuid_setvar it\'s\\ ringfence_id `+idOf(17).String(), `api uuid_setvar it\'s\\ ringfence_verdict allow`, `api uuid_break it\'s\\`)
		s.send(parkOf(t, "x\n\napi uuid_kill y", "+12155550100"))
		s.expect("a channel with line breaks")
	})
}

// A panic costs its call the screening and nothing else.
func TestEventPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.ready()
		defer s.end()
		s.send(checkOf(t, "a", poison), checkOf(t, "b", poison), checkOf(t, "c", spammer))
		if got := s.told(); len(got) == 0 || got[len(got)-1] != "api uuid_break c" {
			t.Errorf("after panics the switch was told %q", got)
		}
		if n := s.Counters().Panics.Load(); n != 2 {
			t.Errorf("%d panics counted", n)
		}
		if log := s.log.String(); strings.Count(log, "recovered from a panic") != 1 || strings.Contains(log, "12155550192") {
			t.Errorf("the log of two panics:\n%s", log)
		}
	})
}

// Answers and ends of all calls are told to the engine, whoever decided them.
func TestEventOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.ready()
		defer s.end()
		s.send(toldOf(t, "CHANNEL_ANSWER", "a", idOf(7)), toldOf(t, "CHANNEL_ANSWER", "b", idOf(8)))
		if n := s.Status().Calls; n != 2 {
			t.Errorf("%d calls run, want 2", n)
		}
		s.send(
			toldOf(t, "CHANNEL_HANGUP_COMPLETE", "a", idOf(7)),
			toldOf(t, "CHANNEL_HANGUP_COMPLETE", "never-asked", idOf(9)).Without("variable_ringfence_id"),
		)
		if n := s.Status().Calls; n != 1 {
			t.Errorf("%d calls run, want 1", n)
		}
		var got []string
		for _, o := range s.desk.observed() {
			got = append(got, fmt.Sprintf("%s %d %v", o.ID, o.Code, o.Ended))
		}
		want := []string{idOf(7).String() + " 200 false", idOf(8).String() + " 200 false", idOf(7).String() + " 200 true"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if n := s.Counters().Outcomes[rules.Counted].Load(); n != 3 {
			t.Errorf("%d outcomes counted", n)
		}
		s.expect("nobody waits")
	})
}

// A call beyond the bound is decided as any other, but not kept account of.
func TestRunningCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{Calls: 2})
		s.ready()
		defer s.end()
		for i := range 5 {
			s.send(checkOf(t, fmt.Sprint(i), "+12155550100"))
		}
		if n, calls, untracked := s.desk.decided(), s.Status().Calls, s.Counters().Untracked.Load(); n != 5 || calls != 2 || untracked != 3 {
			t.Errorf("%d decided, %d running, %d untracked, want 5, 2, 3", n, calls, untracked)
		}
		s.send(toldOf(t, "CHANNEL_HANGUP_COMPLETE", "0", idOf(1)), toldOf(t, "CHANNEL_HANGUP_COMPLETE", "4", idOf(5)))
		if calls := s.Status().Calls; calls != 1 {
			t.Errorf("%d running, want 1", calls)
		}
	})
}

// A call whose event comes late may have gone on: it is looked up, and answered
// only if it still waits.
func TestLateEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.ready()
		defer s.end()
		windowed, parked, gone, over := checkOf(t, "windowed", spammer), parkOf(t, "parked", spammer), checkOf(t, "gone", spammer), parkOf(t, "over", spammer)
		s.answerTo("uuid_dump windowed json", bodyOf(windowed.With("variable_current_application", "sleep")))
		s.answerTo("uuid_dump parked json", bodyOf(parked.With("variable_current_application", "park")))
		s.answerTo("uuid_dump gone json", bodyOf(gone.With("variable_current_application", "bridge")))
		s.answerTo("uuid_dump over json", "-ERR No such channel!\n")
		time.Sleep(lateAfter + time.Millisecond)
		s.send(windowed, parked, gone, over)
		got := strings.Join(s.told(), "\n")
		for _, want := range []string{"api uuid_dump windowed json", "api uuid_break windowed", "api uuid_transfer parked parked XML ringfence", "api uuid_dump gone json", "api uuid_dump over json"} {
			if !strings.Contains(got, want) {
				t.Errorf("the switch was not told %q, but\n%s", want, got)
			}
		}
		if strings.Contains(got, "uuid_break gone") || strings.Contains(got, "uuid_setvar gone") || strings.Contains(got, "uuid_transfer over") {
			t.Errorf("a call that had gone on was answered:\n%s", got)
		}
		if late, on := s.Counters().Late.Load(), s.Counters().GoneOn.Load(); late != 4 || on != 2 {
			t.Errorf("%d late, %d gone on, want 4 and 2", late, on)
		}
	})
}

// The end of a call that is looked up may be told before it is decided.
func TestEndOfALateCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.ready()
		defer s.end()
		late := checkOf(t, "late", "+12155550101")
		s.answerTo("uuid_dump late json", bodyOf(late.With("variable_current_application", "sleep")))
		s.desk.hold = make(chan struct{})
		time.Sleep(lateAfter + time.Millisecond)
		s.send(late)
		s.send(toldOf(t, "CHANNEL_HANGUP_COMPLETE", "late", idOf(2)))
		close(s.desk.hold)
		synctest.Wait()
		if n, calls := s.desk.decided(), s.Status().Calls; n != 1 || calls != 0 {
			t.Errorf("%d decided, %d running, want one and none", n, calls)
		}
	})
}

// Commands that the switch refuses are counted, by whether the call was over.
func TestRefusedCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, SwitchOptions{})
		s.ready()
		defer s.end()
		s.answerTo("uuid_break a", "-ERR No such channel!\n")
		s.answerTo("uuid_break b", "-USAGE: <uuid>\n")
		s.send(checkOf(t, "a", spammer), checkOf(t, "b", spammer))
		if gone, refused := s.Counters().Gone.Load(), s.Counters().Refused.Load(); gone != 1 || refused != 1 {
			t.Errorf("%d gone, %d refused, want one each", gone, refused)
		}
		if log := s.log.String(); !strings.Contains(log, "-USAGE: <uuid>") {
			t.Errorf("the log does not tell:\n%s", log)
		}
	})
}
