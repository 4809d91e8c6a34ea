package rules

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The property: an engine with an index and a cache says of every call what a
// plain reading of the rule file says. The plain reading is written here a
// second time, over strings and maps, and shares nothing with the compiler but
// the facts about numbers and the parties of a call.

// seen is a call as a plain reading sees it.
type seen struct {
	numbers map[string]Number // by attribute
	text    map[string]string
	source  netip.Addr
	hidden  bool
	facts   *factTable
	at      time.Time
	lists   map[string]func(*seen, Number) string // lists and learned lists: the entry that holds a number

	asserted []string // by an untrusted trunk
}

func (s *seen) all(name string) []Number {
	if name != "callers" {
		return []Number{s.numbers[name]}
	}
	var all []Number
	for _, n := range []Number{s.numbers["network"], s.numbers["presentation"]} {
		if !n.IsZero() {
			all = append(all, n)
		}
	}
	if all == nil {
		all = []Number{{}}
	}
	for _, text := range s.asserted {
		if strings.HasPrefix(text, "+") { // of the universe, those are the E.164 numbers
			n, _ := ParseNumber(text)
			all = append(all, n)
		}
	}
	return all
}

// hit is a row of a list by the number or the prefix that it holds.
type hit struct{ list, pattern string }

// basis is what a clause says of a call: whether it holds, and the rows that
// it holds by. There is one to name when every way in which it holds has one.
type basis struct {
	holds, sure bool
	rows        []hit
}

func and(x, y basis) basis {
	if !x.holds || !y.holds {
		return basis{}
	}
	return basis{true, x.sure || y.sure, slices.Concat(x.rows, y.rows)}
}

func or(x, y basis) basis {
	switch {
	case !x.holds:
		return y
	case !y.holds:
		return x
	}
	return basis{true, x.sure && y.sure, slices.Concat(x.rows, y.rows)}
}

// find reads "name in list(l)".
func (s *seen) find(name, l string) (r basis) {
	for _, n := range s.all(name) {
		if pattern := s.lists[l](s, n); pattern != "" {
			r.holds, r.sure = true, true
			r.rows = append(r.rows, hit{l, pattern})
		}
	}
	return r
}

// plainRule is a rule and what it means.
type plainRule struct {
	clause
	id, does string
	mode     Mode
}

func (a author) rules(n int) (file string, rules []plainRule) {
	var b strings.Builder
	b.WriteString("lists:\n  one: {file: one.csv}\n  two: {file: two.csv}\n  dno: {file: one.csv, why: dno}\n  nets: {file: nets.csv}\n  personal: {file: personal.csv, per: callee}\n  spam: {file: two.csv, why: subscriber}\nlearn:\n  dead: {from: callee, on: [404], upstream: [carrier], for: 30d}\nrules:\n")
	for i := range n {
		r := plainRule{id: fmt.Sprintf("r%d", i)}
		r.does = pick(a.r, []string{"block: dno", "block: anonymous", "block: listed", "allow: true", "label: L" + r.id, "withhold: true", "label: M" + r.id, "divert: sip:ivr@example.net"})
		if r.does == "block: listed" {
			r.clause = author{a.r, []string{"dno", "spam"}}.resting(a.r.IntN(4))
		} else {
			r.clause = a.clause(a.r.IntN(4))
		}
		if a.r.IntN(5) == 0 {
			r.mode = Mode(a.r.IntN(3))
		}
		fmt.Fprintf(&b, "  - id: %s\n    when: '%s'\n    %s\n    mode: %s\n", r.id, strings.ReplaceAll(r.text, "'", "''"), r.does, r.mode)
		rules = append(rules, r)
	}
	return b.String(), rules
}

// plain is the verdict by a plain basis, as words says it, and the rows that
// it may name. An answer to what is listed is that of the named row's list.
func plain(rules []plainRule, s *seen, daemon Mode, named string) (string, basis) {
	v := &Verdict{}
	rests := basis{}
	for _, r := range rules {
		if r.mode == Off {
			continue
		}
		is := r.means(s)
		if !is.holds {
			continue
		}
		verb, value, _ := strings.Cut(r.does, ": ")
		ends := verb == "block" || verb == "allow" || verb == "divert"
		if r.mode == Monitor || daemon == Monitor {
			if ends && verb != "allow" {
				v.Monitored = append(v.Monitored, &Rule{ID: r.id})
			}
			if ends && r.mode == Enforce {
				break
			}
			continue
		}
		switch verb {
		case "label":
			v.Label = value
			continue
		case "withhold":
			v.Withhold = true
			continue
		case "block":
			v.Action, v.Code, v.Phrase, v.Label, v.Withhold = Block, 603, "Decline", "", false
			switch {
			case value == "anonymous":
				v.Code, v.Phrase = 433, "Anonymity Disallowed"
			case value == "listed" && named == "spam":
				v.Code, v.Phrase = 607, "Unwanted"
			}
		case "divert":
			v.Action, v.Target = Divert, value
		}
		v.Rule, rests = &Rule{ID: r.id}, is
		break
	}
	return words(v), rests
}

