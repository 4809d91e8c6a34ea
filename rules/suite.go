package rules

import (
	"fmt"
	"slices"
	"time"
)

// Suite is rule tests as their files have them, ready to run.
type Suite struct {
	files  []*testFile
	covers *Ruleset // whose rules coverage counts, asked or not; nil: those that tests ask
}

// CallReader makes c the call of a SIP request: rules know no SIP.
type CallReader func(request string, c *Call) error

// testFile is one *.test.yaml.
type testFile struct {
	name     string
	settings *Settings // of its own, nil for those of the configuration
	place    Position  // of its settings
	rules    []string  // of its own, none for those of the configuration
	tests    []*ruleTest
}

// own tells whether the file is tested against rules that it names itself.
func (f *testFile) own() bool { return f.settings != nil || len(f.rules) > 0 }

type ruleTest struct {
	name  string
	place Position
	at    time.Time // of the first step, before its after
	steps []*testStep
}

func (t *ruleTest) subject() string { return fmt.Sprintf("test %q", t.name) }

// testStep is one step of a test: live changes to lists, a slow-down and a user's
// report, then a call.
type testStep struct {
	subject string
	after   time.Duration // since the step before
	changes []testChange
	report  *testReport   // nil: none
	calls   []*testedCall // one after the other; none: what comes before them is all
	slow    *testSlow     // nil: none
	every   time.Duration // between them
	want    *wanted       // nil: let pass, for the outcome
	outcome *testOutcome
}

// DefaultTestTime is when a test begins that says nothing else: a Wednesday,
// at noon in New York and nine in Los Angeles.
var DefaultTestTime = time.Date(2026, 6, 3, 16, 0, 0, 0, time.UTC)

// ReadSuite reads test files. The error is a Diagnostics with all that is wrong
// in them.
func ReadSuite(files []string, read CallReader) (*Suite, error) {
	s := &Suite{}
	var d Diagnostics
	for _, name := range files {
		data, err := readRuleFile(name)
		if err != nil {
			d.at(Position{File: name}, "", err.Error(), "")
			continue
		}
		r := testReader{document: &document{file: name, data: data, holds: "tests", d: &d}, call: read}
		s.files = append(s.files, r.file())
	}
	if len(d) > 0 {
		d.inOrder(files)
		return nil, d
	}
	return s, nil
}

// Len is the number of tests.
func (s *Suite) Len() int {
	n := 0
	for _, f := range s.files {
		n += len(f.tests)
	}
	return n
}

// SelfContained tells whether every file brings settings and rules of its own.
func (s *Suite) SelfContained() bool {
	return !slices.ContainsFunc(s.files, func(f *testFile) bool { return f.settings == nil })
}

// Cover has the coverage count all rules of rs, those that no test asks, too.
func (s *Suite) Cover(rs *Ruleset) { s.covers = rs }

// Only leaves the tests whose name match accepts.
func (s *Suite) Only(match func(name string) bool) {
	for _, f := range s.files {
		f.tests = slices.DeleteFunc(f.tests, func(t *ruleTest) bool { return !match(t.name) })
	}
}

// testReader reads one test file.
type testReader struct {
	*document
	call  CallReader
	calls int       // made so far
	turn  int       // of a call that is repeated, from 1
	at    time.Time // of tests that say no time
}

func (r *testReader) file() *testFile {
	f := &testFile{name: r.document.file}
	top, ok := r.parse()
	if !ok {
		return f
	}
	keys, ok := r.fields(top, "", testFileKeys)
	if !ok {
		return f
	}
	if n := keys["settings"]; n != nil {
		f.settings, f.place = r.settings(n), n.key
	}
	for _, n := range r.several(keys["rules"], "rules") {
		if name := r.text(n, "rules"); name != "" {
			f.rules = append(f.rules, beside(f.name, name))
		}
	}
	if f.settings != nil && keys.lacks("rules") {
		if f.rules = []string{tested(f.name)}; !exists(f.rules[0]) {
			r.d.at(f.place, "settings", "no rules beside them: "+f.rules[0]+" is not there", "name the rule files, as in rules: [main.yaml]")
		}
	}
	r.at = r.time(keys["at"], "", DefaultTestTime)
	if keys.lacks("tests") {
		r.d.at(Position{File: f.name}, "", "no tests in this file", "write tests: and a list of them")
	}
	names := map[string]Position{}
	for _, n := range r.items(keys["tests"], "tests") {
		if t := r.test(n); t != nil {
			if at, ok := names[t.name]; ok {
				r.d.at(t.place, t.subject(), "is the name of the test at "+at.String()+" already", "")
			}
			names[t.name] = t.place
			f.tests = append(f.tests, t)
		}
	}
	return f
}

