package integration

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"ringfence/integration/rig"
	"ringfence/sidecar"
)

// TestNativeBlockedUpstream holds what comes of a carrier that blocks our calls:
// the caller gets its answer as it is, the report says how often, where and whom
// to contact, of our own number above all, and nothing is blocked here. It is
// known after a restart.
func TestNativeBlockedUpstream(t *testing.T) {
	t.Parallel()
	const own, other = "12125550231", "13015550299" // a number of Acme's, and one of nobody's
	d := newDaemon(t)
	if err := d.Append("rules/zz.yaml", "rules:\n  - {id: elsewhere, when: 'blocked_upstream(caller, \"1d\") >= 3', label: Blocked elsewhere}\n"); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, map[string]rig.Answer{
		"12025550603": {Status: "603 Network Blocked", Headers: []string{"Reason: " + networkBlocked}},
		"12025550604": {Status: "603 Decline"}, // the called party
		"12025550608": {Status: "608 Rejected", Headers: []string{"Call-Info: <https://carrier.example/jcard>;purpose=jwscard"}},
	})
	call := func(caller, callee, want string) *rig.Result {
		t.Helper()
		r := n.place(t, rig.Request{URI: "sip:" + callee + "@127.0.0.1", From: "<sip:+" + caller + "@127.0.0.1>"})
		if r.Status != "SIP/2.0 "+want {
			t.Fatalf("%s calls %s: %s, want %s", caller, callee, r.Status, want)
		}
		return r
	}
	for range 2 {
		if r := call(own, "12025550603", "603 Network Blocked"); r.Reason != networkBlocked {
			t.Errorf("Reason %q, want the carrier's own", r.Reason)
		}
	}
	call(own, "12025550608", "608 Rejected")
	call(own, "12025550604", "603 Decline")
	call(other, "12025550603", "603 Network Blocked")
	eventually(t, "four blocks are counted", func() bool {
		v, err := d.Metric("ringfence_upstream_blocks_written_total")
		return err == nil && v == 4
	})

	want := "+12125550231 own=true calls=3 carrier-a:3 608 https://carrier.example/jcard   \n" +
		"+13015550299 own=false calls=1 carrier-a:1 603 https://carrier.example/redress +18005557100 zz9 TN\n"
	if got := reportBlocks(t, d); got != want {
		t.Errorf("the report says\n%swant\n%s", got, want)
	}
	if all := reportBlocks(t, d, "--own", "--caller", "+"+other); all != "" {
		t.Errorf("of own numbers\n%s", all)
	}
	if log := string(d.Log()); strings.Count(log, "kind=own-number-blocked") != 1 || strings.Contains(log, own) {
		t.Errorf("want one warning without the number:\n%s", log)
	}

	// The carrier's word stops nothing here, before a restart or after.
	label := func(caller, want string) {
		t.Helper()
		call(caller, "12025550200", "200 OK")
		all := n.carrier.Requests("INVITE")
		if got := rig.Header(all[len(all)-1], "X-Ringfence-Label"); got != want {
			t.Errorf("%s: label %q, want %q", caller, got, want)
		}
	}
	label(own, "Blocked elsewhere")
	label(other, "")
	if err := d.Process.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Kamailio asks again", func() bool {
		call(own, "12025550200", "200 OK")
		v, err := d.Metric("ringfence_calls_total")
		return err == nil && v > 0
	})
	label(own, "Blocked elsewhere")
	if blocked, err := d.Metric(`ringfence_calls_total{action="block",adapter="kamailio"}`); err != nil || blocked != 0 {
		t.Errorf("%v calls blocked here, %v", blocked, err)
	}
}

// reportBlocks is what "ringfence report blocks" says of carriers that blocked
// calls: a line for each caller.
func reportBlocks(t testing.TB, d *rig.Ringfence, args ...string) string {
	t.Helper()
	c := exec.Command(built.program, append([]string{"report", "blocks", "--config", d.Dir + "/ringfence.yaml", "--json"}, args...)...)
	out, err := c.CombinedOutput()
	var all []sidecar.BlockedCaller
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	said := ""
	for _, one := range all {
		said += fmt.Sprintf("%s own=%v calls=%d", one.Caller, one.Own, one.Calls)
		for _, c := range one.Carriers {
			said += fmt.Sprintf(" %s:%d %d %s %s %s %s", c.Carrier, c.Calls, c.Last.Code, c.Last.URL, c.Last.Tel, c.Last.BlockID, c.Last.Location)
		}
		said += "\n"
	}
	return said
}