// right tells whether a verdict may name the row that it names, or none.
func (b *basis) right(rs *Ruleset, v *Verdict) bool {
	if v.Live != nil {
		return slices.ContainsFunc(b.rows, func(h hit) bool { return h.list == v.List && slices.Contains(propertyLive, h.pattern) })
	}
	if v.Row == 0 {
		return !b.sure && v.List == ""
	}
	for _, l := range rs.lists {
		if l.Name == v.List {
			return slices.Contains(b.rows, hit{l.Name, l.Row(v.Row).Pattern})
		}
	}
	return false
}

// headers of a call in tests, by lower-case name.
type testHeaders map[string]string

func (h testHeaders) Header(name string) (string, bool) {
	v, ok := h[strings.ToLower(name)]
	return v, ok
}

func (a author) call() *Call {
	c := testCall(pick(a.r, universe), pick(a.r, universe))
	c.TrunkName = pick(a.r, []string{"carrier", "pbx", "", "nobody"})
	c.Source = pick(a.r, []netip.Addr{{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("::ffff:192.0.2.9"), netip.MustParseAddr("2001:db8::7")})
	for _, id := range []*Identity{&c.Asserted[0], &c.Asserted[1], &c.RemoteParty} {
		if a.r.IntN(2) == 0 {
			*id = Identity{User: pick(a.r, universe), Tel: a.r.IntN(2) == 0}
		}
	}
	c.Diversion = pick(a.r, universe)
	c.Account = pick(a.r, propertyTexts["account"])
	c.Domain = pick(a.r, propertyTexts["domain"])
	c.UserAgent = pick(a.r, propertyTexts["user_agent"])
	c.From.Display = pick(a.r, propertyTexts["display_name"])
	c.Headers = testHeaders{"x-campaign": pick(a.r, propertyTexts[`header("X-Campaign")`])}
	if a.r.IntN(4) == 0 {
		c.Privacy = "id"
	}
	c.Attestation = pick(a.r, []string{"", "A", "b", "C,A"})
	c.From.Verstat = pick(a.r, []string{"", "TN-Validation-Passed", "TN-Validation-Passed-C", "TN-Validation-Failed", "No-TN-Validation"})
	c.At = testTime.Add(-time.Duration(a.r.IntN(7*24*60)) * time.Minute)
	return c
}

// propertyLive are the entries that are added to a list while it runs, the last
// one for a time; one of its file is taken off.
var propertyLive = []string{"+12023350100", "+3014*", "+447911123456"}

// changed is a list with the changes to it.
func changed(file func(*seen, Number) string) func(*seen, Number) string {
	return func(s *seen, n Number) string {
		live := propertyLive
		if !s.at.Before(testTime.AddDate(0, 0, -2)) {
			live = live[:2]
		}
		switch row := listed(live...)(s, n); {
		case row != "":
			return row
		case n.String() == "+12124440101":
			return ""
		}
		return file(s, n)
	}
}

// listed is a list of numbers and prefixes; "until" begins one that expires.
func listed(numbers ...string) func(*seen, Number) string {
	return func(at *seen, n Number) string {
		for _, s := range numbers {
			s, until, _ := strings.Cut(s, " until ")
			if end, err := time.Parse(time.RFC3339, until); err == nil && !at.at.Before(end) {
				continue
			}
			if prefix, ok := strings.CutSuffix(s, "*"); ok && strings.HasPrefix(n.String(), prefix) || n.String() == s {
				return s
			}
		}
		return ""
	}
}

// csv is the file of such a list.
func csv(numbers []string) string {
	return "number,expires\n" + strings.ReplaceAll(strings.Join(numbers, "\n"), " until ", ",") + "\n"
}

func TestIndexAgainstPlainReading(t *testing.T) {
	one, two := []string{"+12023340100", "+1212*", "+442079460000", "+33142685300 until 2026-02-27T00:00:00Z"}, []string{"+12023340101", "+33*", "+12124440101"}
	lists := map[string]func(*seen, Number) string{"one": listed(one...), "two": changed(listed(two...)), "dno": listed(one...), "spam": changed(listed(two...)), "dead": listed("+13012223344", "+12023350100")}
	lists["personal"] = func(s *seen, n Number) string {
		switch s.numbers["callee"].String() {
		case "+12023340100":
			return listed("+12124440100", "+44*")(s, n)
		case "+12023340101":
			return listed("+12023340100")(s, n)
		}
		return ""
	}
	settings := Settings{Redress: testRedress, Trunks: []Trunk{testTrunk(t, "carrier", "203.0.113.0/24", true), testTrunk(t, "pbx", "192.0.2.64/26", false), testTrunk(t, "other", "198.51.100.0/24", false)}}
	for i := range settings.Trunks {
		settings.Trunks[i].Extensions, settings.Trunks[i].Direction = []string{"2XXX"}, Direction(i)
	}
	facts, err := newFacts(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer facts.Close()
	pairs, indexed, total, named, asserted := 0, 0, 0, 0, 0
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		a := author{rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)), []string{"one", "two"}}
		text, rules := a.rules(rapid.IntRange(1, 60).Draw(rt, "rules"))
		writeInto(t, dir, "rules.yaml", text, "one.csv", csv(one), "two.csv", csv(two), "nets.csv", strings.Join(propertyNetworks, "\n")+"\n",
			"personal.csv", "subscriber,number\n+12023340100,+12124440100\n+12023340100,+44*\n+12023340101,+12023340100\n")
		settings.Files = []string{dir + "/rules.yaml"}
		settings.Mode = Mode(min(1, rapid.IntRange(0, 9).Draw(rt, "monitor")/9))
		rs, err := Compile(settings)
		if err != nil {
			rt.Fatalf("%v\n%s", err, text)
		}
		for _, r := range rs.rules {
			if total++; r.Indexed {
				indexed++
			}
		}
		for _, size := range []int64{0, 1 << 20} {
			e, err := NewEngine(Options{CacheBytes: size, Pending: 64})
			if err != nil {
				rt.Fatal(err)
			}
			e.Swap(rs)
			for _, list := range []string{"two", "spam"} {
				mustChange(t, e, LiveChange{List: list, Entries: propertyLive[:2]})
				mustChange(t, e, LiveChange{List: list, Entries: []string{"+12124440101"}, Action: LiveRemove})
				if _, err := e.ChangeList(LiveChange{List: list, Action: LiveAdd, Entries: propertyLive[2:], Expires: testTime.AddDate(0, 0, -2)}, testTime.AddDate(0, 0, -8), kept); err != nil {
					rt.Fatal(err)
				}
			}
			until := testTime.Add(time.Hour)
			for _, s := range []string{"+13012223344", "+12023350100"} {
				n, _ := ParseNumber(s)
				e.learned.Restore([]LearnedEntry{{List: "dead", Number: n, Until: until}}, testTime)
			}
			for range propertyPairs/200 + 1 {
				c := a.call()
				v := decided(e, c)
				got := words(v)
				s := &seen{facts: facts, lists: lists, source: c.Source.Unmap(), hidden: c.withheld, at: c.At,
					numbers: map[string]Number{"caller": c.caller, "network": c.network, "presentation": c.presentation, "callee": c.callee, "diverted_by": c.divertedBy},
					text:    map[string]string{"account": c.Account, "domain": c.Domain, "user_agent": c.UserAgent, "display_name": c.From.Display}}
				s.text["attestation"], s.text["verification"] = "none", "none"
				if c.trunk != nil {
					s.text["trunk"], s.text["direction"] = c.trunk.Name, c.trunk.Direction.String()
					if c.trunk.Trusted {
						s.text["attestation"], s.text["verification"] = plainIdentity(c)
					}
				}
				s.text[`header("X-Campaign")`], _ = c.Headers.Header("X-Campaign")
				if c.trunk == nil || !c.trunk.Trusted {
					s.asserted = []string{c.Asserted[0].User, c.Asserted[1].User, c.RemoteParty.User}
				}
				want, rests := plain(rules, s, settings.Mode, v.List)
				if pairs++; got != want || !rests.right(rs, v) {
					rt.Fatalf("got %q by row %d of %q, want %q by one of %v\n%s\n%s", got, v.Row, v.List, want, rests.rows, e.Explain(c), text)
				}
				if v.Row != 0 {
					named++
				}
				if len(rests.rows) > 0 && len(s.all("callers")) > 2 {
					asserted++
				}
			}
			e.Close()
		}
	})
	t.Logf("%d pairs, %d by a row, %d of them with callers asserted; %d of %d rules indexed", pairs, named, asserted, indexed, total)
	if (pairs < propertyPairs || named < pairs/100 || asserted < pairs/1000) && !t.Failed() {
		t.Errorf("compared %d pairs, %d by a row, %d of them with callers asserted", pairs, named, asserted)
	}
}
