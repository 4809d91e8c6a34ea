package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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
		if r.Value == "" || r.Value == Unattested.String() {
			continue
		}
		fmt.Fprintf(&b, "  %-13s %s", r.Name, r.Value)
		if r.Name == "trunk" && x.Trusted {
			b.WriteString(" (trusted)")
		}
		b.WriteByte('\n')
	}
	if x.UnknownTrunk != "" {
		fmt.Fprintf(&b, "  trunk %q is not configured: no trunk, not trusted\n", x.UnknownTrunk)
	}
	if x.UnknownUpstream != "" {
		fmt.Fprintf(&b, "  upstream %q is not configured: no upstream\n", x.UnknownUpstream)
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
		outcome = "cannot match, skipped by the index"
	case t.Matched && t.After:
		outcome = "matches, but the evaluation had ended"
	case t.After:
		outcome = "not asked, does not match"
	case t.Matched && t.Mode == Monitor:
		outcome = "MATCH, monitored only"
	case t.Matched && t.Held != "":
		outcome = "MATCH, monitored only: " + t.Held
	case t.Matched:
		outcome = "MATCH"
	}
	fmt.Fprintf(b, "  %s (%s:%d, %s): %s\n", t.Rule, t.File, t.Line, t.Does, outcome)
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
		fmt.Fprintf(b, "    %s\n", r)
	}
}

// String is the row and what it says, on one line.
func (r *MatchedRow) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "row %s in list %s", r.Pattern, r.List)
	if r.Live {
		b.WriteString(" (live)")
	} else {
		fmt.Fprintf(&b, " (%s:%d)", r.File, r.Line)
	}
	for _, item := range [...]struct{ name, value string }{{"subscriber", r.Subscriber}, {"why", r.Why.String()}, {"source", r.Source},
		{"note", r.Note}, {"added", moment(r.Added)}, {"by", r.By}, {"expires", moment(r.Expires)}} {
		if item.value != "" {
			fmt.Fprintf(&b, ", %s: %s", item.name, item.value)
		}
	}
	return b.String()
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 MST")
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
	if len(v.Scores) > 0 {
		fmt.Fprintf(b, "  score: %d\n", v.Score)
		for _, p := range v.Scores {
			fmt.Fprintf(b, "    %+d by rule %s: %s\n", p.Points, p.Rule, p.Reason)
		}
	}
	if len(v.Monitored) > 0 {
		fmt.Fprintf(b, "  would have stopped it: %s", strings.Join(v.Monitored, ", "))
		if mode == Monitor {
			b.WriteString(" (mode: monitor alters no call)")
		}
		b.WriteByte('\n')
	}
	if v.Known {
		b.WriteString("  something speaks for the caller: the list of a rule that allows, own numbers, or long calls before\n")
	}
}
