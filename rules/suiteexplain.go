package rules

import (
	"fmt"
	"strings"
)

// candidatesShown bounds how many rules that could have done what was wanted are
// told of.
const candidatesShown = 3

// because says in a few lines how the engine came to its verdict, and why the
// rule that was wanted did not: the one named, or those that would stop a call
// for the reason wanted.
func because(x *Explanation, w *wanted) (lines []string) {
	if x.Guard != "" {
		return []string{"no rule was asked: " + x.Guard}
	}
	decided := false
	for i := range x.Rules {
		t := &x.Rules[i]
		switch {
		case t.Ended:
			decided = true
			lines = append(lines, fmt.Sprintf("rule %s (%s:%d) decided: %s", t.Rule, t.File, t.Line, t.When))
			if row := t.Row; row != nil {
				lines = append(lines, "by "+row.String())
			}
		case t.wentOn():
			lines = append(lines, fmt.Sprintf("rule %s (%s:%d) went on with %s: %s", t.Rule, t.File, t.Line, t.Does, t.When))
		}
	}
	if !decided {
		lines = append(lines, "no rule decided")
	}
	shown := 0
	for i := range x.Rules {
		t := &x.Rules[i]
		if t.Ended || t.wentOn() || w == nil || shown == candidatesShown || !w.couldBe(t) {
			continue
		}
		shown++
		lines = append(lines, t.whyNot())
	}
	return lines
}

// wentOn tells whether the rule marked the call and let it go on.
func (t *Trial) wentOn() bool {
	return t.Matched && !t.Ended && !t.After && t.Mode == Enforce && t.Held == ""
}

// couldBe tells whether a rule would have done what was wanted.
func (w *wanted) couldBe(t *Trial) bool {
	if w.rule != "" || len(w.monitored) > 0 {
		return t.Rule == w.rule || containsWord(w.monitored, t.Rule)
	}
	return w.action != Allow && t.Does == verdictWords(w.action, w.why, w.target)
}

// whyNot says why a rule did not decide.
func (t *Trial) whyNot() string {
	rule := fmt.Sprintf("rule %s (%s:%d) ", t.Rule, t.File, t.Line)
	switch {
	case t.Mode == Off:
		return rule + "is off"
	case t.Matched && t.Mode == Monitor:
		return rule + "matches, but in monitor"
	case t.Matched && t.Held != "":
		return rule + "matches, but in monitor: " + t.Held
	case t.Matched && t.After:
		return rule + "matches too, but comes later"
	}
	var parts, values []string
	for _, p := range t.Parts {
		if !p.Holds {
			parts = append(parts, p.Text)
		}
	}
	for _, r := range t.Reads {
		values = append(values, fmt.Sprintf("%s = %q", r.Name, r.Value))
	}
	rule += "does not match: " + strings.Join(parts, " and ")
	if len(values) > 0 {
		rule += "; " + strings.Join(values, ", ")
	}
	return rule
}
