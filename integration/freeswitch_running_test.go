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

// lapses waits until calls that a switch tells of no more are over, which takes
// 100 seconds and a round of looking.
func (s withFreeSWITCH) lapses(t testing.TB, expired float64) {
	t.Helper()
	if err := rig.Wait(2*rig.Patience, "calls lapse", func() bool {
		v, err := s.daemon.Metric("ringfence_pending_expired_total")
		return err == nil && v == expired
	}); err != nil {
		t.Fatal(err)
	}
	s.metric(t, "ringfence_pending_entries", 0)
}

// fill has a caller hold as many calls as concurrentRule gives, and is these.
func (s withFreeSWITCH) fill(t testing.TB, modes ...string) (held []*rig.Result) {
	t.Helper()
	for _, mode := range modes {
		r := s.place(t, mode, rig.Request{}, rig.PlaceOptions{Hold: true})
		if r.Code != 200 {
			t.Fatalf("%s: %s", mode, r.Status)
		}
		held = append(held, r)
	}
	s.metric(t, `ringfence_freeswitch_outcomes_total{outcome="counted",switch="fs1"}`, float64(len(modes)))
	s.metric(t, `ringfence_freeswitch_calls{switch="fs1"}`, float64(len(modes)))
	s.full(t, modes[0])
	return held
}

// full holds that the caller may have no call more.
func (s withFreeSWITCH) full(t testing.TB, mode string) {
	t.Helper()
	if r := s.place(t, mode, rig.Request{}, rig.PlaceOptions{}); r.Code != 603 {
		t.Errorf("one call more: %s, want 603", r.Status)
	}
}

// told is how often calls were told of as running.
func (s withFreeSWITCH) told(t testing.TB) float64 {
	t.Helper()
	v, err := s.daemon.Metric(`ringfence_running_calls_total{adapter="freeswitch-events",outcome="known"}`)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestFreeSWITCHRunning holds that the calls that run are told of again and again,
// and that nothing else is counted of that; and that those which end while the
// daemon is away do not go on for ever.
func TestFreeSWITCHRunning(t *testing.T) {
	t.Parallel()
	modes := []string{"socket_open", "window_open"}
	s := startFreeSWITCH(t, freeswitchOptions{modes: modes, rules: concurrentRule})
	held := s.fill(t, modes...)
	quiet := []string{"ringfence_freeswitch_events_total", "ringfence_freeswitch_refused_commands_total", "ringfence_freeswitch_outcomes_total", "ringfence_freeswitch_calls", "ringfence_freeswitch_unseen_ends_total"}
	count := func() (values []float64) {
		for _, name := range quiet {
			v, err := s.daemon.Metric(name)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
		}
		return values
	}
	before, begin := count(), s.told(t)
	eventually(t, "both calls are told of twice", func() bool { return s.told(t) >= begin+4 })
	for i, after := range count() {
		if after != before[i] {
			t.Errorf("%s is %v after the calls were told of, %v before", quiet[i], after, before[i])
		}
	}
	s.full(t, modes[0])

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
	s.full(t, modes[0])
	s.lapses(t, 2)
}

// TestFreeSWITCHLost holds that the calls of a switch that is killed are over: those
// that were answered talked until it was last heard, and one that rang lapses.
func TestFreeSWITCHLost(t *testing.T) {
	t.Parallel()
	const rings = "12025550202"
	modes := []string{"socket_open", "window_open"}
	s := startFreeSWITCH(t, freeswitchOptions{modes: modes, rules: concurrentRule, answers: map[string]rig.Answer{rings: {Ring: true, Silent: true}}})
	for _, r := range s.fill(t, modes...) {
		defer r.Close()
	}
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
	s.metric(t, `ringfence_freeswitch_calls{switch="fs1"}`, 0)
	if r := s.place(t, modes[0], rig.Request{}, rig.PlaceOptions{}); r.Code != 200 {
		t.Errorf("the caller's next call: %s", r.Status)
	}
	s.lapses(t, 1)
}
