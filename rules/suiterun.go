package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// TestResult is what became of one test.
type TestResult struct {
	Name    string      `json:"name"`
	File    string      `json:"file"`
	Line    int         `json:"line"`
	Column  int         `json:"column"`
	Faults  Diagnostics `json:"-"` // in what the first step that failed was not as wanted; none: passed
	Because []string    `json:"-"` // how the engine came to what it did instead
}

// Passed tells whether all was as wanted.
func (t *TestResult) Passed() bool { return len(t.Faults) == 0 }

// Run runs the tests in order, each in an engine of its own, and tells done of
// each. Files that bring no rules of their own are tested against base, those
// that bring no settings take base's; it is nil without a configuration. What
// base counts is left alone.
//
// The error is a Diagnostics when something keeps the tests from running: no
// test has run then. It is ctx's when ctx ends first.
func (s *Suite) Run(ctx context.Context, base *Ruleset, done func(TestResult)) ([]Covered, error) {
	trials := make([]*trial, len(s.files))
	var d Diagnostics
	var shared *trial // by files without rules of their own
	var names []string
	for i, f := range s.files {
		if err := ctx.Err(); err != nil {
			return nil, s.stopped(ctx, 0)
		}
		names = append(names, f.name)
		switch {
		case f.own():
			trials[i] = f.compile(base, &d)
		case base == nil:
			d.at(Position{File: f.name}, "", "is tested against the rules of a configuration, and there is none", "name one with --config, or write settings: or rules: into the file")
		default:
			if shared == nil {
				shared = newTrial(base)
			}
			trials[i] = shared
		}
		if trials[i] != nil {
			f.check(trials[i].set, &d)
		}
	}
	if len(d) > 0 {
		d.inOrder(names)
		return nil, d
	}
	ran := 0
	var c coverage
	if s.covers != nil {
		if shared == nil || s.covers != base {
			c.add(newTrial(s.covers))
		} else {
			c.add(shared)
		}
	}
	for i, f := range s.files {
		c.add(trials[i])
		for _, t := range f.tests {
			result, err := t.run(ctx, trials[i])
			if ctx.Err() != nil {
				return nil, s.stopped(ctx, ran)
			}
			if err != nil {
				return nil, err
			}
			ran++
			done(result)
		}
	}
	return c.rules(), nil
}

func (s *Suite) stopped(ctx context.Context, ran int) error {
	return fmt.Errorf("the rule tests were stopped after %d of %d: %w", ran, s.Len(), context.Cause(ctx))
}

// compile makes the rules that a test file names itself ready.
func (f *testFile) compile(base *Ruleset, d *Diagnostics) *trial {
	var settings Settings
	if base != nil {
		settings = base.settings
	}
	if f.settings != nil {
		settings = *f.settings
	}
	settings.Files = f.rules
	rs, err := Compile(settings)
	if err != nil {
		var findings Diagnostics
		errors.As(err, &findings)
		for _, one := range findings {
			if one.File == "" { // of the settings
				one.File, one.Line, one.Column, one.Subject = f.name, f.place.Line, f.place.Column, "settings: "+one.Subject
			}
			*d = append(*d, one)
		}
		return nil
	}
	return newTrial(rs)
}

