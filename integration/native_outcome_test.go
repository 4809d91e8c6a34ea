package integration

import (
	"regexp"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// outcome waits for the report of a decision that matches a pattern, which
// stands for all but the id.
func outcome(t testing.TB, d *rig.Scripted, pattern string) {
	t.Helper()
	re := regexp.MustCompile("^[0-9a-z]{20} " + pattern + "$")
	err := rig.Wait(rig.Patience, "outcome "+pattern, func() bool {
		for _, line := range d.Outcomes() {
			if re.MatchString(line) {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Errorf("%v; there are:\n%s", err, strings.Join(d.Outcomes(), "\n"))
	}
}

// networkBlocked is the Reason of a 603+.
const networkBlocked = `SIP;cause=603;text="v=analytics1;url=https://carrier.example/redress;tel=+18005557100;id=zz9";location=TN`

// TestNativeOutcomes holds what is reported of a call: once how it ended, and
// once that it was answered.
func TestNativeOutcomes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer rig.Answer
		want   []string // decision id, code, upstream, rang, ring ms, talk ms, over, by whom, phrase
	}{
		{"answered, hung up by the caller", rig.Answer{Ring: true}, []string{`200 127\.0\.0\.1 1 \d+ 0 0 - OK`, `200 127\.0\.0\.1 1 \d+ \d+ 1 caller OK`}},
		{"answered, hung up by the callee", rig.Answer{HangUp: true}, []string{`200 127\.0\.0\.1 0 \d+ 0 0 - OK`, `200 127\.0\.0\.1 0 \d+ \d+ 1 callee OK`}},
		{"not found", rig.Answer{Status: "404 Not Found"}, []string{`404 127\.0\.0\.1 0 \d+ 0 1 - Not Found`}},
		{"busy after ringing", rig.Answer{Status: "486 Busy Here", Ring: true}, []string{`486 127\.0\.0\.1 1 \d+ 0 1 - Busy Here`}},
		{"blocked upstream", rig.Answer{Status: "603 Network Blocked", Headers: []string{"Reason: " + networkBlocked}}, []string{`603 127\.0\.0\.1 0 \d+ 0 1 - Network Blocked\t` + regexp.QuoteMeta(networkBlocked)}},
		{"blocked with several Reasons", rig.Answer{Status: "603 Network Blocked", Headers: []string{"Reason: Q.850;cause=21;text=\"a\tb, c\"", "Reason: " + networkBlocked + ", X;cause=1"}},
			[]string{`603 127\.0\.0\.1 0 \d+ 0 1 - Network Blocked\tQ\.850;cause=21;text="ab, c", ?` + regexp.QuoteMeta(networkBlocked) + `, X;cause=1`}},
		{"declined by the called party", rig.Answer{Status: "603 Decline"}, []string{`603 127\.0\.0\.1 0 \d+ 0 1 - Decline\t`}},
		{"rejected with a jCard", rig.Answer{Status: "608 Rejected", Headers: []string{"Call-Info: <https://block.example/icon.png>;purpose=icon, <https://block.example/jcard?a=1&b=2>;purpose=jwscard"}},
			[]string{`608 127\.0\.0\.1 0 \d+ 0 1 - Rejected\t\thttps://block\.example/jcard\?a=1&b=2`}},
		{"rejected without one", rig.Answer{Status: "608 Rejected", Headers: []string{"Call-Info: <https://block.example/icon.png>;purpose=icon", "Reason: SIP;cause=608"}}, []string{`608 127\.0\.0\.1 0 \d+ 0 1 - Rejected\tSIP;cause=608`}},
		{"a very long Reason", rig.Answer{Status: "603 Network Blocked", Headers: []string{"Reason: " + strings.Repeat("x", 4000)}}, []string{`603 127\.0\.0\.1 0 \d+ 0 1 - Network Blocked\tx{1000}`}},
		{"an odd phrase", rig.Answer{Status: "404 N\tt \x01F\xc3\xb6und"}, []string{`404 127\.0\.0\.1 0 \d+ 0 1 - Nt Fund`}},
		{"no phrase", rig.Answer{Status: "480 "}, []string{`480 127\.0\.0\.1 0 \d+ 0 1 - -`}},
		{"cancelled while it rings", rig.Answer{Silent: true, Ring: true}, []string{`487 127\.0\.0\.1 1 \d+ 0 1 caller Request Terminated`}},
		{"no answer", rig.Answer{Silent: true}, []string{`408 - 0 \d+ 0 1 - -`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := startScripted(t, blocksSpam)
			o := rig.KamailioOptions{Ringfence: d.Addr, Workers: 1} // which handles ringing and answer in their order
			if c.answer.Silent && !c.answer.Ring {
				o.Defines = map[string]string{"ANSWER_TIMEOUT": "1000"}
			}
			n := startNative(t, o, map[string]rig.Answer{"12025550200": c.answer})
			r := n.send(t, "udp", rig.Request{}.Bytes(), rig.PlaceOptions{Hold: true, Cancel: c.answer.Silent})
			if r.Code < 300 {
				if c.answer.HangUp {
					if _, err := r.AwaitRequest(); err != nil {
						t.Fatal(err)
					}
				} else {
					outcome(t, d, c.want[0]) // else the BYE may overtake it
					if _, err := r.HangUp(); err != nil {
						t.Fatal(err)
					}
				}
				defer r.Close()
			}
			for _, want := range c.want {
				outcome(t, d, want)
			}
			if got := d.Outcomes(); len(got) != len(c.want) {
				t.Errorf("%d outcomes, want %d:\n%s", len(got), len(c.want), strings.Join(got, "\n"))
			}
		})
	}
}

// TestNativeOvertaken holds that a call is reported as over though its BYE came
// before its 200 was handled, as in the hands of two workers.
func TestNativeOvertaken(t *testing.T) {
	t.Parallel()
	d := startScripted(t, blocksSpam)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, map[string]rig.Answer{"12025550200": {Ring: true}})
	if r := n.send(t, "udp", rig.Request{}.Bytes(), rig.PlaceOptions{Bye: true}); r.Code != 200 {
		t.Fatal(r.Status)
	}
	outcome(t, d, `200 127\.0\.0\.1 1 \d+ 0 0 - OK`)
	outcome(t, d, `200 127\.0\.0\.1 1 \d+ \d+ 1 caller OK`)
}

// TestNativeOutcomesWait holds that outcomes survive a daemon that is away.
func TestNativeOutcomesWait(t *testing.T) {
	t.Parallel()
	d := startScripted(t, blocksSpam)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr, Defines: map[string]string{"RINGFENCE_TIMEOUT": "3"}}, nil)
	r := n.send(t, "udp", rig.Request{}.Bytes(), rig.PlaceOptions{Hold: true})
	outcome(t, d, `200 .* 0 0 - OK`)
	d.Freeze("/")
	if _, err := r.HangUp(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the timer process has waited in vain", func() bool {
		return strings.Contains(string(n.Log()), "timed out on request (url: http://"+d.Addr+"/kamailio/outcomes")
	})
	d.Thaw()
	outcome(t, d, `200 .* 1 caller OK`)
}

