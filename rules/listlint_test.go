package rules

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const lintedRules = `
lists:
  friends: {file: friends.csv}
  hosts:   {file: hosts.csv}
  own:     {file: own.csv, own: true}
  spam:    {file: spam.csv, why: analytics}
  dno:     {file: dno.csv, why: dno}
  more:    {file: more.csv, why: dno}
  dialled: {file: dialled.csv}
rules:
  - {id: dno, when: 'callers in list("dno") or invalid(callers)', block: dno}
  - {id: more, when: 'callers in list("more")', block: dno}
  - {id: friends, when: 'caller in list("friends") and trunk == "carrier-a"', allow: true}
  - {id: spam, when: 'callers in list("spam")', block: analytics}
  - {id: dialled, when: 'callee in list("dialled")', block: not-found}
  - {id: own, when: 'caller not in list("own") and trunk == "pbx-acme"', block: administrative}
  - {id: hosts, when: 'source in list("hosts")', block: subscriber}
`

// Lists of which rules make two things must not share numbers; rows must not
// be dead.
func TestLintLists(t *testing.T) {
	rs := compiled(t, Settings{Country: "US", Trunks: []Trunk{testTrunk(t, "carrier-a", "192.0.2.0/24", true), testTrunk(t, "pbx-acme", "198.51.100.0/24", false)}}, "rules.yaml", lintedRules,
		"friends.csv", "+1303555*\n+12122000001\n", "hosts.csv", "192.0.2.0/24\n", "own.csv", "+12122000001\n",
		"spam.csv", "number,expires\n+12122000001,\n+13035551234,\n+12122000002,2020-01-01\n+12122000003,2020-01-01\n+1404*,\n+12122000004,\n",
		"dno.csv", "+1404555*\n+12122000004\n+12122000002\n", "more.csv", "+12122000004\n", "dialled.csv", "+12122000004\n")
	var got []string
	for _, w := range rs.Warnings() {
		if strings.HasPrefix(w.Subject, "list ") {
			w.File = filepath.Base(w.File)
			got = append(got, w.Error())
		}
	}
	want := []string{
		`rules.yaml:6:3: list "spam": shares numbers with list "dno": 2 rows are in both, as +1404555*; list "dno" counts, by rule "dno" before rule "spam"`,
		`rules.yaml:6:3: list "spam": shares numbers with list "friends": 2 rows are in both, as +12122000001; which one counts depends on the call: allow or block: analytics`,
		`rules.yaml:6:3: list "spam": shares numbers with list "more": 1 row is in both, as +12122000004; list "more" counts, by rule "more" before rule "spam"`,
		`spam.csv:4: list "spam": 2 rows have expired, the first is here (take them out)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWithin(t *testing.T) {
	read := func(s string) entry {
		e, message, _ := new(listLoader).entry([]byte(s))
		if message != "" {
			t.Fatal(message)
		}
		return e
	}
	for _, tt := range []struct {
		narrow, wide string
		want         bool
	}{
		{"+12025550100", "+1202555*", true},
		{"+12025550100", "+12025550100*", true},
		{"+12025550100", "+12025550100", false},
		{"+1202555*", "+1202*", true},
		{"+1202*", "+1202555*", false},
		{"+1202NXX*", "+1202*", true},
		{"+1202NXXXXXX", "+1202XXXXXXX", true},
		{"+1202XXXXXXX", "+1202NXXXXXX", false},
		{"+12025550100-+12025550199", "+1202555*", true},
		{"+12025550100-+12025550199", "+120255501XX", true},
		{"+12025550100-+12025550200", "+120255501XX", false},
		{"+12025550120-+12025550199", "+120255501NX", true},
		{"+12025550110-+12025550199", "+120255501NX", false},
		{"+12025550110-+12025550120", "+12025550100-+12025550199", true},
		{"+12025550100-+12025550199", "+12025550110-+12025550120", false},
		{"+1202555011X", "+12025550100-+12025550199", true},
		{"+1202555011*", "+12025550100-+12025550199", false},
		{"192.0.2.0/25", "192.0.2.0/24", true},
		{"192.0.2.7", "192.0.2.0/24", true},
		{"192.0.2.0/24", "192.0.2.0/24", false},
		{"2001:db8::/48", "2001:db8::/32", true},
		{"192.0.2.7", "+1202*", false},
	} {
		if got := read(tt.narrow).within(read(tt.wide)); got != tt.want {
			t.Errorf("%s within %s: %v", tt.narrow, tt.wide, got)
		}
	}
}

// Lists that a load does not hold against each other are named, with what does.
func TestOverlapOfLargeLists(t *testing.T) {
	large, _ := loadListWith(mustList(t, listSpec{}, variety...).listSpec, allBulk)
	spec := large.listSpec
	spec.File = compile(t, large)
	compiled, _ := loadList(spec)
	for l, hint := range map[*List]string{large: "(ringfence list check does it)", compiled: "(ringfence list check does it, with the file that a compiled list was built from)"} {
		rs := &Ruleset{}
		rs.lintOverlap(l, mustList(t, listSpec{Name: "friends"}, "+12025551234"), "", testTime)
		if len(rs.warnings) != 1 || !strings.Contains(rs.warnings[0].Error(), hint) {
			t.Errorf("%v, want %s", rs.warnings, hint)
		}
	}
}
