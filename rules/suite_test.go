package rules_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/adapters/kamailio"
	"ringfence/rules"
)

// played reads and runs test files and tells what failed, as golden files have it.
func played(t *testing.T, base *rules.Ruleset, files ...string) (text string, covered []rules.Covered, err error) {
	t.Helper()
	s, err := rules.ReadSuite(files, kamailio.ReadCall)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	ran := 0
	covered, err = s.Run(context.Background(), base, func(r rules.TestResult) {
		ran++
		for _, f := range r.Faults {
			fmt.Fprintln(&b, f.Error())
		}
		for _, line := range r.Because {
			fmt.Fprintln(&b, "    "+line)
		}
	})
	if err == nil && ran != s.Len() {
		t.Errorf("%d of %d tests ran", ran, s.Len())
	}
	return decisionID.ReplaceAllString(b.String(), ";id=ID"), covered, err
}

var decisionID = regexp.MustCompile(`;id=\w+`)

func TestSuite(t *testing.T) {
	text, covered, err := played(t, nil, "testdata/suite/passes.test.yaml")
	if err != nil || text != "" {
		t.Fatalf("%v\n%s", err, text)
	}
	var got []string
	for _, c := range covered {
		got = append(got, fmt.Sprintf("%s %d/%d", c.Rule, c.Matched, c.Unmatched))
	}
	// Of 15 tests two are emergency calls. The one that friends allows asks no
	// other rule; the steps of the learned number are one test.
	want := []string{"friends 1/12", "dno 1/11", "dead-number 1/11", "spam 3/10", "robot 1/9", "guess 1/8", "mark 1/8", "campaign 1/8", "slow 1/8"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
}

func TestSuiteFailures(t *testing.T) {
	text, _, err := played(t, nil, "testdata/suite/fails.test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules.Golden(t, "testdata/suite/fails.golden", text)
}

// Every test file of the corpus is refused with exactly the messages beside it.
func TestBadSuites(t *testing.T) {
	files, err := filepath.Glob("testdata/suite/bad/*.test.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, _, err := played(t, nil, file)
			var d rules.Diagnostics
			if !errors.As(err, &d) {
				t.Fatalf("an error that is no Diagnostics: %v", err)
			}
			rules.Golden(t, strings.TrimSuffix(file, ".test.yaml")+".golden", d.Error()+"\n")
		})
	}
}

