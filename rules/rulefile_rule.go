package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

func (s *source) readRule(doc *document, e *node) {
	r := ruleDecl{at: e.at}
	subject := "rule"
	if r.rule.ID = valueOf(e, "id"); r.rule.ID != "" {
		subject = r.subject()
	}
	f, ok := doc.fields(e, subject, ruleKeys)
	if !ok {
		return
	}
	id := doc.text(f["id"], subject)
	switch {
	case f.lacks("id"):
		s.d.at(e.at, "rule", "has no id", "every rule needs one: it names the rule in verdicts, counts and explanations")
	case id != "" && !isName(id):
		s.d.at(f["id"].at, subject, "an id is letters, digits, dots, dashes and underscores, at most 64", "")
	}
	if f["id"] != nil {
		r.at = f["id"].at
	}
	r.rule.File, r.rule.Line, r.rule.Column = r.at.File, r.at.Line, r.at.Column
	if f.lacks("when") {
		s.d.at(r.at, subject, "has no when", "write when: and a condition; when: true matches every call")
	} else if f["when"] != nil {
		r.when = doc.scalar(f["when"], subject)
		r.rule.When = r.when.text
	}
	r.rule.Note = doc.text(f["note"], subject)
	if word := doc.text(f["mode"], subject); word != "" {
		var err error
		if r.rule.Mode, err = ParseMode(word); err != nil {
			s.d.at(f["mode"].at, subject, fmt.Sprintf("unknown mode %q", word), didYouMean(word, modeNames))
		}
	}
	s.readActions(doc, &r, f, subject)
	s.readScore(doc, &r, f, subject)
	s.readTrial(doc, &r, f, subject)
	s.rules = append(s.rules, r)
}

// valueOf is the text of a key, to name a rule or test in findings about its
// other keys.
func valueOf(e *node, name string) string {
	if m, ok := e.raw.(ast.MapNode); ok {
		for i := m.MapRange(); i.Next(); {
			if key, ok := i.Key().(*ast.StringNode); ok && key.Value == name {
				switch v := i.Value().(type) {
				case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
					return v.GetToken().Value
				}
			}
		}
	}
	return ""
}

// readActions reads what a rule does: one action that ends the evaluation, or
// marks that let it go on.
func (s *source) readActions(doc *document, r *ruleDecl, f fields, subject string) {
	var ending, going []string
	for _, k := range []string{"block", "allow", "divert"} {
		if f[k] != nil {
			ending = append(ending, k)
		}
	}
	for _, k := range []string{"label", "withhold", "score"} {
		if f[k] != nil {
			going = append(going, k)
		}
	}
	switch {
	case len(ending)+len(going) == 0 && f[unknownKey] != nil:
	case len(ending)+len(going) == 0:
		s.d.at(r.at, subject, "does nothing", "write block:, allow:, divert:, label:, withhold: or score:")
	case len(ending) > 1:
		s.d.at(f[ending[1]].key, subject, ending[0]+" and "+ending[1]+" both end the evaluation", "keep one")
	case len(ending) == 1 && len(going) > 0:
		s.d.at(f[going[0]].key, subject, going[0]+" goes on and "+ending[0]+" ends the evaluation", "put "+going[0]+" into a rule of its own before this one")
	}
	r.rule.Ends = len(ending) > 0
	if n := f["block"]; n != nil {
		r.rule.Action, r.why = Block, n.at
		if word := doc.text(n, subject); word == "listed" {
			r.rule.Listed = true
		} else if why, ok := ParseWhy(word); ok {
			r.rule.Why = why
		} else if word != "" {
			hint := didYouMean(word, append(Whys(), "listed"))
			if strings.Trim(word, "0123456789") == "" {
				hint = "a rule says why, the SIP answer follows: " + strings.Join(Whys(), ", ") + " or listed"
			}
			s.d.at(n.at, subject, fmt.Sprintf("unknown why %q", word), hint)
		}
	}
	if n := f["allow"]; n != nil {
		doc.yes(n, subject)
	}
	if n := f["divert"]; n != nil {
		r.rule.Action = Divert
		if r.rule.Target = doc.text(n, subject); r.rule.Target != "" && !isTarget(r.rule.Target) {
			s.d.at(n.at, subject, fmt.Sprintf("%q is no sip: or sips: URI", r.rule.Target), "as in sip:ivr@pbx.example.com, without spaces, quotes and angle brackets")
		}
	}
	if n := f["label"]; n != nil {
		if r.rule.Label = doc.text(n, subject); r.rule.Label != "" {
			if message := labelFault(r.rule.Label); message != "" {
				s.d.at(n.at, subject, message, "")
			}
		}
	}
	r.rule.Withhold = doc.yes(f["withhold"], subject)
	if n := f["retry_after"]; n != nil {
		r.rule.Retry = doc.duration(n, subject)
		if r.rule.Action != Block || !retries(r.rule.Why) {
			s.d.at(n.key, subject, "retry_after is for block: hours and block: pacing", "take it out")
		} else if r.rule.Retry%time.Second != 0 {
			s.d.at(n.at, subject, "retry_after is whole seconds", "")
		}
	}
	s.readFailure(doc, r, f["failure"], subject)
}

func (s *source) readFailure(doc *document, r *ruleDecl, n *node, subject string) {
	identity := r.rule.Action == Block && r.rule.Why == IdentityPolicy
	hint := "write failure: and one of " + strings.Join(failureNames[1:], ", ")
	switch {
	case n == nil && identity:
		s.d.at(r.why, subject, "block: identity does not say what failed", hint)
	case n != nil && !identity:
		s.d.at(n.key, subject, "failure is for block: identity", "take it out")
	case n != nil:
		if word := doc.text(n, subject); word != "" {
			i := slices.Index(failureNames, word)
			if i < 0 {
				s.d.at(n.at, subject, fmt.Sprintf("unknown failure %q", word), didYouMean(word, failureNames[1:]))
				return
			}
			r.rule.Failure = Failure(i)
		}
	}
}