// test reads one test, nil after a finding that leaves nothing of it.
func (r *testReader) test(n *node) *ruleTest {
	subject := "test"
	if name := valueOf(n, "name"); name != "" {
		subject = fmt.Sprintf("test %q", name)
	}
	f, ok := r.fields(n, subject, ruleTestKeys)
	if !ok {
		return nil
	}
	t := &ruleTest{name: r.text(f["name"], subject), place: n.at, at: r.time(f["at"], subject, r.at)}
	if f["name"] != nil {
		t.place = f["name"].at
	}
	r.text(f["note"], subject)
	switch {
	case f.lacks("name"):
		r.d.at(n.at, subject, "has no name", "say what is expected, as in name: a listed caller is stopped")
		return nil
	case f["steps"] == nil:
		if f.lacks("call") {
			r.d.at(t.place, subject, "has no call", "write call: and caller and callee, or steps:")
		}
		if f.lacks("want") {
			r.d.at(t.place, subject, "has no want", "write want: allow, or want: {block: WHY}")
		}
		t.steps = []*testStep{{subject: subject, calls: r.repeated(f["call"], 1, subject), want: r.want(f["want"], subject)}}
		return t
	}
	for _, key := range [...]string{"call", "want"} {
		if f[key] != nil {
			r.d.at(f[key].key, subject, key+" and steps", "put the call into the first of the steps")
		}
	}
	for i, n := range r.items(f["steps"], subject) {
		if s := r.step(n, fmt.Sprintf("%s, step %d", subject, i+1)); s != nil {
			t.steps = append(t.steps, s)
		}
	}
	return t
}

// maxRepeat bounds how often a step is repeated.
const maxRepeat = 100_000

// repeated reads a call so many times: {n} in it is the turn.
func (r *testReader) repeated(n *node, times int, subject string) (calls []*testedCall) {
	defer func() { r.turn = 0 }()
	for r.turn = 1; r.turn <= times; r.turn++ {
		c := r.readCall(n, subject)
		if c == nil {
			return nil
		}
		calls = append(calls, c)
	}
	return calls
}

func (r *testReader) step(n *node, subject string) *testStep {
	f, ok := r.fields(n, subject, testStepKeys)
	if !ok {
		return nil
	}
	s := &testStep{subject: subject}
	r.text(f["note"], subject)
	if n := f["after"]; n != nil {
		s.after = r.pause(n, subject)
	}
	for _, action := range liveActions {
		if n := f[string(action)]; n != nil {
			s.changes = append(s.changes, r.change(n, action, subject))
		}
	}
	s.report = r.report(f["report"], subject)
	if n := f["slow"]; n != nil {
		s.slow = r.slow(n, subject)
	}
	repeat := 1
	if n := f["repeat"]; n != nil {
		var ok bool
		if repeat, ok = r.integer(n, subject); ok && (repeat < 1 || repeat > maxRepeat) {
			r.d.at(n.at, subject, fmt.Sprintf("repeat: %d calls", repeat), fmt.Sprintf("1 to %d", maxRepeat))
			repeat = 1
		}
	}
	if n := f["every"]; n != nil {
		s.every = r.pause(n, subject)
		if f["repeat"] == nil {
			r.d.at(n.key, subject, "every is for repeat", "write repeat: and how many calls")
		}
	}
	s.calls, s.want, s.outcome = r.repeated(f["call"], repeat, subject), r.want(f["want"], subject), r.outcome(f["outcome"], subject)
	switch {
	case f["call"] == nil && (len(s.changes) > 0 || f["report"] != nil || f["slow"] != nil) && f["want"] == nil && f["outcome"] == nil:
	case f.lacks("call"):
		r.d.at(n.at, subject, "has no call", "write call: and caller and callee")
	case f["outcome"] == nil && f.lacks("want"):
		r.d.at(n.at, subject, "has no want", "write want: allow, or want: {block: WHY}")
	case s.outcome != nil && s.want != nil && s.want.action != Allow:
		r.d.at(f["outcome"].key, subject, "a call that is stopped has no outcome", "")
	}
	return s
}
