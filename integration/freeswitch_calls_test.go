package integration

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// TestFreeSWITCHCalls places every kind of call that the daemon stops in every
// mode, and checks the answer as it is on the wire.
func TestFreeSWITCHCalls(t *testing.T) {
	t.Parallel()
	answers := map[string]rig.Answer{}
	for i := range 10 {
		answers[fmt.Sprintf("1202555019%d", i)] = rig.Answer{Status: "404 Not Found"}
	}
	dead := slices.Sorted(maps.Keys(answers))
	learned := map[*rig.Ringfence]float64{}
	eachMode(t, freeswitchOptions{answers: answers}, func(t *testing.T, s withFreeSWITCH, mode string) {
		placeCalls(t, s.carrier, func(t testing.TB, r rig.Request, o rig.PlaceOptions) *rig.Result {
			return s.place(t, mode, r, o)
		})

		// What the carrier says of a dead number comes back as an event.
		number := dead[0]
		dead = dead[1:]
		if r := s.place(t, mode, rig.Request{URI: to(number)}, rig.PlaceOptions{}); r.Code != 404 {
			t.Errorf("first call to a dead number: %s", r.Status)
		}
		learned[s.daemon]++
		s.metric(t, "ringfence_learned_entries", learned[s.daemon])
		r := s.place(t, mode, rig.Request{URI: to("+" + number)}, rig.PlaceOptions{})
		if r.Status != "SIP/2.0 404 Not Found" || r.Reason != `Q.850;cause=1;text="Unallocated number"` {
			t.Errorf("second call to a dead number: %q, Reason %q", r.Status, r.Reason)
		}
		if calls := s.carrier.Calls("+" + number); calls != 0 {
			t.Errorf("second call to a dead number reached the carrier %d times", calls)
		}
	})
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
	eachMode(t, freeswitchOptions{config: "answers: {dno: 403, administrative: 403}\n"}, func(t *testing.T, s withFreeSWITCH, mode string) {
		for text, c := range map[string]struct{ source, caller string }{
			"Caller number must not originate calls": {outside, "18005550190"},
			"Caller number not authorized":           {"127.0.0.3", "13015550299"},
		} {
			r := s.place(t, mode, rig.Request{From: from(c.caller)}, rig.PlaceOptions{Source: c.source})
			if r.Status != "SIP/2.0 403 Forbidden" || r.Reason != `Q.850;cause=21;text="`+text+`"` {
				t.Errorf("%q, Reason %q", r.Status, r.Reason)
			}
		}
	})
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
	eachMode(t, freeswitchOptions{rules: "rules:\n  - {id: elsewhere, when: callee == \"+12025550230\", divert: sip:challenge@" + target.Addr + "}\n"}, func(t *testing.T, s withFreeSWITCH, mode string) {
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
