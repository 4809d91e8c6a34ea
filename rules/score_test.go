package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScore(t *testing.T) {
	const scored = `{id: ask, when: 'score >= 50', block: subscriber}`
	tests := []struct {
		name, rules, want string
		points            []Points
		mode              Mode
	}{
		{"adds up", rulesOf("{id: a, when: true, score: 30, reason: one}", "{id: b, when: true, score: 20, note: two}", scored),
			"block ask 607 Unwanted", []Points{{"a", 30, "one"}, {"b", 20, "two"}}, Enforce},
		{"below", rulesOf("{id: a, when: true, score: 30, reason: one}", "{id: b, when: true, score: 19, reason: two}", scored),
			"allow", []Points{{"a", 30, "one"}, {"b", 19, "two"}}, Enforce},
		{"for the caller", rulesOf("{id: a, when: true, score: 60, reason: one}", "{id: b, when: true, score: -20, reason: two}", scored),
			"allow", []Points{{"a", 60, "one"}, {"b", -20, "two"}}, Enforce},
		{"only what comes before", rulesOf(scored, "{id: a, when: true, score: 60, reason: one}"), "allow", []Points{{"a", 60, "one"}}, Enforce},
		{"with a label", rulesOf("{id: a, when: true, score: 60, reason: one, label: Spam}"), "allow [Spam]", []Points{{"a", 60, "one"}}, Enforce},
		{"a rule in monitor gives none", rulesOf("{id: a, when: true, score: 60, reason: one, mode: monitor}", scored), "allow", nil, Enforce},
		{"with the daemon in monitor", rulesOf("{id: a, when: true, score: 60, reason: one}", "{id: m, when: true, score: 60, reason: one, mode: monitor}", scored),
			"allow ~ask", []Points{{"a", 60, "one"}}, Monitor},
		{"asked with the index", rulesOf("{id: a, when: 'caller == \"+12122000000\"', score: 60, reason: one}", "{id: ask, when: 'callee == \"+12025550123\" and score > 59.5 and score != 61', block: subscriber}"),
			"block ask 607 Unwanted", []Points{{"a", 60, "one"}}, Enforce},
		{"none is known", rulesOf("{id: a, when: 'score == 0', block: subscriber}"), "block a 607 Unwanted", nil, Enforce},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := running(t, Options{CacheBytes: 1 << 20}, compiled(t, Settings{Mode: tt.mode}, "rules.yaml", tt.rules))
			call := testCall("+12122000000", "+12025550123")
			v := decided(e, call)
			if got := words(v); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if diff := cmp.Diff(tt.points, v.Points()); diff != "" {
				t.Errorf("points (-want +got):\n%s", diff)
			}
			sum := 0
			for _, p := range tt.points {
				sum += p.Points
			}
			if v.Score != sum {
				t.Errorf("score %d, want %d", v.Score, sum)
			}
			x := e.Explain(call)
			if diff := cmp.Diff(tt.points, x.Verdict.Scores); diff != "" || x.Verdict.Score != sum {
				t.Errorf("explained (-want +got): %d\n%s", x.Verdict.Score, diff)
			}
			if sum != 0 && !strings.Contains(x.String(), fmt.Sprintf("\n  score: %d\n    %+d by rule a: one\n", sum, tt.points[0].Points)) {
				t.Errorf("explanation:\n%s", x)
			}
		})
	}
}

// The sum is held at its bounds for rules that read it, and not on the way.
func TestScoreIsBounded(t *testing.T) {
	var rules []string
	for i := range 30 {
		rules = append(rules, fmt.Sprintf("{id: up%d, when: true, score: 100, reason: x}", i))
	}
	rules = append(rules, "{id: top, when: 'score == 1000', label: top}")
	for i := range 25 {
		rules = append(rules, fmt.Sprintf("{id: down%d, when: true, score: -100, reason: x}", i))
	}
	rules = append(rules, "{id: ask, when: 'score == 500', withhold: true}")
	v := decided(running(t, Options{}, compiled(t, Settings{}, "rules.yaml", rulesOf(rules...))), testCall("+12122000000", "+12025550123"))
	if got := words(v); got != "allow [top] withhold" || v.Score != 500 || len(v.Scores) != 55 {
		t.Errorf("%s, score %d of %d", got, v.Score, len(v.Scores))
	}
}

func TestLintScoreAndTrial(t *testing.T) {
	rs := compiled(t, Settings{Country: "US", Trunks: []Trunk{testTrunk(t, "pbx", "192.0.2.0/24", false)}}, "rules.yaml", rulesOf(
		"{id: early, when: 'score > 10', label: x}",
		"{id: gives, when: withheld, score: 10, reason: x}",
		"{id: first, when: 'trunk == \"pbx\" and score > 10', block: subscriber}",
		"{id: second, when: 'trunk == \"pbx\" and score > 10', block: subscriber}", // the score may have grown
		"{id: part, when: 'account == \"a\"', block: subscriber, rollout: 10%}",
		"{id: whole, when: 'account == \"a\"', block: subscriber, limit: 5 per 1m}",
		"{id: rest, when: 'account == \"a\"', label: x}",
		"{id: watched, when: 'account == \"b\"', block: subscriber, rollout: 10%, limit: 5 per 1m, mode: monitor}",
		"{id: off, when: 'account == \"b\"', block: subscriber, rollout: 10%, mode: 'off'}",
		"{id: vain, when: withheld, score: 10, reason: x}"))
	var got []string
	for _, w := range rs.Warnings() {
		if w.Subject != "trunks" {
			got = append(got, strings.TrimPrefix(w.Error(), w.File+":"))
		}
	}
	want := []string{
		`2:10: rule "early": asks for the score, and no rule before it gives any (put it after the rules that do)`,
		`9:62: rule "watched": rollout: says nothing with mode: monitor, in which it does nothing to any call (take out mode: or rollout:)`,
		`9:76: rule "watched": limit: says nothing with mode: monitor, in which it does nothing to any call (take out mode: or limit:)`,
		`10:58: rule "off": rollout: says nothing with mode: off, in which it does nothing to any call (take out mode: or rollout:)`,
		`11:10: rule "vain": gives a score that no rule after it asks for (write a rule with score >= … after it)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
