package sidecar

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringfence/rules"
)

const testsText = `
tests:
  - name: a listed caller is stopped
    call: {caller: "` + spam + `", callee: "` + callee + `"}
    want: {block: analytics, rule: spam}
`

var testedFolder = map[string]string{"ringfence.yaml": configText + "test_before_load: true\n", "rules/main.test.yaml": testsText}

// Rules whose tests fail do not replace those that run, and are told of as
// whatever else does not load.
func TestRulesThatFailTheirTests(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"a rule changed", "rules/main.yaml", strings.Replace(rulesText, "block: analytics", "block: listed", 1) + "  - {id: x, when: true, allow: true}\n", ""},
		{"the list changed", "rules/lists/spam.csv", "number\n" + clean + "\n",
			`rules/main.test.yaml:5:19: test "a listed caller is stopped": wanted block: analytics, got allow (ringfence test shows why)`},
		{"the test changed", "rules/main.test.yaml", strings.Replace(testsText, spam, clean, 1),
			`rules/main.test.yaml:5:19: test "a listed caller is stopped": wanted block: analytics, got allow (ringfence test shows why)`},
		{"a broken test", "rules/main.test.yaml", "tests: [a]\n", `rules/main.test.yaml:1:9: test: want keys and values, got text`},
		{"the last test gone", "rules/main.test.yaml", "", `rules/main.test.yaml: no tests in this file`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := launch(t, testedFolder)
			if c.want == "" { // its tests pass
				d.replace(c.file, c.text)
				await(t, "the new rules", func() bool { return len(d.p.engine.Ruleset().Rules()) == 5 })
				if n := d.p.engine.Ruleset().Rules()[1].Counts.Matched.Load(); n != 0 {
					t.Errorf("the tests count as %d calls", n)
				}
				return
			}
			d.fails(func() { d.replace(c.file, c.text) })
			if got := strings.Join(d.p.Status().Reload.Errors, "\n"); !strings.Contains(got, c.want) {
				t.Errorf("errors\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// At the start there are no old rules: it does not come to one.
func TestStartWithFailingTests(t *testing.T) {
	dir := folder(t, testedFolder)
	write(t, dir, map[string]string{"rules/main.test.yaml": strings.Replace(testsText, spam, clean, 1)})
	_, err := New(filepath.Join(dir, "ringfence.yaml"), Options{Log: new(lockedBuffer)})
	var d rules.Diagnostics
	if !errors.As(err, &d) || len(d) != 1 || d[0].Line != 5 {
		t.Errorf("a start with failing tests: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "rules", "main.test.yaml")); err != nil {
		t.Fatal(err)
	}
	_, err = New(filepath.Join(dir, "ringfence.yaml"), Options{Log: new(lockedBuffer)})
	if want := "ringfence.yaml:10:1: test_before_load: no rule tests in "; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a start without tests: %v, want %s", err, want)
	}
}

func TestSlowRuleTests(t *testing.T) {
	c, err := LoadConfig(filepath.Join(folder(t, testedFolder), "ringfence.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rs, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	d := c.test(rs, 0)
	if want := "ringfence.yaml:10:1: test_before_load: the rule tests were stopped after 0 of 1: they may take 0s"; len(d) != 1 || !strings.HasSuffix(d[0].Error(), want) {
		t.Errorf("got %v, want %s", d, want)
	}
}
