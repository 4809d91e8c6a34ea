package kamailio

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/rules"
)

const reason603 = `SIP;cause=603;text="v=analytics1;url=https://redress.example/calls;id=7";location=TN`

func TestParseOutcome(t *testing.T) {
	id := decisionID.String()
	upstream := netip.MustParseAddr("192.0.2.7")
	for _, c := range []struct {
		line string
		want rules.Outcome
		err  error
	}{
		{id + " 404 192.0.2.7 0 40 0 1 - Not Found", rules.Outcome{Code: 404, Upstream: upstream, Ring: 40 * time.Millisecond, Ended: true, Phrase: "Not Found"}, nil},
		{id + " 200 192.0.2.7 1 2100 0 0 - OK", rules.Outcome{Code: 200, Upstream: upstream, Rang: true, Ring: 2100 * time.Millisecond, Phrase: "OK"}, nil},
		{id + " 200 carrier-a 1 2100 35000 1 caller OK", rules.Outcome{Code: 200, Carrier: "carrier-a", Rang: true, Ring: 2100 * time.Millisecond, Talk: 35 * time.Second, Ended: true, ByCaller: true, Phrase: "OK"}, nil},
		{id + " 487 - 0 - - 1 callee -", rules.Outcome{Code: 487, Ended: true}, nil},
		{id + " 486 2001:db8::1 - 1 0 1 -", rules.Outcome{Code: 486, Upstream: netip.MustParseAddr("2001:db8::1"), Ring: time.Millisecond, Ended: true}, nil},
		{id + " 486 [2001:db8::1] 0 1 0 1 - Busy  Here", rules.Outcome{Code: 486, Upstream: netip.MustParseAddr("2001:db8::1"), Ring: time.Millisecond, Ended: true, Phrase: "Busy  Here"}, nil},
		{"", rules.Outcome{}, errFewFields},
		{id + " 404 192.0.2.7 0 40 0 1", rules.Outcome{}, errFewFields},
		{"short 404 192.0.2.7 0 40 0 1 - x", rules.Outcome{}, errBadID},
		{strings.Repeat("*", 20) + " 404 192.0.2.7 0 40 0 1 - x", rules.Outcome{}, errBadID},
		{id + " four 192.0.2.7 0 40 0 1 - x", rules.Outcome{}, errBadCode},
		{id + " 99 192.0.2.7 0 40 0 1 - x", rules.Outcome{}, errBadCode},
		{id + " 700 192.0.2.7 0 40 0 1 - x", rules.Outcome{}, errBadCode},
		{id + " 404 192.0.2.7 2 40 0 1 - x", rules.Outcome{}, errBadFlag},
		{id + " 404 192.0.2.7 0 40 0 yes - x", rules.Outcome{}, errBadFlag},
		{id + " 404 192.0.2.7 0 -1 0 1 - x", rules.Outcome{}, errBadTime},
		{id + " 404 192.0.2.7 0 1 1.5 1 - x", rules.Outcome{}, errBadTime},
		{id + " 404 192.0.2.7 0 9223372036854775807 0 1 - x", rules.Outcome{}, errBadTime},
		{id + " 404 192.0.2.7 0 1 0 1 switch x", rules.Outcome{}, errBadBy},
		{id + " 603 192.0.2.7 0 1 0 1 - Network Blocked\t" + reason603, rules.Outcome{Code: 603, Upstream: upstream, Ring: time.Millisecond, Ended: true, Phrase: "Network Blocked", Reason: reason603}, nil},
		{id + " 608 192.0.2.7 0 1 0 1 - -\t-\thttps://block.example/jcard", rules.Outcome{Code: 608, Upstream: upstream, Ring: time.Millisecond, Ended: true, Card: "https://block.example/jcard"}, nil},
		{id + " 603 192.0.2.7 0 1 0 1 - x\t" + strings.Repeat("y", 3000) + "\t" + strings.Repeat("z", 3000), rules.Outcome{Code: 603, Upstream: upstream, Ring: time.Millisecond, Ended: true, Phrase: "x", Reason: strings.Repeat("y", 2048)}, nil},
		{id + " 404 192.0.2.7 0 1 0 1 - x\ty\tz\t", rules.Outcome{}, errBadText},
		{id + " 404 192.0.2.7 0 1 0 1 - x\ty\x01", rules.Outcome{}, errBadText},
		{id + " 404 a\x01 0 1 0 1 - x", rules.Outcome{}, errBadText},
	} {
		var got rules.Outcome
		err := parseOutcome(c.line, &got)
		if !cmp.Equal(err, c.err, cmpopts.EquateErrors()) {
			t.Errorf("%q: error %v, want %v", c.line, err, c.err)
			continue
		}
		if err != nil {
			continue
		}
		c.want.ID = decisionID
		if diff := cmp.Diff(c.want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%q: -want +got\n%s", c.line, diff)
		}
	}
}

