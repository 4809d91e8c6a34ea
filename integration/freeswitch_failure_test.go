package integration

import (
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringfence/integration/rig"
)

// modes are freeswitchModes but for those that the switch has no module for.
func (s withFreeSWITCH) modes(t testing.TB) []string {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(freeswitchModes), func(mode string) bool { return !s.knows(t, mode) })
}

// impatient are the shipped limits.
var impatient = map[string]string{"ringfence_window": "400", "ringfence_park": "2", "ringfence_curl": "1"}

// undecided checks what becomes of a call that nobody decides: it goes on, or is
// refused where the dialplan says so.
func (s withFreeSWITCH) undecided(t testing.TB, mode string) *rig.Result {
	t.Helper()
	r := s.place(t, mode, rig.Request{From: from("+13035550260")}, rig.PlaceOptions{})
	switch {
	case !closed(mode) && r.Code != 200:
		t.Errorf("%s, undecided: %s, want 200", mode, r.Status)
	case closed(mode) && (r.Status != "SIP/2.0 503 Service Unavailable" || rig.Header(r.Final, "Retry-After") != ""):
		t.Errorf("%s, undecided:\n%s", mode, r.Final)
	}
	if r := s.place(t, mode, rig.Request{URI: to("911")}, rig.PlaceOptions{}); r.Code != 200 {
		t.Errorf("%s, emergency call: %s", mode, r.Status)
	}
	return r
}