// Tests that bring no rules try those of a configuration, whose counts stay and
// whose monitor mode does not hide what the rules say.
func TestSuiteOfConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "main.yaml")
	for name, text := range map[string]string{
		"main.yaml":      "rules:\n  - {id: a, when: 'trunk == \"pbx\"', block: dno}\n",
		"main.test.yaml": "tests:\n  - {name: one, call: {caller: anonymous, callee: '2', trunk: pbx}, want: {block: dno}}\n",
		"own.test.yaml":  "rules: main.yaml\ntests:\n  - {name: two, call: {caller: anonymous, callee: '2', trunk: pbx}, want: {block: dno}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base, err := rules.Compile(rules.Settings{Mode: rules.Monitor, Trunks: []rules.Trunk{{Name: "pbx"}}, Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	files, err := rules.TestFiles([]string{file, dir, dir})
	if err != nil || len(files) != 2 {
		t.Fatalf("test files %q, %v", files, err)
	}
	text, covered, err := played(t, base, files...)
	if err != nil || text != "" {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(covered) != 1 || covered[0].Matched != 2 {
		t.Errorf("coverage %+v", covered)
	}
	if c := base.Rules()[0].Counts; c.Matched.Load()+c.Monitored.Load() != 0 {
		t.Error("the tests count as calls")
	}
}

// Rules that no test asks are covered by none, whatever rules tests bring.
func TestSuiteCover(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.yaml":      "rules:\n  - {id: own, when: withheld, block: dno}\n",
		"pack.yaml":      "rules:\n  - {id: packed, when: withheld, label: x}\n",
		"pack.test.yaml": "settings: {}\ntests:\n  - {name: one, call: {caller: anonymous, callee: '2', withheld: true}, want: allow}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base, err := rules.Compile(rules.Settings{Files: []string{filepath.Join(dir, "pack.yaml"), filepath.Join(dir, "main.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := rules.ReadSuite([]string{filepath.Join(dir, "pack.test.yaml")}, kamailio.ReadCall)
	if err != nil {
		t.Fatal(err)
	}
	s.Cover(base)
	covered, err := s.Run(context.Background(), base, func(rules.TestResult) {})
	got := ""
	for _, c := range covered {
		got += fmt.Sprintf("%s %d %d, ", c.Rule, c.Matched, c.Unmatched)
	}
	if want := "packed 1 0, own 0 0, "; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestSuiteStops(t *testing.T) {
	s, err := rules.ReadSuite([]string{"testdata/suite/passes.test.yaml"}, kamailio.ReadCall)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	slow := errors.New("too slow")
	ran := 0
	_, err = s.Run(ctx, nil, func(rules.TestResult) { ran++; cancel(slow) })
	if ran != 1 || !errors.Is(err, slow) || err.Error() != "the rule tests were stopped after 1 of 15: too slow" {
		t.Errorf("%d ran, %v", ran, err)
	}
	s.Only(func(name string) bool { return strings.Contains(name, "emergency") })
	if s.Len() != 1 {
		t.Errorf("%d tests are left", s.Len())
	}
}

// Every key of a call makes what the rules know by it: one condition each that
// the call matches, and would not without the key.
func TestSuiteCallKeys(t *testing.T) {
	keys := []struct{ key, value, when string }{
		{"caller", `"+13035550260"`, `presentation == "+13035550260"`},
		{"callee", `"+12025557109"`, `callee == "+12025557109"`},
		{"display_name", `a "b" \ c`, `display_name == "a \"b\" \\ c"`},
		{"asserted", `["sip:+13035550260@a.example", "tel:+13035550261"]`, `network == "+13035550261"`},
		{"remote_party", `"+13035550260"`, `network == "+13035550260"`},
		{"diverted_by", `"+13035550260"`, `diverted_by == "+13035550260"`},
		{"withheld", `true`, `withheld and privacy == "id"`},
		{"privacy", `user;critical`, `privacy == "user;critical"`},
		{"priority", `urgent`, `header("Priority") == "urgent"`},
		{"user_agent", `x/1`, `user_agent == "x/1"`},
		{"domain", `pbx.example.com`, `domain == "pbx.example.com"`},
		{"attestation", `B`, `attestation == "B"`},
		{"verification", `passed`, `verification == "passed"`},
		{"headers", `{X-Campaign: [spring, autumn], P-Charging-Vector: a}`, `header("x-campaign") == "spring" and header("P-Charging-Vector") == "a"`},
		{"source", `"2001:db8::7"`, `source == "2001:db8::7"`},
		{"trunk", `pbx`, `trunk == "pbx" and direction == "outbound"`},
		{"account", `alice`, `account == "alice"`},
		{"upstream", `pbx`, `upstream == "pbx" and trunk == "carrier"`},
		{"sip", `"INVITE sip:+12025557109@a.example SIP/2.0\nFrom: <sip:alice@b.example>;tag=1\nTo: <sip:b@a.example>\nCall-ID: 1\nCSeq: 1 INVITE"`, `callee == "+12025557109" and domain == "a.example"`},
	}
	known := rules.TestSchema().Defs["call"].Properties
	if len(keys) != len(known) {
		t.Errorf("%d keys, a call has %d", len(keys), len(known))
	}
	for _, k := range keys {
		t.Run(k.key, func(t *testing.T) {
			if known[k.key] == nil {
				t.Fatal("no key of a call")
			}
			call := map[string]string{"caller": "alice", "callee": `"+12025557100"`, "trunk": "carrier"}
			without := call["caller"]
			if k.key == "sip" {
				delete(call, "caller")
				delete(call, "callee")
			}
			write := func(change func()) string {
				change()
				var all []string
				for _, key := range slices.Sorted(maps.Keys(call)) {
					all = append(all, key+": "+call[key])
				}
				return "{" + strings.Join(all, ", ") + "}"
			}
			with := write(func() { call[k.key] = k.value })
			bare := write(func() {
				delete(call, k.key)
				call["caller"], call["callee"] = without, `"+12025557100"`
			})
			dir := t.TempDir()
			for name, text := range map[string]string{
				"a.yaml": "rules:\n  - id: a\n    when: |-\n      " + k.when + "\n    block: dno\n",
				"a.test.yaml": "settings: {trunks: [{name: carrier, trusted: true}, {name: pbx, direction: outbound}]}\ntests:\n" +
					"  - {name: with, call: " + with + ", want: {block: dno}}\n  - {name: without, call: " + bare + ", want: allow}\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if text, _, err := played(t, nil, filepath.Join(dir, "a.test.yaml")); err != nil || text != "" {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

func TestSuiteAsksForTheScore(t *testing.T) {
	text, _, err := played(t, nil, "testdata/suite/score.test.yaml")
	if err != nil || text != "" {
		t.Fatalf("%v\n%s", err, text)
	}
	file := filepath.Join(t.TempDir(), "a.test.yaml")
	rulesFile, err := filepath.Abs("testdata/suite/score.yaml")
	if err != nil {
		t.Fatal(err)
	}
	test := "settings: {country: US}\nrules: [" + rulesFile + "]\ntests:\n  - {name: a, call: {caller: +13035550260, callee: +12025557100, user_agent: dialer}, want: {allow: true, score: 30, label: Perhaps spam}}\n"
	if err := os.WriteFile(file, []byte(test), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, _, err = played(t, nil, file); err != nil || !strings.Contains(text, "wanted score 30, got score 50") || !strings.Contains(text, "went on with score: 50 (a dialer)") {
		t.Errorf("%v\n%s", err, text)
	}
}
