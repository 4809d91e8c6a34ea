package rules

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestSaidOf holds windows and sets of the functions that ask what was said of a
// number.
func TestSaidOf(t *testing.T) {
	t.Parallel()
	e := running(t, Options{}, compiled(t, Settings{Country: "US"}, "rules.yaml", rulesOf(
		`{id: blocked, when: 'blocked_upstream(caller, "1h") == 2', label: blocked}`,
		`{id: reported, when: 'reports(callers, "2h") > 1', block: subscriber}`)))
	n, at := global(t, "+13035550260"), testTime
	verdict := func(from string, at time.Time) string {
		t.Helper()
		c := testCall("+12122000000", "+12025557100")
		c.From.User, c.At = from, at
		v := decided(e, c)
		return v.Action.String() + " " + v.Label
	}
	want := func(want, got string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	want("allow ", verdict("+13035550260", at))
	e.RestoreBlock(n, at.Add(-time.Hour-time.Second), at)
	e.RestoreBlock(n, at.Add(-time.Minute), at)
	want("allow ", verdict("+13035550260", at))
	e.RestoreBlock(n, at, at)
	want("allow blocked", verdict("+13035550260", at))
	want("allow ", verdict("+13035550261", at))
	want("allow ", verdict("anonymous", at))
	for _, by := range []string{"1", "2"} {
		if _, _, err := e.Report(UserReport{Number: n, By: by, At: at}, keptReport); err != nil {
			t.Fatal(err)
		}
	}
	want("block ", verdict("+13035550260", at))
	want("block ", verdict("+13035550260", at.Add(2*time.Hour-time.Second)))
	want("allow ", verdict("+13035550260", at.Add(2*time.Hour)))
	c := testCall("+13035550260", "+12025557100")
	if x := e.Explain(c).String(); !strings.Contains(x, `reports(callers, "2h") > 1`) || !strings.Contains(x, "2") {
		t.Error(x)
	}
}

func TestSaidOfFaults(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`reports(caller, "91d") > 1`:                 `"91d" is no window of reports ("1s" to "90d")`,
		`blocked_upstream(caller, "31d") > 1`:        `"31d" is no window of blocked_upstream ("1s" to "30d")`,
		`blocked_upstream(caller, "0s") > 1`:         `"0s" is no window of blocked_upstream ("1s" to "30d")`,
		`reports(caller, 30) > 1`:                    `want a text in quotes, got 30`,
		`reports(trunk, "30d") > 1`:                  `reports is about a number, trunk is text`,
		`reports(caller, "30d") > 65`:                `reports(caller, "30d") is never so much (it counts to 64)`,
		`reports(caller) > 1`:                        `reports takes two arguments, got 1`,
		`reports(caller, "30d")`:                     `reports() is a count, not a condition`,
		`blocked_upstream(caller, "7d") > "a"`:       `"a" is no value of blocked_upstream(caller, "7d")`,
		`blocked_upstreams(caller, "7d") > 1`:        `did you mean`,
		`blocked_upstream(caller, callee) > 1`:       `want a text in quotes, got callee`,
		`caller in reports(caller, "30d")`:           `reports`,
		`not (reports(caller, "30d") > 1 and trunk)`: `trunk`,
	} {
		s := Settings{Country: "US", Redress: testRedress, Files: []string{writeFiles(t, "rules.yaml", rulesOf("{id: a, when: '"+when+"', block: subscriber}")) + "/rules.yaml"}}
		_, err := Compile(s)
		var d Diagnostics
		if !errors.As(err, &d) || !strings.Contains(err.Error(), want) || d[0].Column == 0 {
			t.Errorf("%s: %v, want %s", when, err, want)
		}
	}
}
