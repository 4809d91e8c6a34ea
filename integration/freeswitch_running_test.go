package integration

import (
	"testing"
	"time"

	"ringfence/integration/rig"
)

// concurrentRule lets a caller have two calls at a time.
const concurrentRule = "rules:\n  - {id: channels, when: concurrent(caller) > 2, block: analytics}\n"

// TestFreeSWITCHConcurrent holds that a call counts as one that goes on until it
// is over, however it ends, in every mode.
func TestFreeSWITCHConcurrent(t *testing.T) {
	t.Parallel()
	const rings, busy = "12025550202", "12025550486"
	options := freeswitchOptions{rules: concurrentRule, answers: map[string]rig.Answer{
		rings: {Ring: true, Silent: true},
		busy:  {Status: "486 Busy Here", Ring: true},
	}}
	eachMode(t, options, func(t *testing.T, s withFreeSWITCH, mode string) {
		call := func(callee string, want int, o rig.PlaceOptions) *rig.Result {
			t.Helper()
			r := s.place(t, mode, rig.Request{URI: to(callee)}, o)
			if r.Code != want {
				t.Fatalf("to %s: %s, want %d", callee, r.Status, want)
			}
			return r
		}
		goOn := func(calls float64) {
			t.Helper()
			s.metric(t, "ringfence_pending_entries", calls)
		}
		first := call("12025550200", 200, rig.PlaceOptions{Hold: true})
		for range 3 { // of which each is over when the next comes
			call(rings, 487, rig.PlaceOptions{Cancel: true})
			goOn(1)
			call(busy, 486, rig.PlaceOptions{})
			goOn(1)
		}
		second := call("12025550200", 200, rig.PlaceOptions{Hold: true})
		call("12025550200", 603, rig.PlaceOptions{})
		call("12025550200", 603, rig.PlaceOptions{})
		if _, err := first.HangUp(); err != nil {
			t.Error(err)
		}
		goOn(1)
		call("12025550200", 200, rig.PlaceOptions{})
		goOn(1)
		if _, err := second.HangUp(); err != nil {
			t.Error(err)
		}
		goOn(0)
	})
}

// TestFreeSWITCHCancelledAtOnce holds that callers who cancel while the daemon is
// asked, and before the switch has its answer, leave no call behind that goes on.
func TestFreeSWITCHCancelledAtOnce(t *testing.T) {
	t.Parallel()
	const rings = "12025550202"
	eachMode(t, freeswitchOptions{answers: map[string]rig.Answer{rings: {Ring: true, Silent: true}}}, func(t *testing.T, s withFreeSWITCH, mode string) {
		for range 40 {
			if r := s.place(t, mode, rig.Request{URI: to(rings)}, rig.PlaceOptions{Hasty: true}); r.Code != 487 {
				t.Errorf("%s, want 487", r.Status)
			}
		}
		s.metric(t, "ringfence_pending_entries", 0)
		if v, err := s.daemon.Metric(`ringfence_freeswitch_outcomes_total{outcome="unknown",switch="fs1"}`); err != nil || v != 0 {
			t.Errorf("%v outcomes of unknown calls, %v", v, err)
		}
	})
}

// TestFreeSWITCHRunning holds that the calls that run are told of, again and
// again, and that nothing else is counted of that; and that calls which ended
// while nobody listened do not count as going on for ever.
func TestFreeSWITCHRunning(t *testing.T) {
	t.Parallel()
	const rings = "12025550202"
	modes := []string{"socket_open", "window_open"}
	s := startFreeSWITCH(t, freeswitchOptions{modes: modes, rules: concurrentRule, answers: map[string]rig.Answer{rings: {Ring: true, Silent: true}}})
	call := func(mode string, want int, o rig.PlaceOptions) *rig.Result {
		t.Helper()
		r := s.place(t, mode, rig.Request{}, o)
		if r.Code != want {
			t.Fatalf("%s: %s, want %d", mode, r.Status, want)
		}
		return r
	}
	full := func() (held []*rig.Result) {
		t.Helper()
		for _, mode := range modes {
			held = append(held, call(mode, 200, rig.PlaceOptions{Hold: true}))
		}
		call(modes[0], 603, rig.PlaceOptions{})
		s.metric(t, `ringfence_freeswitch_calls{switch="fs1"}`, 2)
		return held
	}
	toldOf := func() float64 {
		v, err := s.daemon.Metric(`ringfence_running_calls_total{adapter="freeswitch-events",outcome="known"}`)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	held := full()
	quiet := []string{"ringfence_freeswitch_events_total", "ringfence_freeswitch_refused_commands_total", "ringfence_freeswitch_outcomes_total", "ringfence_freeswitch_calls", "ringfence_freeswitch_unseen_ends_total"}
	before := map[string]float64{}
	for _, name := range quiet {
		before[name], _ = s.daemon.Metric(name)
	}
	begin := toldOf()
	eventually(t, "both calls are told of twice", func() bool { return toldOf() >= begin+4 })
	for _, name := range quiet {
		if now, err := s.daemon.Metric(name); err != nil || now != before[name] {
			t.Errorf("%s is %v after the calls were told of twice, %v before (%v)", name, now, before[name], err)
		}
	}
	call(modes[0], 603, rig.PlaceOptions{})

	// The daemon is away when they end.
	if err := s.daemon.Process.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, r := range held {
		if _, err := r.HangUp(); err != nil {
			t.Error(err)
		}
	}
	if err := s.daemon.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitEvents(t)
	s.metric(t, "ringfence_pending_expired_total", 2)
	s.metric(t, "ringfence_pending_entries", 0)

	// The switch is. How long those talked that were answered is known from when it was last heard.
	for _, r := range full() {
		defer r.Close()
	}
	s.metric(t, `ringfence_freeswitch_outcomes_total{outcome="counted",switch="fs1"}`, 2)
	if r, err := rig.Place("udp", s.Addr["window_open"], rig.Request{From: from("+13015550298"), URI: to(rings)}.Bytes(), rig.PlaceOptions{Source: outside, Limit: 2 * time.Second}); err == nil {
		t.Fatalf("a phone that only rings: %s", r.Status)
	}
	s.metric(t, `ringfence_freeswitch_calls{switch="fs1"}`, 3)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	s.metric(t, `ringfence_freeswitch_state{state="ready",switch="fs1"}`, 0)
	if err := s.FreeSWITCH.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitEvents(t)
	s.metric(t, `ringfence_freeswitch_outcomes_total{outcome="counted",switch="fs1"}`, 4)
	s.metric(t, `ringfence_freeswitch_unseen_ends_total{switch="fs1"}`, 1)
	s.metric(t, "ringfence_pending_entries", 0)
	for _, r := range full() {
		if _, err := r.HangUp(); err != nil {
			t.Error(err)
		}
	}
}
