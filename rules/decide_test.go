package rules

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func rulesOf(rules ...string) string { return "rules:\n  - " + strings.Join(rules, "\n  - ") + "\n" }

func TestNoRuleset(t *testing.T) {
	e := running(t, Options{CacheBytes: 1 << 20}, nil)
	v := decided(e, testCall("+12125550147", "+12025550123"))
	if v.Action != Allow || v.ID == (ID{}) {
		t.Errorf("verdict %+v", v)
	}
	if e.Generation() != 0 || e.Ruleset() != nil {
		t.Errorf("generation %d", e.Generation())
	}
	if got := e.Explain(testCall("", "")).String(); !strings.Contains(got, "no rules are loaded: every call passes") {
		t.Errorf("explanation: %s", got)
	}
	if o := e.Observe(&Outcome{ID: v.ID, Code: 404}); o != Unknown {
		t.Errorf("outcome is %s", o)
	}
}

func TestActions(t *testing.T) {
	tests := []struct {
		name, rules, want string
		mode              Mode
	}{
		{"first block wins", rulesOf("{id: a, when: true, block: subscriber}", "{id: b, when: true, block: dno}"), "block a 607 Unwanted", Enforce},
		{"allow ends", rulesOf("{id: a, when: true, allow: true}", "{id: b, when: true, block: dno}"), "allow a", Enforce},
		{"divert", rulesOf("{id: l, when: true, label: Spam}", "{id: a, when: true, divert: 'sip:ivr@pbx.example.com;transport=tcp'}"), "divert a sip:ivr@pbx.example.com;transport=tcp [Spam]", Enforce},
		{"last label wins", rulesOf("{id: a, when: true, label: One}", "{id: b, when: true, label: Two, withhold: true}"), "allow [Two] withhold", Enforce},
		{"a block takes no label along", rulesOf("{id: a, when: true, label: One, withhold: true}", "{id: b, when: true, block: dno}"), "block b 603 Decline", Enforce},
		{"off", rulesOf("{id: a, when: true, block: dno, mode: off}"), "allow", Enforce},
		{"monitor records", rulesOf("{id: a, when: true, block: dno, mode: monitor}", "{id: b, when: true, allow: true, mode: monitor}", "{id: l, when: true, label: X, mode: monitor}", "{id: c, when: true, block: subscriber}"), "block c 607 Unwanted ~a", Enforce},
		{"daemon in monitor", rulesOf("{id: l, when: true, label: X}", "{id: w, when: true, withhold: true}", "{id: m, when: true, allow: true, mode: monitor}", "{id: a, when: true, block: dno}", "{id: b, when: true, block: subscriber}"), "allow ~a", Monitor},
		{"an allow ends it in monitor, too", rulesOf("{id: a, when: true, block: dno, mode: monitor}", "{id: m, when: true, allow: true}", "{id: b, when: true, block: dno}"), "allow ~a", Monitor},
		{"identity", rulesOf("{id: a, when: true, block: identity, failure: stale}"), "block a 403 Stale Date", Enforce},
		{"hours", rulesOf("{id: a, when: true, block: hours}"), "block a 480 Temporarily Unavailable", Enforce},
		{"overload", rulesOf("{id: a, when: true, block: overload}"), "block a 503 Service Unavailable", Enforce},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := running(t, Options{}, compiled(t, Settings{Mode: tt.mode}, "rules.yaml", tt.rules))
			v := decided(e, testCall("+12122000000", "+12025550123"))
			if got := words(v); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A verdict used again keeps nothing of the call before.
func TestVerdictReuse(t *testing.T) {
	e := running(t, Options{}, compiled(t, Settings{}, "rules.yaml", rulesOf(
		"{id: m, when: withheld, block: dno, mode: monitor}", "{id: p, when: withheld, block: pacing, retry_after: 90s}")))
	c := testCall("anonymous", "+12025550123")
	v := new(Verdict)
	e.Decide(c, v)
	if v.Retry != 90*time.Second || len(v.Monitored) != 1 || string(v.Reason) != `Q.850;cause=42;text="Too many calls"` || v.Rule.ID != "p" || v.Why != Pacing {
		t.Fatalf("verdict %+v", v)
	}
	first := v.ID
	e.Decide(testCall("+12122000000", "+12025550123"), v)
	if v.ID == first || v.ID == (ID{}) {
		t.Errorf("id %s after %s", v.ID, first)
	}
	caller, _ := ParseNumber("+12122000000")
	callee, _ := ParseNumber("+12025550123")
	want := Verdict{ID: v.ID, Reason: []byte{}, Monitored: []*Rule{}, Caller: caller, Callee: callee}
	if diff := cmp.Diff(want, *v, cmp.AllowUnexported(Number{}), cmp.Comparer(func(a, b *Rule) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestID(t *testing.T) {
	seen := map[ID]bool{}
	for range 1000 {
		id := newID(testTime)
		if seen[id] {
			t.Fatalf("%s twice", id)
		}
		seen[id] = true
		if got, ok := ParseID(strings.ToUpper(id.String())); !ok || got != id {
			t.Fatalf("%s reads as %s", id, got)
		}
	}
	early, late := newID(testTime), newID(testTime.Add(time.Second))
	if early.String()[:8] >= late.String()[:8] {
		t.Errorf("%s is not before %s", early, late)
	}
	if zero := newID(time.Time{}); zero.String()[:8] != "00000000" {
		t.Errorf("without a time: %s", zero)
	}
	for _, s := range []string{"", "06c1a2b3d4e5f6g7h8j", "06c1a2b3d4e5f6g7h8ju", "06c1a2b3d4e5f6g7h8j\n"} {
		if id, ok := ParseID(s); ok {
			t.Errorf("%q reads as %s", s, id)
		}
	}
}

func TestListed(t *testing.T) {
	rs := compiled(t, Settings{}, "rules.yaml", "lists:\n  mixed: {file: mixed.csv, why: dno}\n"+rulesOf(`{id: a, when: 'callers in list("mixed")', block: listed}`),
		"mixed.csv", "number,why,source\n+12123340100,analytics,feed\n+12123340101,subscriber,\n+12123340102,,\n")
	e := running(t, Options{}, rs)
	for number, want := range map[string]string{
		"+12123340100": "block a 603 Network Blocked", "+12123340101": "block a 607 Unwanted", "+12123340102": "block a 603 Decline", "+12123340103": "allow",
	} {
		v := decided(e, testCall(number, "+12025550123"))
		if got := words(v); got != want {
			t.Errorf("%s: got %q, want %q", number, got, want)
		}
		if v.Action == Block && (v.List != "mixed" || rs.lists[0].Row(v.Row).Pattern != number) {
			t.Errorf("%s: row %d of %q", number, v.Row, v.List)
		}
	}
	if _, err := Compile(Settings{Files: []string{writeFiles(t, "rules.yaml", "lists:\n  mixed: {file: mixed.csv, why: dno}\n"+rulesOf(`{id: a, when: 'callers in list("mixed")', block: listed}`), "mixed.csv", "number,why\n+12123340100,analytics\n") + "/rules.yaml"}}); err == nil || !strings.Contains(err.Error(), "analytics without a redress contact") {
		t.Errorf("a row says analytics, no redress: %v", err)
	}
}

// The row in a verdict is one that the verdict rests on, and block: listed
// answers for its why.
func TestRowOfVerdict(t *testing.T) {
	const both = "+12123340100" // in a and in b
	tests := []struct{ when, does, caller, callee, want, list string }{
		{`(caller in list("a") and callee == "+12025550100") or caller in list("b")`, "listed", both, "+12025550123", "block r 603 Network Blocked", "b"},
		{`(caller in list("a") and callee == "+12025550100") or caller in list("b")`, "listed", both, "+12025550100", "block r 603 Decline", "a"},
		{`(caller in list("a") and account == "" and callee == "+12025550100") or caller in list("b")`, "listed", both, "+12025550123", "block r 603 Network Blocked", "b"},
		{`caller in list("b") and (caller in list("a") and withheld or account == "")`, "listed", both, "+12025550123", "block r 603 Network Blocked", "b"},
		{`(caller in list("a") and withheld or account == "") and caller in list("b")`, "listed", both, "+12025550123", "block r 603 Network Blocked", "b"},
		{`not (caller not in list("a") or withheld) and caller in list("b")`, "listed", both, "+12025550123", "block r 603 Network Blocked", "b"},
		{`caller in list("a") and withheld or callee == "+12025550123"`, "dno", both, "+12025550123", "block r 603 Decline", ""},
		{`caller in list("a") and withheld and account == "" or callee == "+12025550123"`, "dno", both, "+12025550123", "block r 603 Decline", ""},
		{`not (caller in list("a")) or callee == "+12025550123"`, "dno", both, "+12025550123", "block r 603 Decline", ""},
		{`caller in list("a") and callee in list("a")`, "listed", both, "+12123340101", "block r 603 Decline", "a"},
	}
	for _, tt := range tests {
		rs := compiled(t, Settings{}, "rules.yaml", "lists:\n  a: {file: a.csv, why: dno}\n  b: {file: b.csv, why: analytics}\n"+
			rulesOf("{id: r, when: '"+tt.when+"', block: "+tt.does+"}"), "a.csv", both+"\n+12123340101\n", "b.csv", both+"\n")
		e := running(t, Options{}, rs)
		c := testCall(tt.caller, tt.callee)
		v := decided(e, c)
		if got := words(v); got != tt.want || v.List != tt.list || (v.Row != 0) != (tt.list != "") {
			t.Errorf("%s: got %q by row %d of %q, want %q by a row of %q", tt.when, got, v.Row, v.List, tt.want, tt.list)
		}
		row := ""
		if r := e.Explain(c).Rules[0].Row; r != nil {
			row = r.List
		}
		if row != tt.list {
			t.Errorf("%s: explained by a row of %q, want %q", tt.when, row, tt.list)
		}
	}
}

func TestRowsExpire(t *testing.T) {
	rs := compiled(t, Settings{}, "rules.yaml", "lists:\n  spam: {file: spam.csv, why: subscriber}\n"+rulesOf(`{id: a, when: 'callers in list("spam")', block: subscriber}`),
		"spam.csv", "number,expires\n+12123340100,2026-03-02T15:04:06Z\n")
	e := running(t, Options{CacheBytes: 1 << 20}, rs)
	c := testCall("+12123340100", "+12025550123")
	for range 3 {
		if v := decided(e, c); v.Action != Block {
			t.Fatal("passes before the row expires")
		}
		e.cache.cache.Wait()
	}
	c.At = c.At.Add(time.Second)
	if v := decided(e, c); v.Action != Allow {
		t.Error("stopped after the row expired")
	}
}

func TestGuard(t *testing.T) {
	rs := compiled(t, Settings{Emergency: []string{"116117"}, Trunks: []Trunk{testTrunk(t, "carrier", "192.0.2.0/24", true), testTrunk(t, "pbx", "198.51.100.0/24", false)}},
		"rules.yaml", rulesOf("{id: a, when: true, block: subscriber}"))
	e := running(t, Options{}, rs)
	tests := []struct {
		name string
		edit func(*Call)
		want Guard
	}{
		{"911", func(c *Call) { c.RequestUser = "911" }, Emergency},
		{"9-1-1", func(c *Call) { c.RequestUser = "9-1-1" }, Emergency},
		{"configured", func(c *Call) { c.RequestUser = "116117" }, Emergency},
		{"sos", func(c *Call) { c.RequestURI, c.RequestUser = "urn:service:sos.police", "" }, Emergency},
		{"longer", func(c *Call) { c.RequestUser = "9115551234" }, Unguarded},
		{"To is not asked", func(c *Call) { c.To.User = "911" }, Unguarded},
		{"callback", func(c *Call) { c.Priority, c.TrunkName = "psap-callback", "carrier" }, Callback},
		{"callback by address", func(c *Call) { c.Priority, c.Source = "PSAP-Callback", netip.MustParseAddr("192.0.2.9") }, Callback},
		{"callback from anybody", func(c *Call) { c.Priority = "psap-callback" }, Unguarded},
		{"callback from an untrusted trunk", func(c *Call) { c.Priority, c.TrunkName = "psap-callback", "pbx" }, Unguarded},
		{"callback from an unknown trunk", func(c *Call) {
			c.Priority, c.TrunkName, c.Source = "psap-callback", "nobody", netip.MustParseAddr("192.0.2.9")
		}, Unguarded},
		{"urgent", func(c *Call) { c.Priority, c.TrunkName = "emergency", "carrier" }, Unguarded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testCall("+12125550147", "+12025550123")
			tt.edit(c)
			if v := decided(e, c); v.Guard != tt.want || (v.Action == Allow) != (tt.want != Unguarded) {
				t.Errorf("guard %q, %s", v.Guard, v.Action)
			}
		})
	}
}

func TestParties(t *testing.T) {
	rs := compiled(t, Settings{Trunks: []Trunk{testTrunk(t, "carrier", "192.0.2.0/24", true), testTrunk(t, "pbx", "198.51.100.0/24", false)}},
		"rules.yaml", rulesOf("{id: a, when: false, block: subscriber}"))
	e := running(t, Options{}, rs)
	sip, tel := Identity{User: "2122000001", Host: "x.example"}, Identity{User: "+12122000002", Tel: true}
	tests := []struct {
		name                          string
		edit                          func(*Call)
		trunk                         string
		network, presentation, caller string
	}{
		{"From alone", func(c *Call) {}, "", "", "+12122000000", "+12122000000"},
		{"trusted PAI, tel before sip", func(c *Call) { c.TrunkName, c.Asserted = "carrier", [2]Identity{sip, tel} }, "carrier", "+12122000002", "+12122000000", "+12122000002"},
		{"trusted PAI, national", func(c *Call) { c.TrunkName, c.Asserted[0] = "carrier", sip }, "carrier", "+12122000001", "+12122000000", "+12122000001"},
		{"PAI without a number, then RPID", func(c *Call) {
			c.TrunkName, c.Asserted[0], c.RemoteParty = "carrier", Identity{User: "alice", Host: "x.example"}, tel
		}, "carrier", "+12122000002", "+12122000000", "+12122000002"},
		{"by address", func(c *Call) { c.Source, c.Asserted[0] = netip.MustParseAddr("::ffff:192.0.2.1"), tel }, "carrier", "+12122000002", "+12122000000", "+12122000002"},
		{"untrusted PAI and RPID", func(c *Call) { c.TrunkName, c.Asserted[0], c.RemoteParty = "pbx", tel, tel }, "pbx", "", "+12122000000", "+12122000000"},
		{"unknown name is not found by address", func(c *Call) {
			c.TrunkName, c.Source, c.Asserted[0] = "nobody", netip.MustParseAddr("192.0.2.1"), tel
		}, "", "", "+12122000000", "+12122000000"},
		{"no number in From", func(c *Call) { c.From.User = "alice" }, "", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testCall("+12122000000", "+12025550123")
			tt.edit(c)
			v := decided(e, c)
			got := [...]string{v.Trunk, c.network.String(), c.presentation.String(), v.Caller.String()}
			if want := [...]string{tt.trunk, tt.network, tt.presentation, tt.caller}; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if n := e.Stats().UnknownTrunks; n != 1 {
		t.Errorf("%d calls of unknown trunks, want 1", n)
	}
}

// Callers hold what an untrusted trunk asserts; caller and network do not.
func TestCallers(t *testing.T) {
	rs := compiled(t, Settings{Trunks: []Trunk{testTrunk(t, "carrier", "192.0.2.0/24", true), testTrunk(t, "pbx", "198.51.100.0/24", false)}},
		"rules.yaml", "lists:\n  spam: {file: spam.csv, why: subscriber}\n"+rulesOf(`{id: spam, when: 'callers in list("spam")', block: listed}`,
			`{id: dno, when: invalid(callers), block: dno}`, `{id: none, when: 'callers == ""', label: Nobody}`, `{id: other, when: 'country(callers) == "FR"', label: Abroad}`),
		"spam.csv", "+12123340147\n")
	e := running(t, Options{}, rs)
	clean, spam, invalid := Identity{User: "+12122000000", Host: "x.example"}, Identity{User: "(212) 334-0147", Host: "x.example"}, Identity{User: "+11115550100", Tel: true}
	abroad, name, extension := Identity{User: "+33142685300", Tel: true}, Identity{User: "alice", Host: "x.example"}, Identity{User: "2001", Host: "x.example"}
	tests := []struct {
		name                string
		trunk               string
		from, pai, pai2, id Identity
		callers, want       string
	}{
		{"From", "pbx", spam, Identity{}, Identity{}, Identity{}, "+12123340147", "block spam 607 Unwanted"},
		{"PAI", "pbx", clean, spam, Identity{}, Identity{}, "+12122000000, +12123340147", "block spam 607 Unwanted"},
		{"second PAI", "pbx", clean, clean, spam, Identity{}, "+12122000000, +12123340147", "block spam 607 Unwanted"},
		{"RPID", "pbx", clean, Identity{}, Identity{}, spam, "+12122000000, +12123340147", "block spam 607 Unwanted"},
		{"PAI of no trunk", "", clean, Identity{User: "+12123340147", Tel: true}, Identity{}, Identity{}, "+12122000000, +12123340147", "block spam 607 Unwanted"},
		{"RPID of a trusted trunk is not read after PAI", "carrier", clean, clean, Identity{}, spam, "+12122000000", "allow"},
		{"second PAI of a trusted trunk", "carrier", clean, clean, spam, Identity{}, "+12122000000", "allow"},
		{"invalid", "pbx", clean, invalid, Identity{}, Identity{}, "+12122000000, +11115550100", "block dno 603 Decline"},
		{"no number, extensions and names", "pbx", clean, name, extension, name, "+12122000000", "allow"},
		{"as many as can be", "pbx", clean, abroad, Identity{User: "+442079460000", Tel: true}, spam, "+12122000000, +33142685300, +442079460000, +12123340147", "block spam 607 Unwanted"},
		{"one beside an absent one", "pbx", name, abroad, Identity{}, Identity{}, "+33142685300", "allow [Abroad]"},
		{"three beside an absent one", "pbx", name, clean, abroad, spam, "+12122000000, +33142685300, +12123340147", "block spam 607 Unwanted"},
		{"nothing", "pbx", name, name, Identity{}, Identity{}, "", "allow [Nobody]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testCall("", "+12025550123")
			c.TrunkName, c.From, c.Asserted, c.RemoteParty = tt.trunk, tt.from, [2]Identity{tt.pai, tt.pai2}, tt.id
			x := e.Explain(c)
			for _, r := range x.Call {
				if r.Name == "callers" && r.Value != tt.callers {
					t.Errorf("callers %q, want %q", r.Value, tt.callers)
				}
			}
			v := decided(e, c)
			if got := words(v); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.trunk != "carrier" && (v.Caller != c.presentation || !c.network.IsZero()) {
				t.Errorf("caller %s, network %s of an untrusted trunk", v.Caller, c.network)
			}
		})
	}
}

// Beside what others assert an absent caller stays absent: callers == "" keeps
// its meaning.
func TestAbsentCallerStays(t *testing.T) {
	e := running(t, Options{}, compiled(t, Settings{}, "rules.yaml", rulesOf(`{id: none, when: 'callers == ""', block: dno}`)))
	c := testCall("alice", "+12025550123")
	c.Asserted[0] = Identity{User: "+12122000000", Tel: true}
	if got := words(decided(e, c)); got != "block none 603 Decline" {
		t.Errorf("got %q", got)
	}
}

func TestWithheld(t *testing.T) {
	tests := []struct {
		name string
		from Identity
		priv string
		want bool
	}{
		{"number", Identity{User: "+12122000000", Host: "x.example"}, "", false},
		{"name", Identity{User: "alice", Host: "x.example"}, "", false},
		{"host", Identity{User: "+12122000000", Host: "Anonymous.Invalid"}, "", true},
		{"display", Identity{User: "+12122000000", Host: "x.example", Display: "Anonymous"}, "", true},
		{"display is more", Identity{User: "+12122000000", Host: "x.example", Display: "Anonymous Caller"}, "", false},
		{"anonymous", Identity{User: "anonymous", Host: "x.example"}, "", true},
		{"Restricted", Identity{User: "Restricted", Host: "x.example"}, "", true},
		{"unavailable", Identity{User: "unavailable", Host: "x.example"}, "", true},
		{"private", Identity{User: "PRIVATE", Host: "x.example"}, "", true},
		{"unknown", Identity{User: "unknown", Host: "x.example"}, "", true},
		{"no user", Identity{Host: "x.example"}, "", true},
		{"no From", Identity{}, "", false},
		{"zeros", Identity{User: "0000000000", Host: "x.example"}, "", true},
		{"keypad", Identity{User: "+266696687", Host: "x.example"}, "", true},
		{"id", Identity{User: "+12122000000", Host: "x.example"}, "id", true},
		{"user", Identity{User: "+12122000000", Host: "x.example"}, "header; USER ;critical", true},
		{"commas", Identity{User: "+12122000000", Host: "x.example"}, "none,id", true},
		{"none", Identity{User: "+12122000000", Host: "x.example"}, "none", false},
		{"critical", Identity{User: "+12122000000", Host: "x.example"}, "critical", false},
		{"history", Identity{User: "+12122000000", Host: "x.example"}, "history;session;header", false},
		{"nothing", Identity{User: "+12122000000", Host: "x.example"}, ";;", false},
	}
	for _, tt := range tests {
		if got := isWithheld(&Call{From: tt.from, Privacy: tt.priv}); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// One attempt counts once, however often it is asked about.
func TestCountedOnce(t *testing.T) {
	rs := compiled(t, Settings{}, "rules.yaml", rulesOf("{id: m, when: true, block: dno, mode: monitor}", "{id: a, when: true, block: subscriber}"))
	e := running(t, Options{}, rs)
	c := testCall("+12122000000", "+12025550123")
	c.CallID, c.FromTag, c.CSeq, c.TrunkName = "x@192.0.2.1", "t", 1, "nobody"
	for range 3 {
		if v := decided(e, c); v.Action != Block {
			t.Fatal("passes")
		}
	}
	check := func(want uint64) {
		t.Helper()
		if m, a, u := rs.rules[0].Counts.Monitored.Load(), rs.rules[1].Counts.Matched.Load(), e.Stats().UnknownTrunks; m != want || a != want || u != want {
			t.Errorf("monitored %d, matched %d, unknown trunk %d, want %d each", m, a, u, want)
		}
	}
	check(1)
	c.CSeq = 2
	decided(e, c)
	check(2)
	c.FromTag = "u"
	decided(e, c)
	check(3)
	e.Explain(c)
	check(3)
	c.CallID = ""
	decided(e, c)
	decided(e, c)
	check(5)
}

// Only a call that passes has an outcome to wait for.
func TestPendingHoldsWhatPasses(t *testing.T) {
	e := running(t, Options{}, compiled(t, Settings{Trunks: []Trunk{testTrunk(t, "carrier", "192.0.2.0/24", true)}}, "rules.yaml", rulesOf(
		`{id: d, when: 'callee == "+12025550124"', divert: "sip:ivr@example.net"}`, `{id: b, when: 'callee == "+12025550125"', block: subscriber}`, `{id: m, when: true, block: dno, mode: monitor}`)))
	for _, tt := range []struct {
		callee string
		does   Action
		open   int
		seen   Observed
	}{{"+12025550123", Allow, 1, Counted}, {"+12025550124", Divert, 0, Unknown}, {"+12025550125", Block, 0, Unknown}, {"911", Allow, 1, Counted}} {
		v := decided(e, testCall("+12122000000", tt.callee))
		if n := e.Stats().Pending.Open; v.Action != tt.does || n != tt.open {
			t.Errorf("%s: %s, %d calls are waited for, want %d", tt.callee, v.Action, n, tt.open)
		}
		if got := e.Observe(&Outcome{At: testTime, ID: v.ID, Code: 404, Upstream: netip.MustParseAddr("192.0.2.7"), Ended: true}); got != tt.seen {
			t.Errorf("%s: the outcome is %s, want %s", tt.callee, got, tt.seen)
		}
	}
}

func TestCountsSurviveReload(t *testing.T) {
	first := compiled(t, Settings{}, "rules.yaml", rulesOf("{id: a, when: true, block: subscriber}"))
	second := compiled(t, Settings{}, "rules.yaml", rulesOf("{id: new, when: withheld, block: dno}", "{id: a, when: true, block: subscriber}"))
	e := running(t, Options{}, first)
	decided(e, testCall("+12122000000", "+12025550123"))
	e.Swap(second)
	decided(e, testCall("+12122000000", "+12025550123"))
	if a, n := second.rules[1].Counts, second.rules[0].Counts; a.Matched.Load() != 2 || n.Matched.Load() != 0 || first.rules[0].Counts != a {
		t.Errorf("a %d, new %d", a.Matched.Load(), n.Matched.Load())
	}
	if e.Generation() != 2 {
		t.Errorf("generation %d", e.Generation())
	}
}

// A called number that a named upstream says is unknown is stopped next time;
// after a reload, too.
func TestLearnedFromOutcomes(t *testing.T) {
	compile := func() *Ruleset {
		return compiled(t, Settings{Trunks: []Trunk{testTrunk(t, "carrier-a", "192.0.2.0/24", true)}}, "rules.yaml",
			"learn:\n  not-found: {from: callee, on: [404], upstream: [carrier-a], for: 30d}\nlists:\n  own: {file: own.csv, own: true}\n"+
				rulesOf(`{id: dead, when: 'callee in learned("not-found")', block: not-found}`), "own.csv", "+12025550177\n")
	}
	e := running(t, Options{CacheBytes: 1 << 20}, compile())
	answer404 := func(to string) Observed {
		v := decided(e, testCall("+12122000000", to))
		if v.Action != Allow {
			t.Fatalf("%s: %s", to, words(v))
		}
		return e.Observe(&Outcome{At: testTime, ID: v.ID, Code: 404, Upstream: netip.MustParseAddr("192.0.2.7"), Ended: true})
	}
	for _, to := range []string{"+12025550123", "+12025550177"} {
		if got := answer404(to); got != Counted {
			t.Errorf("outcome is %s", got)
		}
	}
	for range 2 {
		if got := words(decided(e, testCall("+12122000000", "+12025550123"))); got != "block dead 404 Not Found" {
			t.Errorf("second call: %s", got)
		}
		if got := words(decided(e, testCall("+12122000000", "+12025550177"))); got != "allow" {
			t.Errorf("own number: %s", got)
		}
		e.Swap(compile())
	}
	later := testCall("+12122000000", "+12025550123")
	later.At = testTime.Add(31 * 24 * time.Hour)
	if got := words(decided(e, later)); got != "allow" {
		t.Errorf("after 31 days: %s", got)
	}
}
