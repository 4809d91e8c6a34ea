package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lint adds warnings about rules that load but hardly mean what they say.
func (rs *Ruleset) lint() {
	ending := &anchors{map[key][]*Rule{}, map[string][]*Rule{}}
	var closed *Rule // the rule that every call ends at
	for i, r := range rs.rules {
		warn := func(message, hint string) {
			rs.warnings.at(Position{r.File, r.Line, r.Column}, fmt.Sprintf("rule %q", r.ID), message, hint)
		}
		rs.lintTrial(r)
		if r.Mode == Off {
			continue
		}
		earlier := closed
		if closed == nil {
			earlier = ending.before(r)
		}
		a, b := r.condition.contradiction()
		switch {
		case closed != nil:
			warn(fmt.Sprintf("is never asked: rule %q before it ends every call", closed.ID), "")
		case r.condition.op == isFalse:
			warn("never matches", "use mode: off to keep it aside")
		case a != nil:
			warn(fmt.Sprintf("never matches: %s and %s exclude each other", a.source, b.source), "join them by or, or use mode: off to keep it aside")
		case earlier != nil:
			warn(fmt.Sprintf("never matches: rule %q before it ends every call that it could match", earlier.ID), "put it before, or take it out")
		case rs.emergencyOnly(r.condition):
			warn("could only match emergency calls, which pass before any rule is asked", "take it out")
		}
		rs.lintDirection(r, warn)
		rs.lintScore(i, warn)
		r.lintTimes(warn)
		r.lintPermitted(warn)
		r.lintUnknown(warn)
		if r.condition.op == isTrue && r.Ends && r.Action == Block && r.Mode == Enforce && !r.partial {
			warn("blocks every call that no rule before it ends", "is that meant? use mode: monitor to see what it would do")
		}
		rs.lintAllow(i, warn)
		if r.Ends && r.Mode == Enforce && !r.partial && !r.asksScore() { // the score may be another one further down
			ending.add(r)
			if closed == nil && r.condition.op == isTrue {
				closed = r
			}
		}
	}
	used := map[*List]bool{}
	for _, f := range rs.finds {
		used[f.list] = true
	}
	for _, l := range rs.lists {
		if !used[l] && !l.Own {
			rs.warnings.at(l.Pos, fmt.Sprintf("list %q", l.Name), "no rule asks for it", "")
		}
	}
	now := time.Now()
	rs.lintLists(now)
	rs.lintCalendars(now)
}

// lintAllow warns of a rule that believes what anybody can write.
func (rs *Ruleset) lintAllow(i int, warn func(message, hint string)) {
	r := rs.rules[i]
	allows := r.Ends && r.Action == Allow && r.Mode == Enforce
	if message := r.assertable(); message != "" {
		warn(message, "callers holds what an untrusted trunk asserts, write caller")
	} else if later := rs.overruled(i); allows && later != nil {
		if name := r.unverified(); name != "" {
			warn(fmt.Sprintf("allows by %s, which anybody can forge, before rule %q (%s)", name, later.ID, later.Why), "put it after, or allow by network or trunk")
		}
	}
	if allows && r.trustsSigner() && slices.ContainsFunc(rs.rules[i+1:], func(r *Rule) bool { return r.Ends && r.Action != Allow && r.Mode != Off }) {
		warn("lets calls pass for their attestation, which says who signed and not that the call is wanted", "ask for the number or the account, too, or block what is not attested instead")
	}
}

// lintDirection warns of a rule for calls of a direction that no trunk has.
func (rs *Ruleset) lintDirection(r *Rule, warn func(message, hint string)) {
	has := func(word string) bool {
		return word == "" || slices.ContainsFunc(rs.settings.Trunks, func(t Trunk) bool { return t.Direction.String() == word })
	}
	for _, part := range r.condition.conjuncts() {
		if part.op != isTest || part.access == nil || part.access.of == nil || part.access.of.source != "direction" || slices.ContainsFunc(part.access.words, has) {
			continue
		}
		which := "direction: " + strings.Join(part.access.words, " or ")
		warn("never matches: no trunk of the configuration has "+which, "write it into the trunks that such calls come from")
	}
}

