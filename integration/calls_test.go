package integration

import (
	"regexp"
	"testing"

	"ringfence/integration/rig"
)

// calls are one call for every why, and some that pass, as testdata/native
// judges them, whatever switch asks.
var calls = []struct {
	name    string
	source  string // address on loopback; empty: outside
	request rig.Request
	status  string
	reason  string // a pattern for the whole value
	retry   string // Retry-After
	arrives bool   // at the carrier
}{
	{name: "clean", status: "200 OK", arrives: true},
	{name: "spam feed", request: rig.Request{From: from("+13035550260")}, status: "603 Network Blocked",
		reason: `SIP;cause=603;text="v=analytics1;url=https://redress\.example\.net;id=[0-9a-z]{20}";location=TN`},
	{name: "do not originate", request: rig.Request{From: from("18005550190")}, status: "603 Decline", reason: `Q\.850;cause=21;text="Caller number must not originate calls"`},
	{name: "invalid caller", request: rig.Request{From: from("+12029110142")}, status: "603 Decline", reason: `Q\.850;cause=21;text="Caller number must not originate calls"`},
	{name: "administrative", source: "127.0.0.3", status: "603 Decline", reason: `Q\.850;cause=21;text="Caller number not authorized"`},
	{name: "own number", source: "127.0.0.3", request: rig.Request{From: from("2125550231")}, status: "200 OK", arrives: true},
	{name: "subscriber", request: rig.Request{From: from("13015550250"), URI: to("12025550220")}, status: "607 Unwanted", reason: `Q\.850;cause=21;text="Call unwanted"`},
	{name: "anonymous", request: rig.Request{From: `"Anonymous" <sip:anonymous@anonymous.invalid>`, URI: to("12025550221")}, status: "433 Anonymity Disallowed", reason: `Q\.850;cause=21;text="Anonymous call rejected"`},
	{name: "withheld", request: rig.Request{URI: to("12025550221"), Headers: []string{"Privacy: id"}}, status: "433 Anonymity Disallowed", reason: `Q\.850;cause=21;text="Anonymous call rejected"`},
	{name: "shown to who refuses withheld callers", request: rig.Request{URI: to("12025550221")}, status: "200 OK", arrives: true},
	{name: "identity missing", request: rig.Request{URI: to("12025550222")}, status: "428 Use Identity Header", reason: `Q\.850;cause=21;text="Identity missing"`},
	{name: "identity not available", request: rig.Request{URI: to("12025550223")}, status: "436 Bad Identity Info", reason: `Q\.850;cause=21;text="Identity credential not available"`},
	{name: "identity not supported", request: rig.Request{URI: to("12025550224")}, status: "437 Unsupported Credential", reason: `Q\.850;cause=21;text="Identity credential not supported"`},
	{name: "identity invalid", request: rig.Request{URI: to("12025550225")}, status: "438 Invalid Identity Header", reason: `Q\.850;cause=21;text="Identity not valid"`},
	{name: "identity stale", request: rig.Request{URI: to("12025550226")}, status: "403 Stale Date", reason: `Q\.850;cause=21;text="Identity too old"`},
	{name: "hours", request: rig.Request{URI: to("12025550227")}, status: "480 Temporarily Unavailable", reason: `Q\.850;cause=18;text="Outside calling hours"`, retry: "900"},
	{name: "pacing", request: rig.Request{URI: to("12025550228")}, status: "480 Temporarily Unavailable", reason: `Q\.850;cause=42;text="Too many calls"`, retry: "30"},
	{name: "overload", request: rig.Request{URI: to("12025550229")}, status: "503 Service Unavailable", reason: `Q\.850;cause=42;text="Switching equipment congestion"`},
	{name: "emergency call from a listed number", request: rig.Request{From: from("+13035550260"), URI: to("911")}, status: "200 OK", arrives: true},
}

// placeCalls places every one of calls and checks the final response as it is
// on the wire: status line, Reason, Retry-After, and nothing of them twice.
func placeCalls(t *testing.T, carrier *rig.Carrier, place func(testing.TB, rig.Request, rig.PlaceOptions) *rig.Result) {
	t.Helper()
	for _, c := range calls {
		t.Run(c.name, func(t *testing.T) {
			before := len(carrier.Requests("INVITE"))
			r := place(t, c.request, rig.PlaceOptions{Source: c.source})
			if r.Status != "SIP/2.0 "+c.status {
				t.Errorf("status line %q, want %q", r.Status, c.status)
			}
			if !regexp.MustCompile("^" + c.reason + "$").MatchString(r.Reason) {
				t.Errorf("Reason %q, want %s", r.Reason, c.reason)
			}
			if got := rig.Header(r.Final, "Retry-After"); got != c.retry {
				t.Errorf("Retry-After %q, want %q", got, c.retry)
			}
			for _, name := range []string{"Reason", "Retry-After"} {
				if n := len(rig.Headers(r.Final, name)); n > 1 {
					t.Errorf("%d %s headers:\n%s", n, name, r.Final)
				}
			}
			if arrived := len(carrier.Requests("INVITE")) > before; arrived != c.arrives {
				t.Errorf("reached the carrier: %v, want %v", arrived, c.arrives)
			}
		})
	}
}

func from(number string) string { return "<sip:" + number + "@127.0.0.1>" }

func to(number string) string { return "sip:" + number + "@127.0.0.1" }
