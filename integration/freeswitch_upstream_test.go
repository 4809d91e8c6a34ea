package integration

import (
	"fmt"
	"slices"
	"testing"

	"ringfence/integration/rig"
)

// TestFreeSWITCHUpstream holds what ringfence_upstream is for, by a trunk's name
// or its address: rules know where a call will go, and its answer teaches. The name
// of a gateway that is no trunk does neither.
func TestFreeSWITCHUpstream(t *testing.T) {
	t.Parallel()
	modes := []string{"socket_open", "window_open", "park_open", "curl_open"}
	o := freeswitchOptions{modes: modes[:1], answers: map[string]rig.Answer{}, rules: "rules:\n  - {id: known, when: 'upstream == \"carrier-a\"', label: Known}\n"}
	upstreams := []struct{ digit, set, label string }{
		{"1", `<action application="set" data="ringfence_upstream=carrier-a" inline="true"/>`, "Known"},
		{"2", `<action application="set" data="ringfence_upstream=127.0.0.1" inline="true"/>`, "Known"},
		{"3", `<action application="set" data="ringfence_upstream=[127.0.0.1]" inline="true"/>`, "Known"},
		{"4", `<action application="set" data="ringfence_upstream=nobody" inline="true"/>`, ""},
		{"5", ``, ""}, // the gateway: carrier
	}
	for i, mode := range modes {
		o.contexts = append(o.contexts, "upstream_"+mode)
		o.dialplan += `<context name="upstream_` + mode + `">` + "\n"
		for _, u := range upstreams {
			o.answers[fmt.Sprintf("+120255572%d%s", i, u.digit)] = rig.Answer{Status: "404 Not Found"}
			o.dialplan += ` <extension name="` + u.digit + `" continue="true"><condition field="destination_number" expression="^\+120255572\d` + u.digit + `$">` +
				`<action application="set" data="ringfence_context=upstream_` + mode + `"/>` + u.set + "</condition></extension>\n"
		}
		o.dialplan += ` <extension name="ringfence" continue="true"><condition field="${ringfence_verdict}" expression="^$"><action application="execute_extension" data="` + mode + ` XML ringfence"/></condition></extension>
 <extension name="carrier"><condition field="destination_number" expression="^(\+\d+)$"><action application="bridge" data="sofia/gateway/carrier/$1"/></condition></extension>
</context>
`
	}
	s := startFreeSWITCH(t, o)
	told, learned := 0.0, 0.0
	s.eachMode(t, modes, func(t *testing.T, mode string) {
		for _, u := range upstreams {
			number := fmt.Sprintf("+120255572%d%s", slices.Index(modes, mode), u.digit)
			r := s.place(t, "upstream_"+mode, rig.Request{URI: to(number)}, rig.PlaceOptions{})
			if r.Code != 404 {
				t.Errorf("%s: %s", u.set, r.Status)
			}
			all := s.carrier.Requests("INVITE")
			if got := rig.Header(all[len(all)-1], "X-Ringfence-Label"); s.carrier.Calls(number) != 1 || got != u.label {
				t.Errorf("%s: label %q, want %q", u.set, got, u.label)
			}
			told++
			if u.label != "" {
				learned++
			}
			s.metric(t, `ringfence_freeswitch_outcomes_total{outcome="counted",switch="fs1"}`, told)
			s.metric(t, "ringfence_learned_entries", learned)
		}
	})
}

// TestFreeSWITCHBlockedUpstream holds what comes of a carrier that blocks our
// calls: the report says how often, where and whom to contact, and nothing is
// blocked here.
func TestFreeSWITCHBlockedUpstream(t *testing.T) {
	t.Parallel()
	const own, other = "12125550231", "13015550299" // a number of Acme's, and one of nobody's
	s := startFreeSWITCH(t, freeswitchOptions{modes: []string{"socket_open"}, answers: map[string]rig.Answer{
		"12025550603": {Status: "603 Network Blocked", Headers: []string{"Reason: " + networkBlocked}},
		"12025550604": {Status: "603 Decline"}, // the called party
		"12025550608": {Status: "608 Rejected", Headers: []string{"Call-Info: <https://carrier.example/jcard>;purpose=jwscard"}},
	}})
	if s.older(t, 1, 11, 1) {
		t.Skip("skipped: this FreeSWITCH knows nothing of 603+")
	}
	call := func(caller, callee string, want int) {
		t.Helper()
		if r := s.place(t, "socket_open", rig.Request{URI: to(callee), From: from("+" + caller)}, rig.PlaceOptions{}); r.Code != want {
			t.Errorf("%s calls %s: %s, want %d", caller, callee, r.Status, want)
		}
	}
	call(other, "12025550608", 608)
	for range 2 {
		call(own, "12025550603", 603)
	}
	call(own, "12025550604", 603)
	call(other, "12025550603", 603)
	s.metric(t, `ringfence_freeswitch_outcomes_total{outcome="counted",switch="fs1"}`, 5)
	s.metric(t, "ringfence_upstream_blocks_written_total", 4)
	want := "+12125550231 own=true calls=2 carrier-a:2 603 https://carrier.example/redress +18005557100 zz9 TN\n" +
		"+13015550299 own=false calls=2 carrier-a:2 603 https://carrier.example/redress +18005557100 zz9 TN\n"
	if got := reportBlocks(t, s.daemon); got != want {
		t.Errorf("the report says\n%swant\n%s", got, want)
	}
	if blocked, err := s.daemon.Metric(`ringfence_calls_total{action="block",adapter="freeswitch-socket"}`); err != nil || blocked != 0 {
		t.Errorf("%v calls blocked here, %v", blocked, err)
	}
}

// TestFreeSWITCHSigner holds that rules know who signed a call, in either header,
// and of a trusted trunk alone.
func TestFreeSWITCHSigner(t *testing.T) {
	t.Parallel()
	const id = "3a47ca23-d7ab-446b-821d-33d5deedbed4"
	modes := []string{"socket_open", "window_open", "park_open"}
	s := startFreeSWITCH(t, freeswitchOptions{modes: modes, rules: "rules:\n  - {id: signed, when: 'signer == \"" + id + "\"', label: Signed}\n"})
	s.eachMode(t, modes, func(t *testing.T, mode string) {
		for _, c := range []struct{ source, header, label string }{
			{"127.0.0.2", "P-Origination-ID: " + id, "Signed"},
			{"127.0.0.2", "Origination-ID: " + id, "Signed"},
			{"127.0.0.2", "Origination-ID: x" + id, ""},
			{outside, "P-Origination-ID: " + id, ""},
		} {
			if r := s.place(t, mode, rig.Request{Headers: []string{c.header}}, rig.PlaceOptions{Source: c.source}); r.Code != 200 {
				t.Fatal(r.Status)
			}
			all := s.carrier.Requests("INVITE")
			if got := rig.Header(all[len(all)-1], "X-Ringfence-Label"); got != c.label {
				t.Errorf("from %s, %s: label %q, want %q", c.source, c.header, got, c.label)
			}
		}
	})
}