// TestNativeOutcomesDropped holds that outcomes that nobody takes fill a queue
// of limited length, that no call notices, and that the loss is told.
func TestNativeOutcomesDropped(t *testing.T) {
	t.Parallel()
	d := startScripted(t, blocksSpam)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr, Defines: map[string]string{"RINGFENCE_QUEUE": "5"}}, nil)
	d.Freeze("/kamailio/outcomes")
	r := n.send(t, "udp", rig.Request{}.Bytes(), rig.PlaceOptions{Hold: true})
	eventually(t, "the timer process waits with this one", func() bool { return d.Reports() > 0 })
	if _, err := r.HangUp(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if r := n.place(t, rig.Request{}); r.Code != 200 {
			t.Error(r.Status)
		}
	}
	d.Thaw()
	eventually(t, "the loss is in the log", func() bool {
		return strings.Contains(string(n.Log()), "ringfence: 36 outcomes dropped so far")
	})
	eventually(t, "what the queue held arrives", func() bool { return len(d.Outcomes()) >= 6 })
}

// TestNativeLongOutcomes holds that outcomes with long Reasons, queued while the
// daemon is away, come in requests that fit the buffer of the include.
func TestNativeLongOutcomes(t *testing.T) {
	t.Parallel()
	d := startScripted(t, blocksSpam)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, map[string]rig.Answer{
		"12025550200": {Status: "603 Network Blocked", Headers: []string{"Reason: " + networkBlocked + strings.Repeat("x", 1000)}},
	})
	d.Freeze("/kamailio/outcomes")
	const calls = 150
	for range calls {
		if r := n.place(t, rig.Request{}); r.Code != 603 {
			t.Fatal(r.Status)
		}
	}
	d.Thaw()
	eventually(t, "all outcomes arrive", func() bool { return len(d.Outcomes()) == calls })
}

