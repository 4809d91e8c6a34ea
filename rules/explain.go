package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Explanation is how a verdict comes about: every rule in order, what it
// asked, and the SIP answer.
type Explanation struct {
	Generation      uint64    `json:"generation"`
	Mode            Mode      `json:"mode"` // of the daemon, or of the trunk when that is in monitor
	Call            []Reading `json:"call"`
	Trusted         bool      `json:"trusted"`                    // the trunk is
	UnknownTrunk    string    `json:"unknown_trunk,omitempty"`    // as the switch named it
	UnknownUpstream string    `json:"unknown_upstream,omitempty"` // likewise
	Guard           string    `json:"guard,omitempty"`            // why no rule was asked
	Rules           []Trial   `json:"rules,omitempty"`
	Verdict         Explained `json:"verdict"`
	Overruled       []string  `json:"overruled,omitempty"` // rules after the one that ended it that would have, too
}

// Reading is a value that was read.
type Reading struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Trial is what became of one rule.
type Trial struct {
	Rule    string      `json:"rule"`
	File    string      `json:"file"`
	Line    int         `json:"line"`
	When    string      `json:"when"`
	Does    string      `json:"does"`
	Mode    Mode        `json:"mode"`
	Held    string      `json:"held,omitempty"` // why it is in monitor for this call, when its mode is not
	Indexed bool        `json:"indexed"`        // the index decides whether it is asked
	Skipped bool        `json:"skipped"`        // the index left it out: it cannot match
	Matched bool        `json:"matched"`
	After   bool        `json:"after,omitempty"` // the evaluation had ended before
	Ended   bool        `json:"ended,omitempty"` // the evaluation ended here
	Parts   []TrialPart `json:"parts,omitempty"`
	Row     *MatchedRow `json:"row,omitempty"`
	Reads   []Reading   `json:"reads,omitempty"`
}

// TrialPart is one of the conditions that must all hold.
type TrialPart struct {
	Text     string `json:"text"`
	Holds    bool   `json:"holds"`
	Stateful bool   `json:"stateful,omitempty"` // it asks the clock or what was learned
	Tests    []Test `json:"tests,omitempty"`    // what it is made of, when it is more than one test
}

// Test is a single test within a condition.
type Test struct {
	Text  string `json:"text"`
	Holds bool   `json:"holds"`
}

// MatchedRow is the row of a list that matched.
type MatchedRow struct {
	List       string    `json:"list"`
	File       string    `json:"file,omitempty"` // empty for a live row
	Line       int       `json:"line,omitempty"`
	Pattern    string    `json:"pattern"`
	Subscriber string    `json:"subscriber,omitempty"`
	Why        Why       `json:"why,omitempty"`
	Source     string    `json:"source,omitempty"`
	Note       string    `json:"note,omitempty"`
	Added      time.Time `json:"added,omitzero"`
	Expires    time.Time `json:"expires,omitzero"`
	Live       bool      `json:"live,omitempty"` // added while the daemon ran
	By         string    `json:"by,omitempty"`   // who added it
}

// Explained is a verdict in words.
type Explained struct {
	ID        string   `json:"id"` // stands where a decision has its own
	Action    string   `json:"action"`
	Why       string   `json:"why,omitempty"`
	Rule      string   `json:"rule,omitempty"`
	Status    string   `json:"status,omitempty"` // as in the status line: "603 Network Blocked"
	Reason    string   `json:"reason,omitempty"`
	Retry     int      `json:"retry_after,omitempty"` // seconds
	Target    string   `json:"target,omitempty"`
	Label     string   `json:"label,omitempty"`
	Withhold  bool     `json:"withhold,omitempty"`
	Score     int      `json:"score,omitempty"`
	Scores    []Points `json:"scores,omitempty"`
	Monitored []string `json:"monitored,omitempty"` // rules that would have stopped the call
	Known     bool     `json:"known,omitempty"`     // something speaks for the caller of such a call
}

// Points are what one rule gave to the score, and what for.
type Points struct {
	Rule   string `json:"rule"`
	Points int    `json:"points"`
	Reason string `json:"reason"`
}

// noID stands in for the id of a decision, as long as one and none itself.
var noID = ID([]byte("explain-no-such-call"))

