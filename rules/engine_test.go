package rules

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testTime is the time of calls in tests.
var testTime = time.Date(2026, 3, 2, 15, 4, 5, 0, time.UTC)

var testRedress = Redress{URL: "https://redress.example.net/b", Location: "RLN"}

// writeFiles makes files in a new folder: pairs of a name and a content.
func writeFiles(t testing.TB, files ...string) string {
	t.Helper()
	return writeInto(t, t.TempDir(), files...)
}

func writeInto(t testing.TB, dir string, files ...string) string {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// compiled makes a ruleset of one file and lists beside it.
func compiled(t testing.TB, s Settings, files ...string) *Ruleset {
	t.Helper()
	s.Files = []string{filepath.Join(writeFiles(t, files...), files[0])}
	if s.Redress == (Redress{}) {
		s.Redress = testRedress
	}
	rs, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// Counts go on from one ruleset to the next, and no further.
func TestCountsOverReloads(t *testing.T) {
	set := func(ids ...string) *Ruleset {
		text := make([]string, len(ids))
		for i, id := range ids {
			text[i] = "{id: " + id + ", when: true, withhold: true}"
		}
		return compiled(t, Settings{}, "rules.yaml", rulesOf(text...))
	}
	e := running(t, Options{}, set("a", "b"))
	for _, tt := range []struct {
		ids  []string
		want []uint64
	}{
		{[]string{"b", "a"}, []uint64{1, 1}},
		{[]string{"a", "c"}, []uint64{2, 0}},
		{[]string{"a", "b"}, []uint64{3, 0}},
	} {
		decided(e, testCall("+12122000000", "+12025550123"))
		rs := set(tt.ids...)
		e.Swap(rs)
		for i, r := range rs.Rules() {
			if got := r.Counts.Matched.Load(); got != tt.want[i] {
				t.Errorf("rule %s of %v: %d, want %d", r.ID, tt.ids, got, tt.want[i])
			}
		}
		if len(e.counts) != len(tt.ids) {
			t.Errorf("%d counts of %d rules", len(e.counts), len(tt.ids))
		}
	}
}

// running makes an engine that runs rs.
func running(t testing.TB, o Options, rs *Ruleset) *Engine {
	t.Helper()
	e, err := NewEngine(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	if rs != nil {
		e.Swap(rs)
	}
	return e
}

// testCall is one from a number to a number.
func testCall(from, to string) *Call {
	c := &Call{At: testTime, RequestUser: to, RequestURI: "sip:" + to + "@example.net", Domain: "example.net"}
	c.From = Identity{User: from, Host: "example.org"}
	return c
}

// testTrunk is one of a network.
func testTrunk(t testing.TB, name, network string, trusted bool) Trunk {
	t.Helper()
	return Trunk{Name: name, Networks: []netip.Prefix{netip.MustParsePrefix(network)}, Country: "US", Trusted: trusted}
}

func decided(e *Engine, c *Call) *Verdict {
	v := new(Verdict)
	e.Decide(c, v)
	return v
}

const designRules = `
lists:
  spam:    {file: spam.csv, why: analytics}
  dno:     {file: dno.csv, why: dno}
  acme:    {file: acme.csv, own: true}
  friends: {file: friends.csv}
learn:
  not-found: {from: callee, on: [404], upstream: [carrier-a], after: 1, for: 30d}
rules:
  - id: dno
    when: callers in list("dno") or invalid(callers)
    block: dno
  - id: acme-screening
    when: trunk == "pbx-acme" and caller not in list("acme")
    block: administrative
  - id: dead-number
    when: callee in learned("not-found")
    block: not-found
  - id: friends
    when: caller in list("friends")
    allow: true
  - id: spam
    when: callers in list("spam")
    block: analytics
  - id: unknown
    when: caller == "" and not withheld
    label: Unknown caller
  - id: refuse-withheld
    when: withheld and callee == "+12025550199"
    block: anonymous
`

var designLists = []string{
	"spam.csv", "number,source,note\n+12123340147,feed-a,car warranty\n+12124449*,feed-b,\n",
	"dno.csv", "number\n+18005550100\n",
	"acme.csv", "number\n+12023340100\n",
	"friends.csv", "number\n+12124449000\n",
}

func designSettings(t testing.TB) Settings {
	return Settings{Redress: testRedress, Trunks: []Trunk{
		testTrunk(t, "carrier-a", "192.0.2.0/24", true),
		testTrunk(t, "pbx-acme", "198.51.100.7/32", false),
	}}
}

func TestDesign(t *testing.T) {
	rs := compiled(t, designSettings(t), append([]string{"rules.yaml", designRules}, designLists...)...)
	e := running(t, Options{CacheBytes: 1 << 20}, rs)
	tests := []struct {
		name string
		call *Call
		edit func(*Call)
		want string // action, rule, status
	}{
		{"clean", testCall("+12122000000", "+12025550123"), nil, "allow"},
		{"spam", testCall("+12123340147", "+12025550123"), nil, "block spam 603 Network Blocked"},
		{"spam by prefix", testCall("+12124449111", "+12025550123"), nil, "block spam 603 Network Blocked"},
		{"friend", testCall("+12124449000", "+12025550123"), nil, "allow friends"},
		{"dno", testCall("+18005550100", "+12025550123"), nil, "block dno 603 Decline"},
		{"invalid", testCall("+11115550100", "+12025550123"), nil, "block dno 603 Decline"},
		{"emergency", testCall("+12123340147", "911"), nil, "allow (emergency call)"},
		{"screening", testCall("+12122000000", "+12025550123"), func(c *Call) { c.TrunkName = "pbx-acme" }, "block acme-screening 603 Decline"},
		{"own number", testCall("+12023340100", "+12025550123"), func(c *Call) { c.TrunkName = "pbx-acme" }, "allow"},
		{"spam in PAI", testCall("+12122000000", "+12025550123"), func(c *Call) {
			c.TrunkName, c.Asserted[0] = "carrier-a", Identity{User: "+12123340147", Host: "x.example"}
		}, "block spam 603 Network Blocked"},
		{"spam in From, clean PAI", testCall("+12123340147", "+12025550123"), func(c *Call) {
			c.TrunkName, c.Asserted[0] = "carrier-a", Identity{User: "+12122000000", Host: "x.example"}
		}, "block spam 603 Network Blocked"},
		{"forged friend in PAI", testCall("+12123340147", "+12025550123"), func(c *Call) {
			c.Asserted[0] = Identity{User: "+12124449000", Host: "x.example"}
		}, "block spam 603 Network Blocked"},
		{"withheld", testCall("anonymous", "+12025550199"), func(c *Call) { c.From.Host = "anonymous.invalid" }, "block refuse-withheld 433 Anonymity Disallowed"},
		{"no number", testCall("alice", "+12025550123"), nil, "allow [Unknown caller]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.edit != nil {
				tt.edit(tt.call)
			}
			if got := words(decided(e, tt.call)); got != tt.want {
				t.Errorf("got %q, want %q\n%s", got, tt.want, e.Explain(tt.call))
			}
		})
	}
}

// words says a verdict in short.
func words(v *Verdict) string {
	s := []string{v.Action.String()}
	if v.Rule != nil {
		s = append(s, v.Rule.ID)
	}
	if v.Code != 0 {
		s = append(s, status(v.Code, v.Phrase))
	}
	if v.Target != "" {
		s = append(s, v.Target)
	}
	if v.Guard != Unguarded {
		s = append(s, "("+v.Guard.String()+")")
	}
	if v.Label != "" {
		s = append(s, "["+v.Label+"]")
	}
	if v.Withhold {
		s = append(s, "withhold")
	}
	for _, r := range v.Monitored {
		s = append(s, "~"+r.ID)
	}
	return strings.Join(s, " ")
}