// TestNativeCarriers holds that a second carrier is tried when the first fails,
// but never after a 6xx, and that the report tells of the last word.
func TestNativeCarriers(t *testing.T) {
	t.Parallel()
	d := startScripted(t, func(q rig.Question) (int, string) {
		return 200, rig.Lines("allow", "", "", "", "", "Spam likely", "withhold", "")
	})
	second, err := rig.StartCarrier(nil)
	if err != nil {
		t.Fatal(err)
	}
	stops(t, "second carrier", second.Stop)
	reason := `Reason: SIP;cause=603;text="v=analytics1;url=https://other.example;id=7";location=LN`
	n := startNative(t, rig.KamailioOptions{Config: "testdata/busy.cfg", Ringfence: d.Addr, Carrier2: second.Addr}, map[string]rig.Answer{
		"12025550503": {Status: "503 Service Unavailable"},
		"12025550404": {Status: "404 Not Found"},
		"12025550603": {Status: "603 Network Blocked", Headers: []string{reason}},
		"12025550604": {Status: "603 NETWORK blocked"},
		"12025550607": {Status: "607 Unwanted"},
	})
	for callee, want := range map[string]string{
		"12025550503": "200 OK",
		"12025550404": "200 OK",
		"12025550603": "603 Network Blocked",
		"12025550604": "603 NETWORK blocked",
		"12025550607": "607 Unwanted",
	} {
		r := n.place(t, rig.Request{URI: "sip:" + callee + "@127.0.0.1"})
		if r.Status != "SIP/2.0 "+want {
			t.Errorf("%s: %s, want %s", callee, r.Status, want)
		}
		tried := 0
		if want == "200 OK" {
			tried = 1
		}
		if got := second.Calls(callee); got != tried {
			t.Errorf("%s: the second carrier got %d calls, want %d", callee, got, tried)
		}
		if callee == "12025550603" && "Reason: "+r.Reason != reason {
			t.Errorf("Reason %q, want the carrier's own", r.Reason)
		}
	}
	// What was done to the call holds for the second carrier too.
	for _, m := range second.Requests("INVITE") {
		if f := rig.Header(m, "From"); !strings.HasPrefix(f, `"Anonymous" <sip:anonymous@anonymous.invalid>`) || rig.Header(m, "X-Ringfence-Label") == "" {
			t.Errorf("at the second carrier:\n%s", m)
		}
	}
	eventually(t, "outcomes of five calls, two of them answered", func() bool { return len(d.Outcomes()) >= 7 })
	for _, line := range d.Outcomes() {
		if strings.Contains(line, " 404 ") || strings.Contains(line, " 503 ") {
			t.Errorf("reported a carrier that was not the last: %s", line)
		}
	}
}
