package rules

import (
	"fmt"
	"strconv"
	"strings"
)

func status(code int, phrase string) string { return strconv.Itoa(code) + " " + phrase }

var guardNames = [...]string{"", "emergency call", "callback of an emergency service"}

// String says in words why the call passed.
func (g Guard) String() string { return guardNames[g] }

// String is the explanation for people: the call, the rules, the answer.
func (x *Explanation) String() string {
	var b strings.Builder
	b.WriteString("call\n")
	for _, r := range x.Call {
		if r.Value != "" {
			fmt.Fprintf(&b, "  %-13s %s\n", r.Name, r.Value)
		}
	}
	if x.UnknownTrunk != "" {
		fmt.Fprintf(&b, "  trunk %q is not configured: no trunk, not trusted\n", x.UnknownTrunk)
	}
	switch {
	case x.Generation == 0:
		b.WriteString("no rules are loaded: every call passes\n")
	case x.Guard != "":
		fmt.Fprintf(&b, "no rule is asked: %s\n", x.Guard)
	default:
		b.WriteString("rules\n")
	}
	for i := range x.Rules {
		x.Rules[i].write(&b)
	}
	if len(x.Overruled) > 0 {
		fmt.Fprintf(&b, "overruled\n  %s\n", strings.Join(x.Overruled, ", "))
	}
	x.Verdict.write(&b, x.Mode)
	return b.String()
}

func (t *Trial) write(b *strings.Builder) {
	outcome := "no match"
	switch {
	case t.Mode == Off:
		outcome = "off"
	case t.Skipped:
		outcome = "skipped by the index"
	case t.Matched && t.After:
		outcome = "matches, but the evaluation had ended"
	case t.After:
		outcome = "not asked, does not match"
	case t.Matched && t.Mode == Monitor:
		outcome = "MATCH, monitored only"
	case t.Matched:
		outcome = "MATCH"
	}
	fmt.Fprintf(b, "  %s (%s:%d): %s → %s\n", t.Rule, t.File, t.Line, outcome, t.Does)
	if t.Mode == Off || t.Skipped {
		return
	}
	for _, p := range t.Parts {
		fmt.Fprintf(b, "    %s %s\n", yesNo(p.Holds), p.Text)
		for _, test := range p.Tests {
			fmt.Fprintf(b, "      %s %s\n", yesNo(test.Holds), test.Text)
		}
	}
	for _, r := range t.Reads {
		fmt.Fprintf(b, "        %s = %q\n", r.Name, r.Value)
	}
	if r := t.Row; r != nil {
		fmt.Fprintf(b, "    row %s in list %s (%s:%d)", r.Pattern, r.List, r.File, r.Line)
		for _, item := range [...]struct{ name, value string }{{"why", r.Why.String()}, {"source", r.Source}, {"note", r.Note}} {
			if item.value != "" {
				fmt.Fprintf(b, ", %s: %s", item.name, item.value)
			}
		}
		if !r.Expires.IsZero() {
			fmt.Fprintf(b, ", expires %s", r.Expires.Format("2006-01-02 15:04:05 MST"))
		}
		b.WriteByte('\n')
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no "
}

func (v *Explained) write(b *strings.Builder, mode Mode) {
	b.WriteString("verdict\n  " + v.Action)
	if v.Rule != "" {
		b.WriteString(" by rule " + v.Rule)
	}
	if v.Why != "" {
		b.WriteString(", why: " + v.Why)
	}
	b.WriteByte('\n')
	if v.Status != "" {
		fmt.Fprintf(b, "  SIP/2.0 %s\n", v.Status)
	}
	if v.Reason != "" {
		fmt.Fprintf(b, "  Reason: %s\n", v.Reason)
	}
	if v.Retry != 0 {
		fmt.Fprintf(b, "  Retry-After: %d\n", v.Retry)
	}
	if v.Target != "" {
		fmt.Fprintf(b, "  to %s\n", v.Target)
	}
	if v.Label != "" {
		fmt.Fprintf(b, "  label: %s\n", v.Label)
	}
	if v.Withhold {
		b.WriteString("  the caller's number is withheld\n")
	}
	if len(v.Monitored) > 0 {
		fmt.Fprintf(b, "  would have stopped it: %s", strings.Join(v.Monitored, ", "))
		if mode == Monitor {
			b.WriteString(" (mode: monitor alters no call)")
		}
		b.WriteByte('\n')
	}
}
