package rules

import (
	"fmt"
	"slices"
)

// maxPoints bounds what a rule gives, in either direction, and maxScore what
// rules read of the sum.
const (
	maxPoints = 100
	maxScore  = 1000
)

// Contribution is what one rule gave to the score of a call.
type Contribution struct {
	Rule   *Rule // its Points and its Reason
	Points int
}

// give adds what r gives to the score. The sum itself has no bound, so that the
// order of rules does not change it.
func (r *Rule) give(f *frame, v *Verdict) {
	f.points += r.Points
	v.Score = scoreOf(f.points)
	v.Scores = append(v.Scores, Contribution{r, r.Points})
}

// scoreOf is a sum of points as rules read it.
func scoreOf(points int) int { return min(max(points, -maxScore), maxScore) }

// asksScore tells whether the condition of r reads the score.
func (r *Rule) asksScore() (asks bool) {
	r.condition.walk(true, func(c *condition, _ bool) { asks = asks || c.state == whatRulesGave })
	return asks
}

// lintScore warns of a score that nobody gives, or that nobody asks for.
func (rs *Ruleset) lintScore(i int, warn func(message, hint string)) {
	gives := func(r *Rule) bool { return r.Points != 0 && r.Mode == Enforce }
	r := rs.rules[i]
	if r.asksScore() && !slices.ContainsFunc(rs.rules[:i], gives) {
		hint := "put a rule with score: before it"
		if slices.ContainsFunc(rs.rules[i:], gives) {
			hint = "put it after the rules that do"
		}
		warn("asks for the score, and no rule before it gives any", hint)
	}
	if gives(r) && !slices.ContainsFunc(rs.rules[i+1:], func(r *Rule) bool { return r.Mode != Off && r.asksScore() }) {
		warn("gives a score that no rule after it asks for", `write a rule with score >= … after it`)
	}
}

// lintTrial warns of a rollout or a limit that says nothing.
func (rs *Ruleset) lintTrial(r *Rule) {
	if r.Mode == Enforce {
		return
	}
	for _, key := range [...]struct {
		name  string
		given bool
		at    Position
	}{{"rollout", r.Rollout != 0, r.rolloutAt}, {"limit", r.Limit != nil, r.limitAt}} {
		if key.given {
			rs.warnings.at(key.at, fmt.Sprintf("rule %q", r.ID), fmt.Sprintf("%s: says nothing with mode: %s, in which it does nothing to any call", key.name, r.Mode), "take out mode: or "+key.name+":")
		}
	}
}

// Points are what the score is made of, in words.
func (v *Verdict) Points() (all []Points) {
	for _, c := range v.Scores {
		all = append(all, c.InWords())
	}
	return all
}

// InWords is c without its rule, which a reload lets go.
func (c Contribution) InWords() Points { return Points{c.Rule.ID, c.Points, c.Rule.Reason} }
