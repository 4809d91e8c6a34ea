package rules

import "fmt"

// listUse is a rule that ends the evaluation when a list has a row.
type listUse struct {
	rule *Rule
	of   string // the party that is looked for: caller, callee, diverted_by or source
	sure bool   // a row is all it takes
}

// usesOf are the rules at work that end the evaluation by a row of each list.
func (rs *Ruleset) usesOf() map[*List][]listUse {
	uses := map[*List][]listUse{}
	for _, r := range rs.rules {
		if r.Mode != Enforce || !r.Ends {
			continue
		}
		r.condition.walk(true, func(c *condition, positive bool) {
			if c.list != nil && positive {
				uses[c.list] = append(uses[c.list], listUse{r, partyOf(c.reads[0].source), c == r.condition || r.condition.op == isOr && c.among(r.condition.parts)})
			}
		})
	}
	return uses
}

func (c *condition) among(parts []*condition) bool {
	for _, p := range parts {
		if p == c {
			return true
		}
	}
	return false
}

// partyOf is the party whose number or address an attribute is.
func partyOf(attribute string) string {
	switch attribute {
	case "callers", "network", "presentation":
		return "caller"
	}
	return attribute
}

// does is what becomes of a call by the rule and a row of the list.
func (u listUse) does(l *List) string {
	if u.rule.Listed {
		return "block: " + l.Why.String()
	}
	return u.rule.does()
}

// verdict is what comes of a number that is in two lists.
type verdict struct {
	text   string // empty: the lists never say two things of one call
	counts *List  // which of the two does; nil when that depends
}

// clash is the verdict on a number that is in both lists.
func clash(a, b *List, uses map[*List][]listUse) verdict {
	if a.Per != b.Per {
		return verdict{}
	}
	for _, x := range uses[a] {
		for _, y := range uses[b] {
			if x.of != y.of || x.rule == y.rule || x.does(a) == y.does(b) {
				continue
			}
			first, l := x, a
			if y.rule.number < x.rule.number {
				first, l = y, b
			}
			if first.sure {
				return verdict{fmt.Sprintf("list %q counts, by rule %q before rule %q", l.Name, first.rule.ID, x.rule.other(y.rule, first.rule).ID), l}
			}
			return verdict{fmt.Sprintf("which one counts depends on the call: %s or %s", x.does(a), y.does(b)), nil}
		}
	}
	return verdict{}
}

// other is the one of two rules that is not r.
func (r *Rule) other(b, not *Rule) *Rule {
	if r == not {
		return b
	}
	return r
}