// TestOutcomes holds that one bad outcome does not spoil a batch, as lines and
// as JSON, and that each is counted once.
func TestOutcomes(t *testing.T) {
	id := decisionID.String()
	const stranger = "00000000000000000001"
	lines := strings.Join([]string{
		id + " 183 192.0.2.7 0 40 0 1 - Progress",
		id + " 404 192.0.2.7 0 40 0 1 - Not Found",
		"",
		id + " 404 192.0.2.7 0 40 0 1 - Not Found\r",
		"rubbish of +12025550199",
		stranger + " 200 - 1 1 1 1 caller OK",
		id + " 404 192.0.2.7 0 40 0 1 - panic",
		id + " 404 192.0.2.7 0 40 0 maybe - Not Found",
	}, "\n")
	array := `[
		{"id": "` + id + `", "code": 183, "upstream": "192.0.2.7", "ring_ms": 40, "ended": true, "phrase": "Progress"},
		{"id": "` + id + `", "code": 404, "upstream": "192.0.2.7", "ring_ms": 40, "ended": true, "phrase": "Not Found"},
		{"id": "` + strings.ToUpper(id) + `", "code": 404},
		{"id": 12025550199},
		{"id": "` + stranger + `", "code": 200, "by": "caller"},
		{"id": "` + id + `", "code": 404, "phrase": "panic"},
		"+12025550199"
	]`
	want := rules.Outcome{At: testTime, ID: decisionID, Code: 404, Phrase: "Not Found", Upstream: netip.MustParseAddr("192.0.2.7"), Ring: 40 * time.Millisecond, Ended: true}
	for _, c := range []struct{ kind, body, accept, want string }{
		{"text/plain", lines, "*/*", "counted 1 unknown 1 duplicate 1 ignored 2 malformed 2\n"},
		{"", lines, applicationJSON, `{"counted":1,"unknown":1,"duplicate":1,"ignored":2,"malformed":2}` + "\n"},
		{applicationJSON, array, "*/*", "counted 1 unknown 1 duplicate 1 ignored 2 malformed 2\n"},
		{applicationJSON, "[]", "*/*", "counted 0 unknown 0 duplicate 0 ignored 0 malformed 0\n"},
		{"text/plain", "\n", "*/*", "counted 0 unknown 0 duplicate 0 ignored 0 malformed 0\n"},
	} {
		r := newRig(t, Options{})
		a := r.post(t, outcomesPath, c.kind, c.body, "Accept: "+c.accept)
		if a.status != 200 || a.body != c.want {
			t.Errorf("%s: %d %q, want %q", c.kind, a.status, a.body, c.want)
			continue
		}
		if len(c.body) < 5 {
			continue
		}
		if diff := cmp.Diff([]rules.Outcome{want}, r.decider.outcomes, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.kind, diff)
		}
		log := r.log.String()
		if n := strings.Count(log, "malformed"); n != 1 || !strings.Contains(log, "count=2") || !strings.Contains(log, "err=") {
			t.Errorf("%s: %d lines about malformed outcomes:\n%s", c.kind, n, log)
		}
		if strings.Contains(log, "2025550199") {
			t.Errorf("%s: a number is in the log:\n%s", c.kind, log)
		}
		n := r.Counters()
		got := fmt.Sprint(n.OutcomesCounted.Load(), n.OutcomesUnknown.Load(), n.OutcomesDuplicate.Load(), n.OutcomesIgnored.Load(), n.OutcomesMalformed.Load(), n.Panics.Load())
		if got != "1 1 1 2 2 1" {
			t.Errorf("%s: counted %s", c.kind, got)
		}
	}
	r := newRig(t, Options{})
	for _, body := range []string{"", "{}", `[{"id":`} {
		if a := r.post(t, outcomesPath, applicationJSON, body); a.status != 400 || !strings.HasPrefix(a.body, "ringfence: not a JSON array of outcomes: ") {
			t.Errorf("%q: %d %q", body, a.status, a.body)
		}
	}
}

// A long list is handed over in pieces, and nothing of it is lost.
func TestRunningCalls(t *testing.T) {
	r := newRig(t, Options{})
	var body strings.Builder
	for range 3*idsAtOnce + 1 {
		fmt.Fprintf(&body, "%s\r\n\n1hd4v2kzzzzzzzzzzzzz\n", strings.ToUpper(decisionID.String()))
	}
	body.WriteString("1hd4v2k0q7x9m3t5b8zw 200\n" + decisionID.String()) // the last has no end of line
	a := r.send(t, "POST /kamailio/running", body.String(), "Content-Type: text/plain")
	if a.status != 200 || a.body != "known 770 unknown 769 malformed 1\n" {
		t.Errorf("%d %s", a.status, a.body)
	}
	c := r.Counters()
	if c.RunningKnown.Load() != 770 || c.RunningUnknown.Load() != 769 || c.RunningMalformed.Load() != 1 {
		t.Errorf("counted %d, %d, %d", c.RunningKnown.Load(), c.RunningUnknown.Load(), c.RunningMalformed.Load())
	}
}
