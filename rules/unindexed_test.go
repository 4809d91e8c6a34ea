package rules

import (
	"fmt"
	"strings"
	"testing"
)

func TestUnindexed(t *testing.T) {
	rs := compiled(t, Settings{}, "rules.yaml", rulesOf(
		`{id: a, when: 'user_agent contains "x" and weekday(callee) == "mon"', block: dno}`,
		`{id: b, when: 'account == "a" or not (account == "b")', block: dno}`,
		`{id: c, when: 'account == "a" or user_agent matches "x" and local_time(callee) < "08:00"', block: dno}`,
		`{id: d, when: 'true', label: x}`,
		`{id: e, when: 'true', label: x, mode: off}`,
		`{id: f, when: 'withheld and user_agent contains "x"', block: dno}`,
		`{id: g, when: 'false', block: dno}`,
		`{id: h, when: 'callee != "+12025550123"', block: dno}`,
	))
	want := map[string]string{
		"a": `user_agent contains "x" looks into a text; weekday(callee) == "mon" asks the clock`,
		"b": `one side of an or: not (account == "b") is a negation, which most calls meet`,
		"c": `one side of an or: user_agent matches "x" looks into a text`,
		"d": `it matches every call`,
		"h": `not (callee == "+12025550123") is a negation, which most calls meet`,
	}
	for _, r := range rs.Rules() {
		if got := strings.Join(r.Unindexed(), "; "); got != want[r.ID] {
			t.Errorf("%s: %s", r.ID, got)
		}
	}
}

// Ranges are found by the digits that their ends share, not tried one by one.
func TestRangesShareADimension(t *testing.T) {
	var all []string
	for i := range 50 {
		all = append(all, fmt.Sprintf(`{id: r%d, when: 'pattern(caller, "+13035%02d0000-+13035%02d9999")', label: x}`, i, i, i))
	}
	all = append(all, `{id: wide, when: 'pattern(caller, "+13035550100-+33142685300")', label: x}`)
	if n := len(compiled(t, Settings{}, "rules.yaml", rulesOf(all...)).index.dimensions); n != 2 {
		t.Errorf("%d dimensions, want one of prefixes and one of the range that has none", n)
	}
}