// lintTimes warns of a rule for times of day that exclude each other, as when
// midnight is between them. Only a number of several zones could match it.
func (r *Rule) lintTimes(warn func(message, hint string)) {
	times := map[string][]*condition{}
	for _, part := range r.condition.conjuncts() {
		if part.op == isTest && part.minute != nil {
			of := part.reads[0].source
			times[of] = append(times[of], part)
		}
	}
	for _, of := range names(times) {
		if all := times[of]; !meetAtAMinute(all) {
			warn(fmt.Sprintf("never matches a number of one time zone: %s and %s have no minute of a day in common", all[0].source, all[len(all)-1].source),
				"join them by or for a time that goes past midnight")
		}
	}
}

// lintUnknown warns of a rule that holds, too, while a ratio is not known.
func (r *Rule) lintUnknown(warn func(message, hint string)) {
	r.condition.walk(true, func(c *condition, positive bool) {
		if c.op == isTest && !positive && slices.ContainsFunc(c.reads, func(o *operand) bool { return o.sparse }) {
			warn(fmt.Sprintf("matches, too, while there are too few calls for a ratio: not %s", c.source), "turn the comparison around in place of not")
		}
	})
}

func meetAtAMinute(all []*condition) bool {
	for minute := range 24 * 60 {
		if !slices.ContainsFunc(all, func(c *condition) bool { return !c.minute(minute) }) {
			return true
		}
	}
	return false
}

// trustsSigner tells whether r asks for an attestation or a verification, and
// not also who calls.
func (r *Rule) trustsSigner() bool {
	signed := false
	for _, part := range r.condition.conjuncts() {
		if part.op != isTest || part.access == nil || part.access.of == nil {
			continue
		}
		switch o := part.access.of; {
		case o.source == "account", o.isPlain() && o.source != "callee" && o.source != "diverted_by":
			return false
		case o.source == "attestation", o.source == "verification":
			signed = signed || !slices.Contains(part.access.words, "none")
		}
	}
	return signed
}

// emergencyOnly tells whether c can hold of emergency calls alone.
func (rs *Ruleset) emergencyOnly(c *condition) bool {
	switch c.op {
	case isAnd:
		return slices.ContainsFunc(c.parts, rs.emergencyOnly)
	case isOr:
		return !slices.ContainsFunc(c.parts, func(p *condition) bool { return !rs.emergencyOnly(p) })
	}
	return c.op == isTest && c.access != nil && c.access.kind == byNumber && c.access.of.source == "callee" &&
		!slices.ContainsFunc(c.access.numbers, func(n Number) bool { return !rs.emergency.lists(n) })
}

// overruled is the first rule after the i-th that blocks for what the caller's
// number may not do.
func (rs *Ruleset) overruled(i int) *Rule {
	for _, r := range rs.rules[i+1:] {
		if r.Mode == Enforce && r.Action == Block && (r.Why == DNO || r.Why == Administrative) {
			return r
		}
	}
	return nil
}

// assertable says how an asserted number among the callers helps who wrote it,
// empty when it does not: r allows by it, or stops a call for not having it.
func (r *Rule) assertable() (message string) {
	if !r.Ends {
		return ""
	}
	r.condition.walk(true, func(c *condition, positive bool) {
		for _, o := range c.reads {
			switch {
			case !o.set:
			case r.Action == Allow && positive:
				message = fmt.Sprintf("allows by %s, to which anybody can add a number", o.source)
			case r.Action != Allow && !positive:
				message = fmt.Sprintf("stops no call to whose %s the right number is added, which anybody can do", o.source)
			}
		}
	})
	return message
}

// unverified is the attribute by which r lets calls pass though the caller
// chooses it freely, empty when something else is asked for, too.
func (r *Rule) unverified() string {
	name, verified := "", false
	for _, part := range r.condition.conjuncts() {
		free := ""
		part.walk(true, func(c *condition, _ bool) {
			for _, o := range c.reads {
				switch {
				case o.source == "caller", o.source == "callers", o.source == "presentation", o.numbers != "" && o.numbers != "network" && o.numbers != "callee",
					o.source == "display_name", o.source == "user_agent", strings.HasPrefix(o.source, "header("):
					free = o.source
				default:
					verified = verified || part.op == isTest
				}
			}
		})
		if free != "" {
			name = free
		}
	}
	if verified {
		return ""
	}
	return name
}