// Explain tells what Decide would say of c and how it would come to it. It
// fills c as Decide does and records nothing.
func (e *Engine) Explain(c *Call) *Explanation {
	x := &Explanation{}
	v := &Verdict{ID: noID}
	l := e.live.Load()
	if l == nil {
		x.Verdict = explained(v)
		return x
	}
	x.Generation, x.Mode = l.generation, l.set.settings.Mode
	if !l.set.derive(c) {
		x.UnknownTrunk = c.TrunkName
	}
	if c.strangeUpstream() {
		x.UnknownUpstream = c.Upstream
	}
	if l.set.monitors(c) {
		x.Mode = Monitor
	}
	x.Trusted = c.trunk != nil && c.trunk.Trusted
	f := &frame{facts: e.facts, learned: l.learned, layers: l.layers, slowed: e.slowed.Load(), blocks: e.blocks, reports: e.reports.events, working: l}
	f.start(c, l.set)
	f.history.start(&l.counting, l.set.answers)
	e.asked(c, &f.history)
	for i := range attributes {
		if attributes[i].state == "" { // it is the call's own
			x.Call = append(x.Call, reading(&attributes[i], f))
		}
	}
	if v.Guard = l.set.guard(c); v.Guard != Unguarded {
		x.Guard = v.Guard.String()
		x.Verdict = explained(v)
		return x
	}
	x.try(l, f, v)
	v.Known = len(v.Monitored) > 0 && f.knownGood()
	x.Verdict = explained(v)
	return x
}

// try asks every rule, also those that the index leaves out and those after
// the end.
func (x *Explanation) try(l *live, f *frame, v *Verdict) {
	var hits []uint32
	for _, d := range l.set.index.dimensions {
		hits = d.hit(f, hits)
	}
	candidates := map[int32]bool{}
	for _, list := range l.set.index.lists(nil, hits) {
		for _, n := range list {
			candidates[n] = true
		}
	}
	ended := false
	for _, r := range l.set.rules {
		t := Trial{Rule: r.ID, File: r.File, Line: r.Line, When: r.When, Does: r.does(), Mode: r.Mode,
			Indexed: r.Indexed, Skipped: r.Mode != Off && !candidates[r.number], After: ended}
		if r.Mode != Off {
			t.try(r, f)
			t.Held = r.held(f)
			switch {
			case !ended && !t.Skipped:
				t.Ended = l.set.ask(r, f, v, false)
				ended = t.Ended
			case ended && t.Matched && r.Ends && r.Mode == Enforce && t.Held == "":
				x.Overruled = append(x.Overruled, r.ID)
			}
		}
		x.Rules = append(x.Rules, t)
	}
}

// try evaluates the parts of one rule.
func (t *Trial) try(r *Rule, f *frame) {
	f.list, f.row = nil, 0
	t.Matched = r.eval(f)
	if t.Matched && f.row != 0 {
		t.Row = f.matched()
	}
	for _, part := range r.condition.conjuncts() {
		p := TrialPart{Text: part.source, Holds: part.eval(f), Stateful: part.stateful}
		part.walk(true, func(c *condition, _ bool) {
			if c.op == isTest && c != part {
				p.Tests = append(p.Tests, Test{c.source, c.eval(f)})
			}
		})
		t.Parts = append(t.Parts, p)
	}
	r.condition.walk(true, func(c *condition, _ bool) {
		for _, o := range c.reads {
			if !slices.ContainsFunc(t.Reads, func(r Reading) bool { return r.Name == o.source }) {
				t.Reads = append(t.Reads, Reading{o.source, o.show(f)})
			}
		}
	})
}

func reading(a *Attribute, f *frame) Reading {
	o := a.operand()
	if a.Type == FlagType {
		o = flagOperand(a)
	}
	return Reading{a.Name, o.show(f)}
}

// does is what a rule does, in the words of its file.
func (r *Rule) does() string {
	switch {
	case r.Ends && r.Action == Allow:
		return "allow"
	case r.Ends && r.Action == Divert:
		return "divert: " + r.Target
	case r.Listed:
		return "block: listed"
	case r.Ends:
		return "block: " + r.Why.String()
	}
	var all []string
	if r.Label != "" {
		all = append(all, "label: "+r.Label)
	}
	if r.Withhold {
		all = append(all, "withhold")
	}
	if r.Points != 0 {
		all = append(all, fmt.Sprintf("score: %d (%s)", r.Points, r.Reason))
	}
	return strings.Join(all, ", ")
}

func explained(v *Verdict) Explained {
	x := Explained{ID: v.ID.String(), Action: v.Action.String(), Why: v.Why.String(), Reason: string(v.Reason),
		Retry: int(v.Retry / time.Second), Target: v.Target, Label: v.Label, Withhold: v.Withhold, Score: v.Score, Scores: v.Points(), Known: v.Known}
	if v.Rule != nil {
		x.Rule = v.Rule.ID
	}
	if v.Code != 0 {
		x.Status = status(v.Code, v.Phrase)
	}
	for _, r := range v.Monitored {
		x.Monitored = append(x.Monitored, r.ID)
	}
	return x
}
