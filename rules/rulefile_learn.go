package rules

import (
	"fmt"
	"slices"
)

// The scopes of a learned list.
var scopeWords = []string{"all", "upstream"}

// readLearn reads the declaration of a learned list.
func (s *source) readLearn(doc *document, e *node) {
	subject := fmt.Sprintf("learn %q", e.name)
	l, before := learnDecl{at: e.key, spec: LearnSpec{Name: e.name, After: 1}}, len(s.d)
	defer func() {
		l.faulty = len(s.d) > before
		s.learns = append(s.learns, l)
	}()
	f, ok := doc.fields(e, subject, learnKeys)
	if !ok {
		return
	}
	l.spec.From = doc.text(f["from"], subject)
	switch from := l.spec.From; {
	case f.lacks("from"):
		s.d.at(e.key, subject, "has no from", "write from: callee or from: caller")
	case from != "" && from != "callee" && from != "caller":
		s.d.at(f["from"].at, subject, fmt.Sprintf("cannot learn from %q", from), didYouMean(from, []string{"callee", "caller"}))
	}
	for _, n := range doc.items(f["on"], subject) {
		if code, ok := doc.integer(n, subject); ok {
			switch {
			case code < 400 || code > 699:
				s.d.at(n.at, subject, fmt.Sprintf("%d is no final failure", code), "SIP statuses from 400 to 699 teach")
			case slices.Contains(blockedCodes, code):
				s.d.at(n.at, subject, fmt.Sprintf("%d teaches no list: that a carrier blocks a number is for its owner to know, and no reason to block it everywhere", code),
					"ask blocked_upstream(caller) in a rule")
			}
			l.spec.On = append(l.spec.On, code)
		}
	}
	if f.lacks("on") {
		s.d.at(e.key, subject, "has no on", "write on: and the statuses that teach, as in [404]")
	}
	for _, n := range doc.items(f["upstream"], subject) {
		if name := doc.text(n, subject); name != "" {
			l.spec.Upstream = append(l.spec.Upstream, name)
			l.upstreams = append(l.upstreams, n.at)
		}
	}
	if f.lacks("upstream") {
		s.d.at(e.key, subject, "has no upstream", "write upstream: and the trunks whose answers are believed")
	}
	if n := f["after"]; n != nil {
		if l.spec.After, ok = doc.integer(n, subject); ok && (l.spec.After < 1 || l.spec.After > maxAfter) {
			s.d.at(n.at, subject, fmt.Sprintf("after %d calls is out of bounds", l.spec.After), fmt.Sprintf("1 to %d", maxAfter))
		}
	}
	if n := f["within"]; n != nil {
		l.spec.Within = doc.duration(n, subject)
	}
	if n := f["for"]; n != nil {
		l.spec.For = doc.duration(n, subject)
	} else if f.lacks("for") {
		s.d.at(e.key, subject, "has no for", "write for: and how long it is remembered, as in 30d")
	}
	s.readLearnScope(doc, f, subject, &l.spec)
}

// readLearnScope reads for whom a learned list counts.
func (s *source) readLearnScope(doc *document, f fields, subject string, spec *LearnSpec) {
	if word := doc.text(f["scope"], subject); word != "" {
		if !slices.Contains(scopeWords, word) {
			s.d.at(f["scope"].at, subject, fmt.Sprintf("unknown scope %q", word), didYouMean(word, scopeWords))
		}
		spec.Scoped = word == "upstream"
	}
	spec.Per = doc.text(f["per"], subject)
	others := map[string]string{"callee": "caller", "caller": "callee"}
	switch other := others[spec.From]; {
	case spec.Per == "":
		if f["within"] != nil && spec.After == 1 {
			s.d.at(f["within"].key, subject, "within says nothing of a single call", "add after: 2 or more, or take it out")
		}
		return
	case others[spec.Per] == "":
		s.d.at(f["per"].at, subject, fmt.Sprintf("cannot be per %q", spec.Per), didYouMean(spec.Per, []string{"callee", "caller"}))
	case other != "" && spec.Per != other:
		s.d.at(f["per"].at, subject, fmt.Sprintf("learns a %s and is per %s", spec.From, spec.Per), fmt.Sprintf("write per: %s, the other party of the call", other))
	}
	switch {
	case spec.Scoped:
		s.d.at(f["scope"].at, subject, "is per "+spec.Per+" and of one upstream", "what a subscriber wants is so whatever way a call goes: take out scope:")
	case spec.After != 1 && f["after"] != nil:
		s.d.at(f["after"].at, subject, "is per "+spec.Per+": one call is all it takes", "take out after:")
	case f["within"] != nil:
		s.d.at(f["within"].key, subject, "within says nothing of a single call", "take it out")
	}
}
