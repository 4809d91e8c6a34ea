package rules

import (
	"fmt"
	"strings"
)

// lint adds warnings about rules that load but hardly mean what they say.
func (rs *Ruleset) lint() {
	var closed *Rule // the rule that every call ends at
	for i, r := range rs.rules {
		at := Position{r.File, r.Line, r.Column}
		subject := fmt.Sprintf("rule %q", r.ID)
		if closed != nil && r.Mode != Off {
			rs.warnings.at(at, subject, fmt.Sprintf("is never asked: rule %q before it ends every call", closed.ID), "")
		}
		if r.Mode == Off {
			continue
		}
		if r.condition.op == isFalse {
			rs.warnings.at(at, subject, "never matches", "use mode: off to keep it aside")
		}
		if closed == nil && r.Ends && r.Mode == Enforce && r.condition.op == isTrue {
			closed = r
		}
		if message := r.assertable(); message != "" {
			rs.warnings.at(at, subject, message, "callers holds what an untrusted trunk asserts, write caller")
		} else if later := rs.overruled(i); r.Ends && r.Action == Allow && r.Mode == Enforce && later != nil {
			if name := r.unverified(); name != "" {
				rs.warnings.at(at, subject, fmt.Sprintf("allows by %s, which anybody can forge, before rule %q (%s)", name, later.ID, later.Why), "put it after, or allow by network or trunk")
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
