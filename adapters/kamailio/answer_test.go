package kamailio

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/rules"
)

// TestLines holds the nine lines, and that JSON says the same.
func TestLines(t *testing.T) {
	id := decisionID.String()
	for _, c := range []struct {
		name string
		v    rules.Verdict
		want string
		json callAnswer
	}{
		{
			"allow", rules.Verdict{},
			"1 allow\n\n\n" + id + "\n\n\n\n\n\n",
			callAnswer{Version: 1, Action: "allow", ID: id},
		},
		{
			"allow with a mark, and what does not belong there",
			rules.Verdict{Label: "Spam likely ½", Withhold: true, Code: 603, Phrase: "x\n", Reason: []byte("y\n"), Retry: time.Second, Target: "z\n"},
			"1 allow\n\n\n" + id + "\n\n\nSpam likely ½\nwithhold\n\n",
			callAnswer{Version: 1, Action: "allow", ID: id, Label: "Spam likely ½", Withhold: true},
		},
		{
			"block", rules.Verdict{Action: rules.Block, Code: 603, Phrase: "Network Blocked", Reason: []byte(`SIP;cause=603;text="v=analytics1"`), Target: "x"},
			"1 block\n603\nNetwork Blocked\n" + id + "\nSIP;cause=603;text=\"v=analytics1\"\n\n\n\n\n",
			callAnswer{Version: 1, Action: "block", Code: 603, Phrase: "Network Blocked", ID: id, Reason: `SIP;cause=603;text="v=analytics1"`},
		},
		{
			"block for a while", rules.Verdict{Action: rules.Block, Code: 480, Phrase: "Temporarily Unavailable", Retry: 1500 * time.Millisecond},
			"1 block\n480\nTemporarily Unavailable\n" + id + "\n\n2\n\n\n\n",
			callAnswer{Version: 1, Action: "block", Code: 480, Phrase: "Temporarily Unavailable", ID: id, RetryAfter: 2},
		},
		{
			"divert", rules.Verdict{Action: rules.Divert, Target: "sip:ivr@example.net", Label: "x", Withhold: true},
			"1 divert\n\n\n" + id + "\n\n\nx\nwithhold\nsip:ivr@example.net\n",
			callAnswer{Version: 1, Action: "divert", ID: id, Label: "x", Withhold: true, Target: "sip:ivr@example.net"},
		},
	} {
		c.v.ID = decisionID
		if !writable(&c.v) {
			t.Errorf("%s: not writable", c.name)
		}
		if got := string(appendLines(nil, &c.v)); got != c.want || strings.Count(got, "\n") != 9 {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		var got callAnswer
		if err := json.Unmarshal(appendJSON(nil, &c.v), &got); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.json, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
	}
}

// TestUnwritable holds that no verdict can forge a line or a header.
func TestUnwritable(t *testing.T) {
	block := rules.Verdict{ID: decisionID, Action: rules.Block, Code: 603, Phrase: "Decline", Reason: []byte("Q.850;cause=21")}
	divert := rules.Verdict{ID: decisionID, Action: rules.Divert, Target: "sip:a@b"}
	for _, c := range []struct {
		name  string
		v     rules.Verdict
		spoil func(*rules.Verdict)
	}{
		{"a line break in the phrase", block, func(v *rules.Verdict) { v.Phrase = "a\nb" }},
		{"a CR in the reason", block, func(v *rules.Verdict) { v.Reason = []byte("a\rContact: x") }},
		{"a NUL in the reason", block, func(v *rules.Verdict) { v.Reason = []byte("\x00") }},
		{"a tab in the label", block, func(v *rules.Verdict) { v.Label = "a\tb" }},
		{"a DEL in the target", divert, func(v *rules.Verdict) { v.Target = "sip:a\x7f" }},
		{"no target", divert, func(v *rules.Verdict) { v.Target = "" }},
		{"no phrase", block, func(v *rules.Verdict) { v.Phrase = "" }},
		{"no code", block, func(v *rules.Verdict) { v.Code = 0 }},
		{"a code of success", block, func(v *rules.Verdict) { v.Code = 200 }},
		{"a code beyond SIP", block, func(v *rules.Verdict) { v.Code = 700 }},
		{"no id", block, func(v *rules.Verdict) { v.ID = rules.ID{} }},
		{"a line break in the id", divert, func(v *rules.Verdict) { v.ID[19] = '\n' }},
		{"an unknown action", divert, func(v *rules.Verdict) { v.Action = rules.Divert + 1 }},
	} {
		if !writable(&c.v) {
			t.Fatalf("%s: not writable before", c.name)
		}
		if c.spoil(&c.v); writable(&c.v) {
			t.Errorf("%s: writable", c.name)
		}
	}
	r := newRig(t, Options{})
	for _, accept := range []string{"*/*", applicationJSON} {
		a := r.post(t, callPath, sipType, invite(forger), "Accept: "+accept)
		if a.status != 503 || a.body != "ringfence: the verdict can't be put into an answer\n" {
			t.Errorf("%s: %d %q", accept, a.status, a.body)
		}
	}
	if n := r.Counters().Unwritable.Load(); n != 2 {
		t.Errorf("%d counted, want 2", n)
	}
}
