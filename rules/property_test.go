package rules

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
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

// propertyPairs is how many pairs of a ruleset and a call a run compares.
const propertyPairs = 200_000

// seen is a call as a plain reading sees it.
type seen struct {
	numbers map[string]Number // by attribute
	text    map[string]string
	source  netip.Addr
	hidden  bool
	facts   *factTable
	lists   map[string]func(Number) string // lists and learned lists: the entry that holds a number

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
		if pattern := s.lists[l](n); pattern != "" {
			r.holds, r.sure = true, true
			r.rows = append(r.rows, hit{l, pattern})
		}
	}
	return r
}

// clause is a random condition: as text, and as what it means.
type clause struct {
	text  string
	means func(*seen) basis
}

// plainly makes a clause that rests on no row.
func plainly(text string, holds func(*seen) bool) clause {
	return clause{text, func(s *seen) basis { return basis{holds: holds(s)} }}
}

// author writes rules about two of the lists.
type author struct {
	r     *rand.Rand
	lists []string
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

var (
	universe = []string{
		"+12023340100", "+12023340101", "+12023350100", "+12124440100", "+12124440101", "+13012223344",
		"+442079460000", "+447911123456", "+33142685300", "+11115550100", "2001", "2002", "555", "007", "",
	}
	propertyNumbers = []string{"caller", "network", "presentation", "callers", "callee", "diverted_by"}
	propertyTexts   = map[string][]string{
		"trunk":                {"carrier", "pbx", "", "other"},
		"account":              {"alice", "bob", ""},
		"domain":               {"example.net", "example.org"},
		"user_agent":           {"friendly-scanner", "Kamailio 5.6", ""},
		"display_name":         {"ACME", "Bank of X", ""},
		`header("X-Campaign")`: {"a", "b", ""},
	}
	textNames = []string{"trunk", "account", "domain", "user_agent", "display_name", `header("X-Campaign")`}
)

func (a author) clause(depth int) clause {
	if depth > 0 {
		switch a.r.IntN(6) {
		case 0, 1:
			x, y := a.clause(depth-1), a.clause(depth-1)
			return clause{"(" + x.text + " and " + y.text + ")", func(s *seen) basis { return and(x.means(s), y.means(s)) }}
		case 2, 3:
			x, y := a.clause(depth-1), a.clause(depth-1)
			return clause{"(" + x.text + " or " + y.text + ")", func(s *seen) basis { return or(x.means(s), y.means(s)) }}
		case 4:
			x := a.clause(depth - 1)
			return plainly("not ("+x.text+")", func(s *seen) bool { return !x.means(s).holds })
		}
	}
	switch a.r.IntN(8) {
	case 0, 1, 2:
		return a.number()
	case 3:
		return a.fact()
	case 4:
		return a.source()
	case 5:
		switch a.r.IntN(8) {
		case 0:
			return plainly("true", func(*seen) bool { return true })
		case 1:
			return plainly("false", func(*seen) bool { return false })
		}
		return plainly("withheld", func(s *seen) bool { return s.hidden })
	}
	return a.word()
}

func (a author) number() clause {
	name := pick(a.r, propertyNumbers)
	any := func(test func(Number) bool) func(*seen) bool {
		return func(s *seen) bool { return slices.ContainsFunc(s.all(name), test) }
	}
	switch a.r.IntN(8) {
	case 0:
		want := pick(a.r, universe)
		return plainly(fmt.Sprintf("%s == %q", name, want), any(func(n Number) bool { return n.String() == want }))
	case 1:
		want := pick(a.r, universe)
		eq := any(func(n Number) bool { return n.String() == want })
		return plainly(fmt.Sprintf("%s != %q", name, want), func(s *seen) bool { return !eq(s) })
	case 2:
		set := []string{pick(a.r, universe), pick(a.r, universe), pick(a.r, universe)}
		return plainly(fmt.Sprintf("%s in [%q, %q, %q]", name, set[0], set[1], set[2]), any(func(n Number) bool { return slices.Contains(set, n.String()) }))
	case 3, 4:
		full := pick(a.r, universe[:10])
		prefix := full[:2+a.r.IntN(len(full)-1)]
		return plainly(fmt.Sprintf("%s startsWith %q", name, prefix), any(func(n Number) bool { return strings.HasPrefix(n.String(), prefix) }))
	case 5:
		if a.r.IntN(2) == 0 {
			return plainly(fmt.Sprintf("%s endsWith %q", name, "00"), any(func(n Number) bool { return strings.HasSuffix(n.String(), "00") }))
		}
		re := regexp.MustCompile(`^\+1(202|212)`)
		return plainly(fmt.Sprintf("%s matches %q", name, re), any(func(n Number) bool { return re.MatchString(n.String()) }))
	case 6:
		if a.r.IntN(3) == 0 {
			l := pick(a.r, a.lists)
			return plainly(fmt.Sprintf("%s not in list(%q)", name, l), func(s *seen) bool { return !s.find(name, l).holds })
		}
		return a.listed()
	}
	return plainly(fmt.Sprintf(`%s in learned("dead")`, name), func(s *seen) bool { return s.find(name, "dead").holds })
}

// listed asks for a number in a list.
func (a author) listed() clause {
	name, l := pick(a.r, propertyNumbers), pick(a.r, a.lists)
	return clause{fmt.Sprintf("%s in list(%q)", name, l), func(s *seen) basis { return s.find(name, l) }}
}

// resting is a clause that holds by a row, whichever way it holds.
func (a author) resting(depth int) clause {
	if depth > 0 {
		x, y := a.resting(depth-1), a.clause(depth-1)
		switch a.r.IntN(4) {
		case 0:
			return clause{"(" + x.text + " and " + y.text + ")", func(s *seen) basis { return and(x.means(s), y.means(s)) }}
		case 1:
			return clause{"(" + y.text + " and " + x.text + ")", func(s *seen) basis { return and(y.means(s), x.means(s)) }}
		case 2:
			z := a.resting(depth - 1)
			return clause{"(" + x.text + " or " + z.text + ")", func(s *seen) basis { return or(x.means(s), z.means(s)) }}
		}
	}
	return a.listed()
}

func (a author) fact() clause {
	name := pick(a.r, propertyNumbers)
	switch a.r.IntN(4) {
	case 0:
		return plainly("valid("+name+")", func(s *seen) bool {
			return slices.ContainsFunc(s.all(name), func(n Number) bool { return s.facts.Of(n).Valid })
		})
	case 1:
		return plainly("invalid("+name+")", func(s *seen) bool {
			return slices.ContainsFunc(s.all(name), func(n Number) bool {
				return n.Kind() == Malformed || n.Kind() == Global && !s.facts.Of(n).Valid && !s.facts.Of(n).Unopened
			})
		})
	case 2:
		want := pick(a.r, []string{"US", "GB", "FR", ""})
		return plainly(fmt.Sprintf("country(%s) == %q", name, want), func(s *seen) bool {
			return slices.ContainsFunc(s.all(name), func(n Number) bool { return s.facts.Of(n).Country == want })
		})
	}
	want := pick(a.r, []string{"mobile", "fixed", "private"})
	return plainly(fmt.Sprintf("kind(%s) in [%q, %q]", name, want, "premium"), func(s *seen) bool {
		return slices.ContainsFunc(s.all(name), func(n Number) bool {
			if n.Kind() == Private {
				return want == "private"
			}
			return s.facts.Of(n).Type == want || s.facts.Of(n).Type == "premium"
		})
	})
}

func (a author) source() clause {
	network := netip.MustParsePrefix(pick(a.r, []string{"192.0.2.0/24", "192.0.2.0/28", "192.0.2.1/32", "0.0.0.0/0", "2001:db8::/32"}))
	return plainly(fmt.Sprintf("cidr(source, %q)", network), func(s *seen) bool { return network.Contains(s.source) })
}

func (a author) word() clause {
	name := pick(a.r, textNames)
	want := pick(a.r, propertyTexts[name])
	is := func(s *seen) bool { return s.text[name] == want }
	switch {
	case a.r.IntN(4) == 0:
		return plainly(fmt.Sprintf("%s != %q", name, want), func(s *seen) bool { return !is(s) })
	case a.r.IntN(4) == 0 && want != "":
		return plainly(fmt.Sprintf("%s startsWith %q", name, want[:1]), func(s *seen) bool { return strings.HasPrefix(s.text[name], want[:1]) })
	case a.r.IntN(4) == 0:
		other := pick(a.r, propertyTexts[name])
		return plainly(fmt.Sprintf("%s in [%q, %q]", name, want, other), func(s *seen) bool { return s.text[name] == want || s.text[name] == other })
	}
	return plainly(fmt.Sprintf("%s == %q", name, want), is)
}

// plainRule is a rule and what it means.
type plainRule struct {
	clause
	id, does string
	mode     Mode
}

func (a author) rules(n int) (file string, rules []plainRule) {
	var b strings.Builder
	b.WriteString("lists:\n  one: {file: one.csv}\n  two: {file: two.csv}\n  dno: {file: one.csv, why: dno}\n  spam: {file: two.csv, why: subscriber}\nlearn:\n  dead: {from: callee, on: [404], upstream: [carrier], for: 30d}\nrules:\n")
	for i := range n {
		r := plainRule{id: fmt.Sprintf("r%d", i)}
		r.does = pick(a.r, []string{"block: dno", "block: subscriber", "block: listed", "allow: true", "label: L" + r.id, "withhold: true", "label: M" + r.id, "divert: sip:ivr@example.net"})
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
			if value == "subscriber" || value == "listed" && named == "spam" {
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
	c.TrunkName = pick(a.r, []string{"carrier", "pbx", "", "other"})
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
	return c
}

func listed(numbers ...string) func(Number) string {
	return func(n Number) string {
		for _, s := range numbers {
			if prefix, ok := strings.CutSuffix(s, "*"); ok && strings.HasPrefix(n.String(), prefix) || n.String() == s {
				return s
			}
		}
		return ""
	}
}

func TestIndexAgainstPlainReading(t *testing.T) {
	one, two := []string{"+12023340100", "+1212*", "+442079460000"}, []string{"+12023340101", "+33*", "+12124440101"}
	lists := map[string]func(Number) string{"one": listed(one...), "two": listed(two...), "dno": listed(one...), "spam": listed(two...), "dead": listed("+13012223344", "+12023350100")}
	settings := Settings{Redress: testRedress, Trunks: []Trunk{testTrunk(t, "carrier", "203.0.113.0/24", true), testTrunk(t, "pbx", "192.0.2.64/26", false)}}
	for i := range settings.Trunks {
		settings.Trunks[i].Extensions = []string{"2XXX"}
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
		writeInto(t, dir, "rules.yaml", text, "one.csv", strings.Join(one, "\n")+"\n", "two.csv", strings.Join(two, "\n")+"\n")
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
			until := testTime.Add(time.Hour)
			for _, s := range []string{"+13012223344", "+12023350100"} {
				n, _ := ParseNumber(s)
				e.learned.Restore([]LearnedEntry{{List: "dead", Number: n, Until: until}}, testTime)
			}
			for range propertyPairs/200 + 1 {
				c := a.call()
				v := decided(e, c)
				got := words(v)
				s := &seen{facts: facts, lists: lists, source: c.Source.Unmap(), hidden: c.withheld,
					numbers: map[string]Number{"caller": c.caller, "network": c.network, "presentation": c.presentation, "callee": c.callee, "diverted_by": c.divertedBy},
					text:    map[string]string{"account": c.Account, "domain": c.Domain, "user_agent": c.UserAgent, "display_name": c.From.Display}}
				if c.trunk != nil {
					s.text["trunk"] = c.trunk.Name
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