// check finds names in the tests that rs does not know.
func (f *testFile) check(rs *Ruleset, d *Diagnostics) {
	var ids, lists, trunks []string
	for _, r := range rs.rules {
		ids = append(ids, r.ID)
	}
	for _, l := range rs.lists {
		lists = append(lists, l.Name)
	}
	changed := slices.Clone(lists)
	for _, spec := range rs.learns {
		changed = append(changed, spec.Name)
	}
	for _, t := range rs.settings.Trunks {
		trunks = append(trunks, t.Name)
	}
	for _, t := range f.tests {
		for _, s := range t.steps {
			known := func(at Position, what, name string, all []string) {
				if name != "" && !slices.Contains(all, name) {
					d.at(at, s.subject, fmt.Sprintf("unknown %s %q", what, name), didYouMean(name, all))
				}
			}
			for _, c := range s.calls[:min(len(s.calls), 1)] {
				known(c.trunk, "trunk", c.call.TrunkName, trunks)
				known(c.upstream, "upstream", c.call.Upstream, trunks)
			}
			for _, c := range s.changes {
				known(c.list, "list", c.change.List, changed)
			}
			if s.slow != nil && s.slow.slowed.Of == "trunk" {
				known(s.slow.place, "trunk", s.slow.slowed.Name, trunks)
			}
			if s.outcome != nil {
				known(s.outcome.upstream, "upstream", s.outcome.outcome.Carrier, trunks)
			}
			if w := s.want; w != nil {
				known(w.places["rule"], "rule", w.rule, ids)
				known(w.places["list"], "list", w.list, lists)
				for _, id := range w.monitored {
					known(w.places["monitored"], "rule", id, ids)
				}
			}
		}
	}
}

// trial is a ruleset that tests try: it shares what does not change, counts for
// itself and is enforced on every trunk and for every caller, for a test asks what
// the rules say.
type trial struct {
	set       *Ruleset
	matched   []int // by rule: tests that it matched in
	unmatched []int // by rule: tests in which it was asked and did not match
}

func newTrial(rs *Ruleset) *trial {
	set := *rs
	set.tried = true
	set.rules = make([]*Rule, len(rs.rules))
	for i, r := range rs.rules {
		one := *r
		one.Counts, one.Rollout, one.partial = &RuleCounts{}, 0, one.Limit != nil
		set.rules[i] = &one
	}
	return &trial{set: &set, matched: make([]int, len(set.rules)), unmatched: make([]int, len(set.rules))}
}

// run makes the calls of a test, until one is not answered as wanted.
func (t *ruleTest) run(ctx context.Context, trial *trial) (TestResult, error) {
	result := TestResult{Name: t.name, File: t.place.File, Line: t.place.Line, Column: t.place.Column}
	pending := 0
	for _, s := range t.steps {
		pending += len(s.calls)
	}
	e, err := NewEngine(Options{Pending: pending})
	if err != nil {
		return result, err
	}
	defer e.Close()
	e.Swap(trial.set)
	tally := trial.begin()
	defer trial.end(tally)
	at := t.at
	placed := uint32(0)
	for _, s := range t.steps {
		if err := ctx.Err(); err != nil {
			return result, err
		}
		at = at.Add(s.after)
		if result.Faults = append(s.change(e, at), s.report.make(e, at, s.subject)...); len(result.Faults) > 0 {
			return result, nil
		}
		s.slow.begin(e, at)
		for n, c := range s.calls {
			if n > 0 {
				at = at.Add(s.every)
			}
			placed++
			call := c.call
			call.At, call.CSeq = at, placed // an attempt of its own, though a request be the same
			if s.place(e, &call, trial, tally, &result); !result.Passed() {
				return result, nil
			}
		}
	}
	return result, nil
}

// place makes a call of the step, and what becomes of it.
func (s *testStep) place(e *Engine, call *Call, trial *trial, tally *tally, result *TestResult) {
	var v Verdict
	e.Decide(call, &v)
	tally.see(trial, &v)
	if result.Faults = s.judge(&v); len(result.Faults) > 0 {
		result.Because = because(e.Explain(call), s.want)
		return
	}
	if s.outcome == nil {
		return
	}
	o := s.outcome.outcome
	o.ID, o.At = v.ID, call.At.Add(o.Ring+o.Talk)
	if became := e.Observe(&o); became != Counted {
		result.Faults.at(s.outcome.place, s.subject, "the outcome was not counted: "+became.String(), "")
	}
}

// judge tells in what a verdict is not as the step wants it.
func (s *testStep) judge(v *Verdict) (d Diagnostics) {
	switch {
	case s.want != nil:
		return s.want.compare(v, s.subject)
	case v.Action != Allow:
		d.at(s.outcome.place, s.subject, "wanted allow, for there is an outcome, got "+verdictWords(v.Action, v.Why, v.Target), "")
	}
	return d
}
