package integration

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// TestFreeSWITCHCalls places every kind of call that the daemon stops in every
// mode, and checks the answer as it is on the wire.
func TestFreeSWITCHCalls(t *testing.T) {
	t.Parallel()
	dead := func(i int) string { return fmt.Sprintf("1202555019%d", i) }
	answers := map[string]rig.Answer{}
	for i := range freeswitchModes {
		answers[dead(i)] = rig.Answer{Status: "404 Not Found"}
	}
	s := startFreeSWITCH(t, freeswitchOptions{answers: answers})
	for i, mode := range freeswitchModes {
		t.Run(mode, func(t *testing.T) {
			placeCalls(t, s.carrier, func(t testing.TB, r rig.Request, o rig.PlaceOptions) *rig.Result {
				return s.place(t, mode, r, o)
			})

			// What the carrier says of a dead number comes back as an event.
			if r := s.place(t, mode, rig.Request{URI: to(dead(i))}, rig.PlaceOptions{}); r.Code != 404 {
				t.Errorf("first call to a dead number: %s", r.Status)
			}
			s.metric(t, "ringfence_learned_entries", float64(i+1))
			r := s.place(t, mode, rig.Request{URI: to("+" + dead(i))}, rig.PlaceOptions{})
			if r.Status != "SIP/2.0 404 Not Found" || r.Reason != `Q.850;cause=1;text="Unallocated number"` {
				t.Errorf("second call to a dead number: %q, Reason %q", r.Status, r.Reason)
			}
			if calls := s.carrier.Calls("+" + dead(i)); calls != 0 {
				t.Errorf("second call to a dead number reached the carrier %d times", calls)
			}
		})
	}
}

// TestFreeSWITCHShipped places the same calls through the shipped configuration.
func TestFreeSWITCHShipped(t *testing.T) {
	t.Parallel()
	s := startFreeSWITCH(t, freeswitchOptions{shipped: true})
	placeCalls(t, s.carrier, func(t testing.TB, r rig.Request, o rig.PlaceOptions) *rig.Result {
		return s.place(t, "", r, o)
	})
}

// TestFreeSWITCHForbidden holds the other answer to do-not-originate and
// administrative, which the configuration chooses.
func TestFreeSWITCHForbidden(t *testing.T) {
	t.Parallel()
	s := startFreeSWITCH(t, freeswitchOptions{config: "answers: {dno: 403, administrative: 403}\n"})
	for _, mode := range freeswitchModes {
		for source, text := range map[string]string{outside: "Caller number must not originate calls", "127.0.0.3": "Caller number not authorized"} {
			r := s.place(t, mode, rig.Request{From: from("18005550190")}, rig.PlaceOptions{Source: source})
			if r.Status != "SIP/2.0 403 Forbidden" || r.Reason != `Q.850;cause=21;text="`+text+`"` {
				t.Errorf("%s: %q, Reason %q", mode, r.Status, r.Reason)
			}
		}
	}
}

// TestFreeSWITCHAltered holds what the callee gets of a call that goes on with a
// mark, without its number, or elsewhere.
func TestFreeSWITCHAltered(t *testing.T) {
	t.Parallel()
	target, err := rig.StartCarrier(nil)
	if err != nil {
		t.Fatal(err)
	}
	stops(t, "target", target.Stop)
	s := startFreeSWITCH(t, freeswitchOptions{rules: "rules:\n  - {id: elsewhere, when: callee == \"+12025550230\", divert: sip:challenge@" + target.Addr + "}\n"})
	for _, mode := range freeswitchModes {
		t.Run(mode, func(t *testing.T) {
			arrived := func(r rig.Request) []byte {
				t.Helper()
				before := len(s.carrier.Requests("INVITE"))
				if r := s.place(t, mode, r, rig.PlaceOptions{}); r.Code != 200 {
					t.Fatal(r.Status)
				}
				return s.carrier.Requests("INVITE")[before]
			}
			if m := arrived(rig.Request{From: `"Joe" ` + from("+13015550299")}); !strings.HasPrefix(rig.Header(m, "From"), `"Joe" <sip:+13015550299@`) {
				t.Errorf("nothing done to it:\n%s", m)
			}
			if m := arrived(rig.Request{From: `"Joe" ` + from("+13035550280")}); !strings.HasPrefix(rig.Header(m, "From"), `"[Spam likely] Joe" <sip:+13035550280@`) {
				t.Errorf("labelled:\n%s", m)
			}
			m := arrived(rig.Request{From: `"Joe 301.555.0290" ` + from("+13015550290"), Headers: []string{"P-Asserted-Identity: <tel:+13015550290>", "Remote-Party-ID: " + from("3015550290") + ";party=calling;privacy=off"}})
			if strings.Contains(digits(m), "3015550290") || strings.Contains(string(m), "Joe") {
				t.Errorf("withheld:\n%s", m)
			}
			before, elsewhere := len(s.carrier.Requests("INVITE")), len(target.Requests("INVITE"))
			if r := s.place(t, mode, rig.Request{URI: to("12025550230"), From: `"Joe" ` + from("+13015550299")}, rig.PlaceOptions{}); r.Code != 200 {
				t.Errorf("diverted: %s", r.Status)
			}
			if all := target.Requests("INVITE"); len(all) != elsewhere+1 || !strings.HasPrefix(rig.FirstLine(all[elsewhere]), "INVITE sip:challenge@"+target.Addr) || !strings.HasPrefix(rig.Header(all[elsewhere], "From"), `"Joe" <sip:+13015550299@`) {
				t.Errorf("diverted, %d calls at the target:\n%s", len(all)-elsewhere, bytes.Join(all[elsewhere:], nil))
			}
			if arrived := len(s.carrier.Requests("INVITE")) - before; arrived != 0 {
				t.Errorf("diverted: %d calls at the carrier, too", arrived)
			}
		})
	}
}