// recovers waits until a listed caller is stopped again in every mode.
func (s withFreeSWITCH) recovers(t testing.TB, modes []string) {
	t.Helper()
	for _, mode := range modes {
		err := rig.Wait(rig.Patience, mode+": calls are decided again", func() bool {
			return s.place(t, mode, rig.Request{From: from("+13035550260")}, rig.PlaceOptions{}).Code == 603
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFreeSWITCHKilled holds that calls go on, or are refused, when the daemon is
// killed under them, that none is lost, and that they are decided again when it
// is back.
func TestFreeSWITCHKilled(t *testing.T) {
	t.Parallel()
	rig.Need(t, "sipp")
	s := startFreeSWITCH(t, freeswitchOptions{variables: impatient})
	for _, mode := range []string{"socket_open", "window_open"} {
		l, err := rig.StartLoad(rig.LoadOptions{Scenario: "answered", To: s.Addr[mode], Callee: "12025550200", Callers: []string{"+13015550299"}, Rate: 20, Calls: 100})
		if err != nil {
			t.Fatal(err)
		}
		stops(t, "sipp", l.Stop)
		if err := rig.Wait(rig.Patience, "calls", func() bool { return s.carrier.Calls("12025550200") > 30 }); err != nil {
			t.Fatal(err)
		}
		if err := s.daemon.Kill(); err != nil {
			t.Fatal(err)
		}
		for _, mode := range s.modes(t) {
			r := s.undecided(t, mode)
			t.Logf("%s, killed: %s after %s", mode, r.Status, r.Latency)
		}
		r, err := l.Wait()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d calls, %d lost, p50 %s, slowest %s", mode, r.Succeeded, r.Failed, r.Quantile(0.5), r.Quantile(1))
		if r.Failed != 0 || r.Succeeded != 100 {
			t.Errorf("%s: %d calls of 100 went through, %d failed", mode, r.Succeeded, r.Failed)
		}
		if err := s.daemon.Start(); err != nil {
			t.Fatal(err)
		}
		s.awaitEvents(t)
		s.recovers(t, s.modes(t))
	}
}

// TestFreeSWITCHStopped holds that the window ends also for a daemon that hangs.
func TestFreeSWITCHStopped(t *testing.T) {
	t.Parallel()
	modes := []string{"window_open", "window_closed", "park_open", "park_closed"}
	s := startFreeSWITCH(t, freeswitchOptions{modes: modes, variables: impatient})
	s.recovers(t, modes)
	if err := s.daemon.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, mode := range modes {
		r := s.undecided(t, mode)
		t.Logf("%s, stopped: %s after %s", mode, r.Status, r.Latency)
	}
	if err := s.daemon.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.recovers(t, modes)
}

// TestFreeSWITCHSupervised holds how long calls wait in the dialplan's socket for
// a daemon that hangs: its supervisor ends it, calls go on, and it is back. Calls
// to 911, which nobody asks about, have the same load at the same time: what is
// slow there is the machine's doing. Not parallel to other tests for that reason.
func TestFreeSWITCHSupervised(t *testing.T) {
	rig.Need(t, "sipp")
	const calls, bound, mode = 300, 2 * time.Second, "socket_open"
	s := prepareFreeSWITCH(t, freeswitchOptions{modes: []string{mode}})
	if err := s.daemon.Supervise(); err != nil {
		t.Fatal(err)
	}
	s.awaitEvents(t)
	s.recovers(t, []string{mode})
	var loads []*rig.Load
	for _, callee := range []string{"12025550200", "911"} {
		l, err := rig.StartLoad(rig.LoadOptions{Scenario: "answered", To: s.Addr[mode], Callee: callee, Callers: []string{"+13015550299"}, Rate: 25, Calls: calls})
		if err != nil {
			t.Fatal(err)
		}
		stops(t, "sipp", l.Stop)
		loads = append(loads, l)
	}
	if err := rig.Wait(rig.Patience, "calls", func() bool { return s.carrier.Calls("12025550200") > calls/4 }); err != nil {
		t.Fatal(err)
	}
	child, err := s.daemon.Child()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(child, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var reports []*rig.Report
	for _, l := range loads {
		r, err := l.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if r.Succeeded != calls || r.Failed != 0 {
			t.Errorf("%d calls of %d went through, %d failed", r.Succeeded, calls, r.Failed)
		}
		reports = append(reports, r)
	}
	held, other := reports[0].Quantile(1), reports[1].Quantile(1)
	t.Logf("the longest that a call was held: %s, where nobody is asked %s; %d calls were held longer than %s, %d where nobody is asked", held, other, reports[0].Slower(slow), slow, reports[1].Slower(slow))
	switch {
	case other > bound/4:
		t.Logf("the machine is too busy to hold the bound of %s", bound)
	case held > bound:
		t.Errorf("a call was held for %s, want at most %s", held, bound)
	}
	s.recovers(t, []string{mode})
	if again, err := s.daemon.Child(); err != nil || again == child {
		t.Errorf("the daemon is still process %d (%v)", child, err)
	}
}

// TestFreeSWITCHRestarted holds that a daemon that was away learns what calls
// there are, and decides those that were parked meanwhile.
func TestFreeSWITCHRestarted(t *testing.T) {
	t.Parallel()
	s := startFreeSWITCH(t, freeswitchOptions{})
	const running = `ringfence_freeswitch_calls{switch="fs1"}`
	var held []*rig.Result
	for _, mode := range s.modes(t) {
		r := s.place(t, mode, rig.Request{}, rig.PlaceOptions{Hold: true})
		if r.Code != 200 {
			t.Fatal(r.Status)
		}
		held = append(held, r)
	}
	s.metric(t, running, float64(len(held)))
	if err := s.daemon.Kill(); err != nil {
		t.Fatal(err)
	}
	parked := make(chan *rig.Result, 1)
	go func() {
		r, _ := rig.Place("udp", s.Addr["park_open"], rig.Request{From: from("+13035550260"), CallID: "parked"}.Bytes(), rig.PlaceOptions{Source: outside, Limit: time.Minute})
		parked <- r
	}()
	if err := rig.Wait(rig.Patience, "the call is parked", func() bool { return strings.Contains(string(s.Log()), "park()") }); err != nil {
		t.Error(err)
	}
	if err := s.daemon.Start(); err != nil {
		t.Fatal(err)
	}
	if r := <-parked; r.Status != "SIP/2.0 603 Network Blocked" {
		t.Errorf("a call that was parked while the daemon was away: %s", r.Status)
	}
	s.metric(t, running, float64(len(held)))
	for _, r := range held {
		if _, err := r.HangUp(); err != nil {
			t.Error(err)
		}
	}
	s.metric(t, running, 0)

	// And when the switch was away.
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	s.metric(t, `ringfence_freeswitch_state{state="ready",switch="fs1"}`, 0)
	if err := s.FreeSWITCH.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitEvents(t)
	s.recovers(t, s.modes(t))
}

// TestFreeSWITCHTwo holds that one daemon serves several switches, and that what
// one of them taught holds at the other.
func TestFreeSWITCHTwo(t *testing.T) {
	t.Parallel()
	const dead = "12025550199"
	s := startFreeSWITCH(t, freeswitchOptions{modes: []string{"window_open", "park_open"}, others: 1, answers: map[string]rig.Answer{dead: {Status: "404 Not Found"}}})
	s.metric(t, `ringfence_freeswitch_state{state="ready",switch="fs2"}`, 1)
	other := s.others[0]
	s.recovers(t, []string{"window_open", "park_open"})
	other.recovers(t, []string{"window_open", "park_open"})
	if r := other.place(t, "window_open", rig.Request{URI: to(dead)}, rig.PlaceOptions{}); r.Code != 404 {
		t.Error(r.Status)
	}
	s.metric(t, "ringfence_learned_entries", 1)
	if r := s.place(t, "park_open", rig.Request{URI: to(dead)}, rig.PlaceOptions{}); r.Code != 404 || s.carrier.Calls(dead) != 1 {
		t.Errorf("%s, %d calls at the carrier", r.Status, s.carrier.Calls(dead))
	}
}

// TestFreeSWITCHConnections holds that sockets beyond the bound are closed at
// once, and that their calls go on, or are refused.
func TestFreeSWITCHConnections(t *testing.T) {
	t.Parallel()
	modes := []string{"socket_open", "socket_closed"}
	s := startFreeSWITCH(t, freeswitchOptions{modes: modes, socket: "deadline: 10s, connections: 2"})
	s.recovers(t, modes)
	for range 2 {
		eventually(t, "a connection is taken", func() bool { // those of the calls before may still be open
			c, err := net.Dial("tcp", s.daemon.Socket)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			_, err = io.ReadFull(c, make([]byte, len("connect\n\n")))
			return err == nil
		})
	}
	for _, mode := range modes {
		s.undecided(t, mode)
	}
}
