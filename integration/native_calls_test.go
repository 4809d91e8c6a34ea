package integration

import (
	"regexp"
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
	analytics := `SIP;cause=603;text="v=analytics1;url=https://redress\.example\.net;id=[0-9a-z]{20}";location=TN`
	for _, c := range []struct {
		name    string
		source  string
		request rig.Request
		status  string
		reason  string // a pattern for the whole value
		arrives bool   // at the carrier
	}{
		{name: "clean", status: "200 OK", arrives: true},
		{name: "spam feed", request: rig.Request{From: from("+13035550260")}, status: "603 Network Blocked", reason: analytics},
		{name: "do not originate", request: rig.Request{From: from("18005550190")}, status: "603 Decline", reason: `Q\.850;cause=21;text="[^"]+"`},
		{name: "invalid caller", request: rig.Request{From: from("+12029110142")}, status: "603 Decline", reason: `Q\.850;cause=21;text="[^"]+"`},
		{name: "administrative", source: "127.0.0.3", status: "603 Decline", reason: `Q\.850;cause=21;text="[^"]+"`},
		{name: "own number", source: "127.0.0.3", request: rig.Request{From: from("2125550231")}, status: "200 OK", arrives: true},
		{name: "subscriber", request: rig.Request{From: from("13015550250"), URI: "sip:12025550220@127.0.0.1"}, status: "607 Unwanted", reason: `Q\.850;cause=21;text="[^"]+"`},
		{name: "dead number, first call", request: rig.Request{URI: "sip:12025550199@127.0.0.1"}, status: "404 Not Found", arrives: true},
		{name: "emergency call from a listed number", request: rig.Request{From: from("+13035550260"), URI: "sip:911@127.0.0.1"}, status: "200 OK", arrives: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(n.carrier.Requests("INVITE"))
			r := n.send(t, "udp", c.request.Bytes(), rig.PlaceOptions{Source: c.source})
			if r.Status != "SIP/2.0 "+c.status {
				t.Errorf("status line %q, want %q", r.Status, c.status)
			}
			if !regexp.MustCompile("^" + c.reason + "$").MatchString(r.Reason) {
				t.Errorf("Reason %q, want %s", r.Reason, c.reason)
			}
			if n := strings.Count(strings.ToLower(string(r.Final)), "\nreason:"); n > 1 {
				t.Errorf("%d Reason headers:\n%s", n, r.Final)
			}
			if arrived := len(n.carrier.Requests("INVITE")) > before; arrived != c.arrives {
				t.Errorf("reached the carrier: %v, want %v", arrived, c.arrives)
			}
		})
	}

	// What the carrier said of the dead number comes back by the timer process.
	eventually(t, "the 404 is learned", func() bool {
		entries, err := d.Metric("ringfence_learned_entries")
		return err == nil && entries == 1
	})
	r := n.place(t, rig.Request{URI: "sip:+12025550199@127.0.0.1"})
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
