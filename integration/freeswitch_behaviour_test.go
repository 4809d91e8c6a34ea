package integration

import (
	"fmt"
	"testing"

	"ringfence/integration/rig"
)

// TestFreeSWITCHBehaviour holds that the events of calls feed what rules ask, in
// every mode: a burst of short calls is stopped from the call on that crosses the
// threshold, a dead number and a phone that refuses a caller are known, and all of
// it still is after a restart.
func TestFreeSWITCHBehaviour(t *testing.T) {
	t.Parallel()
	options := freeswitchOptions{rules: behaviourRules, answers: map[string]rig.Answer{}}
	for i := range len(freeswitchModes) {
		options.answers[fmt.Sprintf("+1202555740%d", i)] = rig.Answer{Status: "404 Not Found"}
		options.answers[fmt.Sprintf("+1202555760%d", i)] = rig.Answer{Status: "607 Unwanted", Ring: true}
	}
	for _, modes := range [][]string{freeswitchModes, xmlCurlModes} {
		options.modes = modes
		s := startFreeSWITCH(t, options)
		told := 0.0
		reported := func(t *testing.T, outcomes float64) {
			t.Helper()
			told += outcomes
			s.metric(t, `ringfence_freeswitch_outcomes_total{outcome="counted",switch="fs1"}`, told)
		}
		// Each mode has numbers of its own.
		var robot, person, dead, phone string
		number := map[string]int{}
		for i, mode := range modes {
			number[mode] = i
		}
		caller := func(t *testing.T, mode string) (call func(from, to, want string)) {
			i := number[mode]
			robot, person = fmt.Sprintf("+1303555700%d", i), fmt.Sprintf("+1303555701%d", i)
			dead, phone = fmt.Sprintf("+1202555740%d", i), fmt.Sprintf("+1202555760%d", i)
			return func(caller, callee, want string) {
				t.Helper()
				r := s.place(t, mode, rig.Request{From: from(caller), URI: to(callee)}, rig.PlaceOptions{})
				if r.Status != "SIP/2.0 "+want {
					t.Errorf("from %s to %s: %s, want %s", caller, callee, r.Status, want)
				}
			}
		}
		s.eachMode(t, modes, func(t *testing.T, mode string) {
			call := caller(t, mode)
			for i := range 5 {
				call(robot, fmt.Sprintf("+1202555710%d", i), "200 OK")
			}
			reported(t, 10) // answered, hung up
			call(robot, "+12025557110", "603 Network Blocked")
			call(robot, "+12025557111", "603 Network Blocked")
			call(person, "+12025557110", "200 OK")
			call(person, dead, "404 Not Found")
			call(person, phone, "607 Unwanted")
			reported(t, 4)
			if got := s.carrier.Calls(dead) + s.carrier.Calls(phone); got != 2 {
				t.Errorf("%d calls to the carrier, want 2", got)
			}
		})
		known := func(t *testing.T, mode string) {
			call := caller(t, mode)
			before := s.carrier.Calls(phone)
			call(robot, "+12025557112", "603 Network Blocked")
			call(person, "+12025557112", "200 OK")
			call(person, dead, "404 Not Found")
			call(person, phone, "607 Unwanted")
			if got := s.carrier.Calls(dead); got != 1 {
				t.Errorf("%d calls to the dead number, want the one that taught", got)
			}
			if got := s.carrier.Calls(phone); got != before {
				t.Error("the refused caller reaches the phone")
			}
			call(fmt.Sprintf("+1303555%d", 8010+before), phone, "607 Unwanted")
			if got := s.carrier.Calls(phone); got != before+1 {
				t.Error("another caller does not reach the phone")
			}
			reported(t, 3) // one answered and hung up, one refused
		}
		s.eachMode(t, modes, known)
		if err := s.daemon.Process.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := s.daemon.Start(); err != nil {
			t.Fatal(err)
		}
		s.awaitEvents(t)
		told = 0
		s.eachMode(t, modes, known)
	}
}

// signalRules mark a caller by what became of the calls before.
const signalRules = `rules:
  - {id: cancels, when: 'cancel_ratio(caller, "1h", "8s", 3) > 0.9', label: Cancels}
  - {id: busy, when: 'responses(caller, "1h", 486) >= 3', label: Busy}
  - {id: short, when: 'answer_ratio(caller, "1h", 3) > 0.9 and average_duration(caller, "1h", 3) < "6s"', label: Short}
`

// TestFreeSWITCHSignals holds that each way in which a call can end is told apart,
// in every mode.
func TestFreeSWITCHSignals(t *testing.T) {
	t.Parallel()
	const rings, busy = "12025550202", "12025550486"
	options := freeswitchOptions{rules: signalRules, answers: map[string]rig.Answer{
		rings: {Ring: true, Silent: true},
		busy:  {Status: "486 Busy Here", Ring: true},
	}}
	callers := 0
	eachMode(t, options, func(t *testing.T, s withFreeSWITCH, mode string) {
		for _, c := range []struct {
			name, callee, label string
			code                int
			place               rig.PlaceOptions
		}{
			{"cancelled while it rings", rings, "Cancels", 487, rig.PlaceOptions{Cancel: true}},
			{"busy", busy, "Busy", 486, rig.PlaceOptions{}},
			{"answered", "12025550200", "Short", 200, rig.PlaceOptions{}},
		} {
			callers++
			caller := from(fmt.Sprintf("+1303555%04d", callers))
			for i := range 4 {
				if i < 3 {
					if r := s.place(t, mode, rig.Request{From: caller, URI: to(c.callee)}, c.place); r.Code != c.code {
						t.Errorf("%s: %s", c.name, r.Status)
					}
				} else if r := s.place(t, mode, rig.Request{From: caller}, rig.PlaceOptions{}); r.Code != 200 {
					t.Errorf("%s: %s", c.name, r.Status)
				}
				s.metric(t, "ringfence_pending_entries", 0)
			}
			all := s.carrier.Requests("INVITE")
			if got := rig.Header(all[len(all)-1], "X-Ringfence-Label"); got != c.label {
				t.Errorf("%s: label %q, want %q", c.name, got, c.label)
			}
		}
	})
}
