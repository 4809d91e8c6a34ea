package rules

import (
	"fmt"
	"strings"
)

// readScore reads what a rule gives to the score, and what for.
func (s *source) readScore(doc *document, r *ruleDecl, f fields, subject string) {
	n := f["score"]
	if reason := f["reason"]; reason != nil {
		r.rule.Reason = doc.text(reason, subject)
		if message := labelFault(r.rule.Reason); r.rule.Reason != "" && message != "" {
			s.d.at(reason.at, subject, "reason: "+strings.Replace(message, "a label", "a reason", 1), "")
		}
		if n == nil {
			s.d.at(reason.key, subject, "reason is for score", "take it out, or write note:")
		}
	}
	if n == nil {
		return
	}
	points, ok := doc.integer(n, subject)
	if ok && (points == 0 || points < -maxPoints || points > maxPoints) {
		s.d.at(n.at, subject, fmt.Sprintf("score: %d is no number of points", points), fmt.Sprintf("%d to %d, and not 0", -maxPoints, maxPoints))
	}
	r.rule.Points = points
	if r.rule.Reason == "" && f["reason"] == nil {
		if r.rule.Reason = r.rule.Note; r.rule.Note == "" && f["note"] == nil {
			s.d.at(n.key, subject, "gives a score and does not say what for", `write reason: and what speaks against the caller, or for it`)
		}
	}
}

// readTrial reads for whom a rule is enforced, and up to what.
func (s *source) readTrial(doc *document, r *ruleDecl, f fields, subject string) {
	if n := f["rollout"]; n != nil {
		r.rule.rolloutAt = n.key
		if text := doc.text(n, subject); text != "" {
			var ok bool
			if r.rule.Rollout, ok = parsePercent(text); !ok {
				s.d.at(n.at, subject, fmt.Sprintf("rollout: %q is no share of callers", text), "as in 10%, from 0.1% to 100%")
			}
			if r.rule.Ends && r.rule.Action == Allow {
				s.d.at(n.key, subject, "rollout is for what a rule does to callers, and this one lets them pass", "take it out, or use mode: monitor")
			}
		}
	}
	if n := f["limit"]; n != nil {
		r.rule.limitAt = n.key
		if text := doc.text(n, subject); text != "" {
			var fault string
			if r.rule.Limit, fault = parseLimit(text); fault != "" {
				s.d.at(n.at, subject, "limit: "+fault, limitForms)
			}
			if !r.rule.Ends || r.rule.Action == Allow {
				s.d.at(n.key, subject, "limit is for rules that stop calls: block and divert", "take it out")
			}
		}
	}
}
