package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// wanted is what a test expects of a verdict. What it does not say of the
// label, the number and the rules in monitor must not happen.
type wanted struct {
	place     Position
	places    map[string]Position // of the values, by key
	action    Action
	why       Why
	target    string
	rule      string
	list      string
	status    string // "603" or "603 Network Blocked"
	reason    string // part of the Reason header
	retry     time.Duration
	label     string
	withhold  bool
	score     int
	monitored []string
}

var endingKeys = []string{"allow", "block", "divert"}

// want reads what a test expects, nil when there is none to be read.
func (r *testReader) want(n *node, subject string) *wanted {
	if n == nil {
		return nil
	}
	w := &wanted{place: n.at, places: map[string]Position{}}
	if _, ok := n.raw.(ast.MapNode); !ok {
		if word := r.text(n, subject); word == "block" || word == "divert" {
			r.d.at(n.at, subject, "want: "+word+" does not say "+map[string]string{"block": "why", "divert": "where to"}[word], "as in want: {block: dno} or want: {divert: 'sip:ivr@pbx.example.com'}")
		} else if word != "" && word != "allow" {
			r.d.at(n.at, subject, fmt.Sprintf("unknown want %q", word), didYouMean(word, endingKeys))
		}
		return w
	}
	f, ok := r.fields(n, subject, wantedKeys)
	if !ok {
		return w
	}
	for key, n := range f {
		w.places[key] = n.at
	}
	given := slices.DeleteFunc(slices.Clone(endingKeys), func(k string) bool { return f[k] == nil })
	switch {
	case len(given) == 0 && f[unknownKey] == nil:
		r.d.at(n.at, subject, "want says neither allow nor block nor divert", "write allow: true, block: WHY or divert: URI")
	case len(given) > 1:
		r.d.at(f[given[1]].key, subject, given[0]+" and "+given[1]+" cannot both come of a call", "keep one")
	case len(given) == 1:
		w.action = Action(slices.Index(endingKeys, given[0]))
	}
	r.yes(f["allow"], subject)
	if word := r.text(f["block"], subject); word != "" {
		if w.why, ok = ParseWhy(word); !ok {
			hint := didYouMean(word, Whys())
			if word == "listed" {
				hint = "write the why that the row gives"
			}
			r.d.at(f["block"].at, subject, fmt.Sprintf("unknown why %q", word), hint)
		}
	}
	w.target, w.rule, w.list = r.text(f["divert"], subject), r.text(f["rule"], subject), r.text(f["list"], subject)
	w.reason, w.label = r.text(f["reason"], subject), r.text(f["label"], subject)
	if w.status = r.text(f["status"], subject); w.status != "" && !isStatus(w.status) {
		r.d.at(f["status"].at, subject, fmt.Sprintf("status: %q is no SIP status", w.status), `as in 603 or "603 Network Blocked"`)
	}
	w.withhold = r.flag(f["withhold"], subject)
	if f["retry_after"] != nil {
		w.retry = r.duration(f["retry_after"], subject)
	}
	if n := f["score"]; n != nil {
		w.score, _ = r.integer(n, subject)
	}
	for _, n := range r.several(f["monitored"], subject) {
		if id := r.text(n, subject); id != "" {
			w.monitored = append(w.monitored, id)
		}
	}
	for _, key := range [...]string{"status", "reason", "retry_after"} {
		if f[key] != nil && w.action != Block {
			r.d.at(f[key].key, subject, key+" is for want: {block: WHY}", "")
		}
	}
	return w
}

func isStatus(s string) bool {
	code, _, _ := strings.Cut(s, " ")
	return len(code) == 3 && code >= "300" && code <= "699" && strings.Trim(code, "0123456789") == ""
}

// compare tells in what v is not what was wanted, nothing when it is.
func (w *wanted) compare(v *Verdict, subject string) (d Diagnostics) {
	differs := func(key, wanted, got string) {
		at, ok := w.places[key]
		if !ok {
			at = w.place
		}
		if wanted != got {
			d.at(at, subject, fmt.Sprintf("wanted %s, got %s", wanted, got), "")
		}
	}
	if differs(w.action.String(), verdictWords(w.action, w.why, w.target), verdictWords(v.Action, v.Why, v.Target)); len(d) > 0 {
		return d
	}
	if w.rule != "" {
		differs("rule", named("rule", w.rule), named("rule", idOfRule(v.Rule)))
	}
	if w.list != "" {
		differs("list", named("list", w.list), named("list", v.List))
	}
	if w.status != "" {
		got := status(v.Code, v.Phrase)
		if !strings.Contains(w.status, " ") {
			got, _, _ = strings.Cut(got, " ")
		}
		differs("status", "status "+w.status, "status "+got)
	}
	if w.reason != "" && !strings.Contains(string(v.Reason), w.reason) {
		differs("reason", fmt.Sprintf("a Reason with %s", w.reason), string(v.Reason))
	}
	if w.retry != 0 {
		differs("retry_after", fmt.Sprintf("Retry-After %s", w.retry), fmt.Sprintf("Retry-After %s", v.Retry))
	}
	differs("label", named("label", w.label), named("label", v.Label))
	number := map[bool]string{true: "the number withheld", false: "the number shown"}
	differs("withhold", number[w.withhold], number[v.Withhold])
	if _, ok := w.places["score"]; ok {
		differs("score", fmt.Sprintf("score %d", w.score), fmt.Sprintf("score %d", v.Score))
	}
	var monitored []string
	for _, r := range v.Monitored {
		monitored = append(monitored, r.ID)
	}
	differs("monitored", inMonitor(w.monitored), inMonitor(monitored))
	return d
}

func verdictWords(a Action, why Why, target string) string {
	switch a {
	case Block:
		return "block: " + why.String()
	case Divert:
		return "divert: " + target
	}
	return "allow"
}

func inMonitor(rules []string) string {
	if len(rules) == 0 {
		return "no match in monitor"
	}
	return "a match in monitor of " + strings.Join(rules, ", ")
}

// named is what a thing is called, or that there is none.
func named(what, name string) string {
	if name == "" {
		return "no " + what
	}
	return what + " " + name
}

func idOfRule(r *Rule) string {
	if r == nil {
		return ""
	}
	return r.ID
}
