package integration

import (
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// TestNativeCalls places every kind of call that the daemon stops, and checks
// the answer's status line and Reason header as they are on the wire.
func TestNativeCalls(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, map[string]rig.Answer{"12025550199": {Status: "404 Not Found"}})
	placeCalls(t, n.carrier, func(t testing.TB, r rig.Request, o rig.PlaceOptions) *rig.Result {
		return n.send(t, "udp", r.Bytes(), o)
	})

	dead := rig.Request{URI: to("12025550199")}
	if r := n.place(t, dead); r.Status != "SIP/2.0 404 Not Found" || r.Reason != "" {
		t.Errorf("first call to a dead number: %q, Reason %q", r.Status, r.Reason)
	}
	// What the carrier said of the dead number comes back by the timer process.
	eventually(t, "the 404 is learned", func() bool {
		entries, err := d.Metric("ringfence_learned_entries")
		return err == nil && entries == 1
	})
	r := n.place(t, rig.Request{URI: to("+12025550199")})
	if r.Status != "SIP/2.0 404 Not Found" || !strings.HasPrefix(r.Reason, "Q.850;cause=1;") {
		t.Errorf("second call to the dead number: %q, Reason %q", r.Status, r.Reason)
	}
	if calls := n.carrier.Calls("+12025550199"); calls != 0 {
		t.Errorf("second call to the dead number reached the carrier %d times", calls)
	}
}

// TestNativeRetransmission holds that an INVITE that comes again and again is
// decided and counted once.
func TestNativeRetransmission(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, nil)
	for range 20 {
		for _, caller := range []string{"+13035550260", "+13015550299"} {
			n.send(t, "udp", rig.Request{From: from(caller)}.Bytes(), rig.PlaceOptions{Times: 3})
		}
	}
	for metric, want := range map[string]float64{
		`ringfence_calls_total{action="allow",adapter="kamailio"}`: 20,
		`ringfence_calls_total{action="block",adapter="kamailio"}`: 20,
	} {
		if got, err := d.Metric(metric); err != nil || got != want {
			t.Errorf("%s = %v (%v), want %v", metric, got, err, want)
		}
	}
	eventually(t, "outcomes of all answered calls", func() bool {
		counted, err := d.Metric(`ringfence_outcomes_total{adapter="kamailio",outcome="counted"}`)
		return err == nil && counted == 40 // answered and hung up
	})
	for _, bad := range []string{"unknown", "malformed"} {
		if got, err := d.Metric(`ringfence_outcomes_total{adapter="kamailio",outcome="` + bad + `"}`); err != nil || got != 0 {
			t.Errorf("%v %s outcomes (%v)", got, bad, err)
		}
	}
}
