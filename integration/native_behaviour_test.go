package integration

import (
	"fmt"
	"testing"
	"time"

	"ringfence/integration/rig"
)

// behaviourRules ask what calls did, with figures that a test can reach.
const behaviourRules = `learn:
  refused: {from: caller, per: callee, on: [607], upstream: [carrier-a], for: 365d}
rules:
  - id: burst
    when: rate(caller, "10m") > 5 and short_ratio(caller, "1h", "6s", 5) > 0.8
    block: analytics
  - id: unwanted
    when: callers in learned("refused", callee)
    block: subscriber
`

// TestNativeBehaviour holds what calls through Kamailio teach: a burst of short
// calls is stopped from the call on that crosses the threshold, a dead number and
// a phone that refuses a caller are known, and all of it still is after a restart
// and after a kill.
func TestNativeBehaviour(t *testing.T) {
	t.Parallel()
	const (
		robot, person = "+13035557001", "+13035557002"
		dead, phone   = "+12025557404", "+12025557607"
	)
	d := newDaemon(t)
	if err := d.Append("rules/behaviour.yaml", behaviourRules); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, map[string]rig.Answer{
		dead:  {Status: "404 Not Found"},
		phone: {Status: "607 Unwanted", Ring: true},
	})
	call := func(from, to, want string) {
		t.Helper()
		if r := n.place(t, rig.Request{From: "<sip:" + from + "@127.0.0.1>", URI: "sip:" + to + "@127.0.0.1"}); r.Status != "SIP/2.0 "+want {
			t.Errorf("from %s to %s: %s, want %s", from, to, r.Status, want)
		}
	}
	told := 0.0
	reported := func(outcomes float64) {
		t.Helper()
		told += outcomes
		eventually(t, "the outcomes are reported", func() bool {
			v, err := d.Metric(`ringfence_outcomes_total{adapter="kamailio",outcome="counted"}`)
			return err == nil && v >= told
		})
	}
	for i := range 5 {
		call(robot, fmt.Sprintf("+1202555710%d", i), "200 OK")
	}
	reported(10) // answered, hung up
	call(robot, "+12025557110", "603 Network Blocked")
	call(robot, "+12025557111", "603 Network Blocked")
	call(person, "+12025557110", "200 OK")

	call(person, dead, "404 Not Found")
	call(person, phone, "607 Unwanted")
	reported(4)
	if got := n.carrier.Calls(dead) + n.carrier.Calls(phone); got != 2 {
		t.Fatalf("%d calls to the carrier, want 2", got)
	}

	others := 0
	known := func(when string) {
		t.Helper()
		before := n.carrier.Calls(phone)
		call(robot, "+12025557112", "603 Network Blocked")
		call(person, "+12025557112", "200 OK")
		call(person, dead, "404 Not Found")
		call(person, phone, "607 Unwanted")
		if got := n.carrier.Calls(dead); got != 1 {
			t.Errorf("%s: %d calls to the dead number, want the one that taught", when, got)
		}
		if got := n.carrier.Calls(phone); got != before {
			t.Errorf("%s: the refused caller reaches the phone", when)
		}
		others++
		call(fmt.Sprintf("+1303555801%d", others), phone, "607 Unwanted")
		if got := n.carrier.Calls(phone); got != before+1 {
			t.Errorf("%s: another caller does not reach the phone", when)
		}
		reported(3) // one answered and hung up, one refused
	}
	known("at once")

	if err := d.Process.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	told = 0
	known("after a restart")

	// A kill costs what is not saved yet: of lists a second, of counts a few.
	since := time.Now()
	eventually(t, "what calls did is saved", func() bool {
		age, err := d.Metric("ringfence_state_saved_age_seconds")
		return err == nil && age < time.Since(since).Seconds()-1
	})
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	told = 0
	known("after a kill")
}
