package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"

	"ringfence/rules"
	"ringfence/sidecar"
)

type test struct {
	located
	Name     string   `name:"run" placeholder:"REGEXP" help:"Run only the tests whose name matches."`
	Verbose  bool     `short:"v" help:"Name the tests that pass, too."`
	Coverage bool     `help:"Show for each rule how many tests it matched in, and in how many it was asked and did not match."`
	JSON     bool     `name:"json" help:"Print results and coverage as JSON."`
	Files    []string `arg:"" optional:"" type:"path" help:"Test files, rule files and folders, instead of those of the configuration."`
}

// Help is what --help adds.
func (test) Help() string {
	return `Runs rule tests (NAME.test.yaml beside NAME.yaml) in the engine that decides calls. No daemon is
needed and none is touched; the time is that of the tests. Test files that bring their own settings
and rules need no configuration.

Exit codes: 0 all passed; 1 a test failed, there is none, or something does not load; 2 wrong usage.

Examples:
  ringfence test
  ringfence test rules/spam.yaml --run friend -v
  ringfence test rules/packs --coverage`
}

// Validate tells the parser what is wrong usage.
func (c test) Validate() error {
	_, err := regexp.Compile(c.Name)
	return err
}

// Run tests.
func (c test) Run(t *terminal) error {
	suite, base, err := c.load()
	if err != nil {
		return err
	}
	suite.Only(regexp.MustCompile(c.Name).MatchString)
	if suite.Len() == 0 {
		return fmt.Errorf("--run %s: no test has such a name", c.Name)
	}
	r := testRun{Tests: []tested{}}
	r.Coverage.Rules, err = suite.Run(context.Background(), base, func(one rules.TestResult) {
		r.add(one)
		if !c.JSON {
			c.print(t, &r.Tests[len(r.Tests)-1])
		}
	})
	if err != nil {
		return err
	}
	r.Coverage.count()
	if c.JSON {
		err = printJSON(t.out, r)
	} else {
		c.summarise(t, &r)
	}
	if err == nil && r.Failed > 0 {
		err = errFinding
	}
	return err
}

// load reads the tests, and the rules of the configuration when a test needs
// them; nil when there is no configuration.
func (c test) load() (*rules.Suite, *rules.Ruleset, error) {
	config, err := sidecar.LoadConfig(c.file())
	none := errors.Is(err, fs.ErrNotExist) && c.Config == ""
	files := c.Files
	switch {
	case len(files) > 0:
	case none:
		return nil, nil, errors.New("nothing to test (name test files, or a configuration with --config)")
	case err != nil:
		return nil, nil, err
	default:
		files = config.Settings.Files
	}
	for _, file := range c.Files {
		if tests, fault := rules.TestFiles([]string{file}); fault == nil && len(tests) == 0 {
			return nil, nil, sidecar.NoTestsError{Paths: []string{short(file)}}
		}
	}
	suite, fault := sidecar.RuleTests(files)
	if fault != nil || none || len(c.Files) > 0 && suite.SelfContained() {
		return suite, nil, fault
	}
	if err != nil {
		return nil, nil, err
	}
	base, err := config.Compile()
	if len(c.Files) == 0 {
		suite.Cover(base)
	}
	return suite, base, err
}

// testRun is what --json prints.
type testRun struct {
	Passed   int          `json:"passed"`
	Failed   int          `json:"failed"`
	Tests    []tested     `json:"tests"`
	Coverage testCoverage `json:"coverage"`
}

// tested is one test and why it failed.
type tested struct {
	rules.TestResult
	Passed  bool     `json:"passed"`
	Faults  []string `json:"faults,omitempty"`  // file:line:column: what was wanted, what was got
	Because []string `json:"because,omitempty"` // how the engine came to it
}

// testCoverage says which rules a test matched.
type testCoverage struct {
	Percent float64         `json:"percent"`
	Matched int             `json:"matched"` // rules that matched in a test
	Rules   []rules.Covered `json:"rules"`
}

func (r *testRun) add(one rules.TestResult) {
	x := tested{TestResult: one, Passed: one.Passed()}
	x.File = short(one.File)
	if x.Passed {
		r.Passed++
	} else {
		r.Failed++
	}
	for _, f := range one.Faults {
		x.Faults = append(x.Faults, near(f).Error())
	}
	for _, line := range one.Because {
		if folder, err := os.Getwd(); err == nil {
			line = strings.ReplaceAll(line, strings.TrimSuffix(folder, "/")+"/", "")
		}
		x.Because = append(x.Because, line)
	}
	r.Tests = append(r.Tests, x)
}

func (c *testCoverage) count() {
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.File = short(r.File); r.Matched > 0 {
			c.Matched++
		}
	}
	if len(c.Rules) > 0 {
		c.Percent = float64(c.Matched*1000/len(c.Rules)) / 10 // never rounded up to 100
	}
}

func (c test) print(t *terminal, x *tested) {
	if x.Passed {
		if c.Verbose {
			_ = t.out.say(green, "ok  ", fmt.Sprintf(" %s (%s:%d)", plain(x.Name), x.File, x.Line)) // the exit code tells, too
		}
		return
	}
	_ = t.out.say(red, "FAIL", " "+plain(x.Name)) // as above
	for _, line := range x.Faults {
		fmt.Fprintln(t.out, "  "+line)
	}
	for _, line := range x.Because {
		fmt.Fprintln(t.out, "    "+line)
	}
}

func (c test) summarise(t *terminal, r *testRun) {
	if c.Coverage {
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "RULE\tMATCHED\tUNMATCHED\tPLACE")
		for _, one := range r.Coverage.Rules {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s:%d\n", one.Rule, one.Matched, one.Unmatched, one.File, one.Line)
		}
		_ = w.Flush() // what cannot be written shows when the summary cannot
	} else if c.Name == "" {
		for _, one := range r.Coverage.Rules {
			if one.Matched == 0 {
				_ = t.out.say(yellow, "note", fmt.Sprintf(" no test has rule %s match (%s:%d)", one.Rule, one.File, one.Line)) // as above
			}
		}
	}
	colour, word, failed := green, "ok:", ""
	if r.Failed > 0 {
		colour, word, failed = red, "FAILED:", fmt.Sprintf("%d of ", r.Failed)
	}
	_ = t.out.say(colour, word, fmt.Sprintf(" %s%s, %d of %s matched (%.4g %%)", failed, counted(r.Passed+r.Failed, "test"), r.Coverage.Matched, counted(len(r.Coverage.Rules), "rule"), r.Coverage.Percent)) // as above
}
