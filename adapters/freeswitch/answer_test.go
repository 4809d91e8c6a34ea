package freeswitch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringfence/rules"
)

var decisionID = rules.ID([]byte("0123456789abcdefghjk"))

func TestAnswer(t *testing.T) {
	spam := &rules.Rule{ID: "spam"}
	for _, c := range []struct {
		name    string
		display string
		channel channel
		v       rules.Verdict
		want    []string
		respond string
	}{
		{name: "allow", want: []string{"ringfence_id=0123456789abcdefghjk", "ringfence_verdict=allow"}},
		{
			name: "label", display: "Alice", v: rules.Verdict{Label: "Spam likely", Rule: spam},
			want: []string{"ringfence_id=0123456789abcdefghjk", "ringfence_rule=spam", "sip_h_X-Ringfence-Label=Spam likely", "effective_caller_id_name=[Spam likely] Alice", "ringfence_verdict=allow"},
		},
		{
			name: "label of one without a name", v: rules.Verdict{Label: "Spam"},
			want: []string{"ringfence_id=0123456789abcdefghjk", "sip_h_X-Ringfence-Label=Spam", "effective_caller_id_name=[Spam]", "ringfence_verdict=allow"},
		},
		{
			name: "withhold", display: "Alice", v: rules.Verdict{Withhold: true, Label: "Spam"},
			want: []string{"ringfence_id=0123456789abcdefghjk", "sip_copy_custom_headers=false", "effective_caller_id_number=anonymous", "ringfence_withhold=true", "effective_caller_id_name=[Spam] Anonymous", "ringfence_verdict=allow"},
		},
		{
			name: "withhold alone", display: "Alice", v: rules.Verdict{Withhold: true},
			want: []string{"ringfence_id=0123456789abcdefghjk", "sip_copy_custom_headers=false", "effective_caller_id_number=anonymous", "ringfence_withhold=true", "effective_caller_id_name=Anonymous", "ringfence_verdict=allow"},
		},
		{
			name: "a label that the caller gave himself", channel: variables("sip_h_X-Ringfence-Label: Friend"),
			want: []string{"ringfence_id=0123456789abcdefghjk", "sip_h_X-Ringfence-Label=", "ringfence_verdict=allow"},
		},
		{
			name: "divert to a name with a quote", v: rules.Verdict{Action: rules.Divert, Target: "sip:o'brien@example.net"},
			want: []string{"ringfence_id=0123456789abcdefghjk", "ringfence_target=sip:o%27brien@example.net", "ringfence_verdict=divert"},
		},
		{
			name: "divert", v: rules.Verdict{Action: rules.Divert, Target: "sip:ivr@example.net"},
			want: []string{"ringfence_id=0123456789abcdefghjk", "ringfence_target=sip:ivr@example.net", "ringfence_verdict=divert"},
		},
		{
			name: "block", v: rules.Verdict{Action: rules.Block, Why: rules.Analytics, Code: 603, Phrase: "Network Blocked", Reason: []byte(`SIP;cause=603;text="v=analytics1;id=1";location=RLN`), Rule: spam, Label: "x", Target: "y"},
			want: []string{"ringfence_id=0123456789abcdefghjk", "ringfence_rule=spam", "ringfence_why=analytics", "ringfence_status=603", "ringfence_phrase=Network Blocked",
				"disable_q850_reason=false", `sip_reason=SIP;cause=603;text="v=analytics1;id=1";location=RLN`, "ringfence_verdict=block"},
			respond: "603 Network Blocked",
		},
		{
			name: "block for a while", v: rules.Verdict{Action: rules.Block, Why: rules.Pacing, Code: 480, Phrase: "Temporarily Unavailable", Reason: []byte("Q.850;cause=42;text=\"$^\\\""), Retry: 1500 * time.Millisecond},
			want: []string{"ringfence_id=0123456789abcdefghjk", "ringfence_why=pacing", "ringfence_status=480", "ringfence_phrase=Temporarily Unavailable",
				"disable_q850_reason=false", "sip_reason=Q.850;cause=42;text=\"%24%5E%5C\"", "sip_rh_Retry-After=2", "ringfence_verdict=block"},
			respond: "480 Temporarily Unavailable",
		},
	} {
		c.v.ID = decisionID
		var a Answer
		for range 2 { // it may be reused
			if err := a.Set(&rules.Call{From: rules.Identity{Display: c.display}, Headers: headers{c.channel}}, &c.v); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		var got []string
		for _, p := range a.Pairs() {
			got = append(got, p.Name+"="+string(p.Value))
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := string(a.AppendRespond(nil)); got != c.respond {
			t.Errorf("%s: respond %q, want %q", c.name, got, c.respond)
		}
		if got, want := string(a.AppendMultiset(nil)), "^^\x1f"+strings.Join(c.want, "\x1f"); got != want {
			t.Errorf("%s: multiset %q, want %q", c.name, got, want)
		}
	}
}

func TestAnswerUnwritable(t *testing.T) {
	block := rules.Verdict{ID: decisionID, Action: rules.Block, Code: 603, Phrase: "Decline", Reason: []byte("Q.850;cause=21")}
	divert := rules.Verdict{ID: decisionID, Action: rules.Divert, Target: "sip:a@b"}
	for _, c := range []struct {
		name  string
		v     rules.Verdict
		spoil func(*rules.Verdict)
	}{
		{"a line break in the phrase", block, func(v *rules.Verdict) { v.Phrase = "a\nb" }},
		{"a CR in the reason", block, func(v *rules.Verdict) { v.Reason = []byte("a\rb") }},
		{"a variable in the phrase", block, func(v *rules.Verdict) { v.Phrase = "${a}" }},
		{"an escape in the phrase", block, func(v *rules.Verdict) { v.Phrase = `a\'b` }},
		{"a delimiter in the phrase", block, func(v *rules.Verdict) { v.Phrase = "a^hangup:" }},
		{"no reason", block, func(v *rules.Verdict) { v.Reason = nil }},
		{"no phrase", block, func(v *rules.Verdict) { v.Phrase = "" }},
		{"no code", block, func(v *rules.Verdict) { v.Code = 0 }},
		{"a code of success", block, func(v *rules.Verdict) { v.Code = 200 }},
		{"a code beyond SIP", block, func(v *rules.Verdict) { v.Code = 700 }},
		{"a line break in the target", divert, func(v *rules.Verdict) { v.Target = "sip:a@b\n" }},
		{"no target", divert, func(v *rules.Verdict) { v.Target = "" }},
		{"no id", block, func(v *rules.Verdict) { v.ID = rules.ID{} }},
		{"an unknown action", divert, func(v *rules.Verdict) { v.Action = rules.Divert + 1 }},
		{"a rule with a variable for a name", block, func(v *rules.Verdict) { v.Rule = &rules.Rule{ID: "$${a}"} }},
	} {
		var a Answer
		if err := a.Set(&rules.Call{}, &c.v); err != nil {
			t.Fatalf("%s: %v before", c.name, err)
		}
		if c.spoil(&c.v); a.Set(&rules.Call{}, &c.v) == nil {
			t.Errorf("%s: written as %q", c.name, a.AppendMultiset(nil))
		}
		if len(a.Pairs()) > 0 {
			t.Errorf("%s: pairs of no answer", c.name)
		}
	}
}

// TestName holds that a display name is nothing but text, in every mode.
func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"Alice":                          "Alice",
		"O'Brien":                        "O’Brien",
		"Zoë 田中":                         "Zoë 田中",
		"${system(touch /tmp/x)}":        "  system(touch  tmp x) ",
		`$\'{system(touch /tmp/x)}`:      "  ’ system(touch  tmp x) ",
		"$${hostname}":                   "   hostname ",
		"^^:a:b":                         "   a b",
		"a:b":                            "a b",
		"sip:a/b@c":                      "sip a b c",
		"%24%7Ba%7D":                     " 24 7Ba 7D",
		"','":                            "’,’",
		"a\r\nb\x00c\x7f":                "a  b c ",
		"a\u0085b\u2028c":                "a b c",
		`"a" <b>`:                        " a   b ",
		"\xff\xfe":                       "??",
		strings.Repeat("ab", nameLength): strings.Repeat("ab", nameLength/2),
		"%[a=b]":                         " [a=b]",
	} {
		got := appendName(nil, name)
		if string(got) != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
		if !isSafe(got) {
			t.Errorf("%q: %q is not safe", name, got)
		}
	}
}

func TestAnswerAllocatesNothing(t *testing.T) {
	c := rules.Call{From: rules.Identity{Display: `O'Brien ${a}`}}
	block := rules.Verdict{ID: decisionID, Action: rules.Block, Why: rules.Analytics, Code: 603, Phrase: "Network Blocked", Reason: []byte(`SIP;cause=603`), Rule: &rules.Rule{ID: "spam"}}
	label := rules.Verdict{ID: decisionID, Label: "Spam"}
	var a Answer
	var out []byte
	if got := testing.AllocsPerRun(100, func() {
		for _, v := range []*rules.Verdict{&block, &label} {
			if a.Set(&c, v) != nil {
				t.Fatal("unwritable")
			}
			out = a.AppendRespond(a.AppendMultiset(out[:0]))
		}
	}); got > 0 {
		t.Errorf("%v allocations", got)
	}
}
