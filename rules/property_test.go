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
	facts   *FactTable
	lists   map[string]func(Number) bool // lists and learned lists
}

func (s *seen) all(name string) []Number {
	if name != "callers" {
		return []Number{s.numbers[name]}
	}
	var all []Number
	for _, n := range []Number{s.numbers["network"], s.numbers["presentation"]} {
		if !n.IsZero() && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	if all == nil {
		all = []Number{{}}
	}
	return all
}

// clause is a random condition: as text, and as what it means.
type clause struct {
	text  string
	means func(*seen) bool
}

type author struct{ r *rand.Rand }

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
			return clause{"(" + x.text + " and " + y.text + ")", func(s *seen) bool { return x.means(s) && y.means(s) }}
		case 2, 3:
			x, y := a.clause(depth-1), a.clause(depth-1)
			return clause{"(" + x.text + " or " + y.text + ")", func(s *seen) bool { return x.means(s) || y.means(s) }}
		case 4:
			x := a.clause(depth - 1)
			return clause{"not (" + x.text + ")", func(s *seen) bool { return !x.means(s) }}
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
			return clause{"true", func(*seen) bool { return true }}
		case 1:
			return clause{"false", func(*seen) bool { return false }}
		}
		return clause{"withheld", func(s *seen) bool { return s.hidden }}
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
		return clause{fmt.Sprintf("%s == %q", name, want), any(func(n Number) bool { return n.String() == want })}
	case 1:
		want := pick(a.r, universe)
		eq := any(func(n Number) bool { return n.String() == want })
		return clause{fmt.Sprintf("%s != %q", name, want), func(s *seen) bool { return !eq(s) }}
	case 2:
		set := []string{pick(a.r, universe), pick(a.r, universe), pick(a.r, universe)}
		return clause{fmt.Sprintf("%s in [%q, %q, %q]", name, set[0], set[1], set[2]), any(func(n Number) bool { return slices.Contains(set, n.String()) })}
	case 3, 4:
		full := pick(a.r, universe[:10])
		prefix := full[:2+a.r.IntN(len(full)-1)]
		return clause{fmt.Sprintf("%s startsWith %q", name, prefix), any(func(n Number) bool { return strings.HasPrefix(n.String(), prefix) })}
	case 5:
		if a.r.IntN(2) == 0 {
			return clause{fmt.Sprintf("%s endsWith %q", name, "00"), any(func(n Number) bool { return strings.HasSuffix(n.String(), "00") })}
		}
		re := regexp.MustCompile(`^\+1(202|212)`)
		return clause{fmt.Sprintf("%s matches %q", name, re), any(func(n Number) bool { return re.MatchString(n.String()) })}
	case 6:
		l := pick(a.r, []string{"one", "two"})
		in := func(s *seen) bool { return slices.ContainsFunc(s.all(name), s.lists[l]) }
		if a.r.IntN(3) == 0 {
			return clause{fmt.Sprintf("%s not in list(%q)", name, l), func(s *seen) bool { return !in(s) }}
		}
		return clause{fmt.Sprintf("%s in list(%q)", name, l), in}
	}
	return clause{fmt.Sprintf(`%s in learned("dead")`, name), func(s *seen) bool { return slices.ContainsFunc(s.all(name), s.lists["dead"]) }}
}

func (a author) fact() clause {
	name := pick(a.r, propertyNumbers)
	switch a.r.IntN(4) {
	case 0:
		return clause{"valid(" + name + ")", func(s *seen) bool {
			return slices.ContainsFunc(s.all(name), func(n Number) bool { return s.facts.Of(n).Valid })
		}}
	case 1:
		return clause{"invalid(" + name + ")", func(s *seen) bool {
			return slices.ContainsFunc(s.all(name), func(n Number) bool {
				return n.Kind() == Malformed || n.Kind() == Global && !s.facts.Of(n).Valid
			})
		}}
	case 2:
		want := pick(a.r, []string{"US", "GB", "FR", ""})
		return clause{fmt.Sprintf("country(%s) == %q", name, want), func(s *seen) bool {
			return slices.ContainsFunc(s.all(name), func(n Number) bool { return s.facts.Of(n).Country == want })
		}}
	}
	want := pick(a.r, []string{"mobile", "fixed", "private"})
	return clause{fmt.Sprintf("kind(%s) in [%q, %q]", name, want, "premium"), func(s *seen) bool {
		return slices.ContainsFunc(s.all(name), func(n Number) bool {
			if n.Kind() == Private {
				return want == "private"
			}
			return s.facts.Of(n).Type == want || s.facts.Of(n).Type == "premium"
		})
	}}
}

func (a author) source() clause {
	network := netip.MustParsePrefix(pick(a.r, []string{"192.0.2.0/24", "192.0.2.0/28", "192.0.2.1/32", "0.0.0.0/0", "2001:db8::/32"}))
	return clause{fmt.Sprintf("cidr(source, %q)", network), func(s *seen) bool { return network.Contains(s.source) }}
}

func (a author) word() clause {
	name := pick(a.r, textNames)
	want := pick(a.r, propertyTexts[name])
	is := func(s *seen) bool { return s.text[name] == want }
	switch {
	case a.r.IntN(4) == 0:
		return clause{fmt.Sprintf("%s != %q", name, want), func(s *seen) bool { return !is(s) }}
	case a.r.IntN(4) == 0 && want != "":
		return clause{fmt.Sprintf("%s startsWith %q", name, want[:1]), func(s *seen) bool { return strings.HasPrefix(s.text[name], want[:1]) }}
	case a.r.IntN(4) == 0:
		other := pick(a.r, propertyTexts[name])
		return clause{fmt.Sprintf("%s in [%q, %q]", name, want, other), func(s *seen) bool { return s.text[name] == want || s.text[name] == other }}
	}
	return clause{fmt.Sprintf("%s == %q", name, want), is}
}

// plainRule is a rule and what it means.
type plainRule struct {
	clause
	id, does string
	mode     Mode
}

func (a author) rules(n int) (file string, rules []plainRule) {
	var b strings.Builder
	b.WriteString("lists:\n  one: {file: one.csv}\n  two: {file: two.csv}\nlearn:\n  dead: {from: callee, on: [404], upstream: [carrier], for: 30d}\nrules:\n")
	for i := range n {
		r := plainRule{clause: a.clause(a.r.IntN(4)), id: fmt.Sprintf("r%d", i)}
		r.does = pick(a.r, []string{"block: dno", "block: subscriber", "allow: true", "label: L" + r.id, "withhold: true", "label: M" + r.id, "divert: sip:ivr@example.net"})
		if a.r.IntN(5) == 0 {
			r.mode = Mode(a.r.IntN(3))
		}
		fmt.Fprintf(&b, "  - id: %s\n    when: '%s'\n    %s\n    mode: %s\n", r.id, strings.ReplaceAll(r.text, "'", "''"), r.does, r.mode)
		rules = append(rules, r)
	}
	return b.String(), rules
}

// plain is the verdict by a plain reading, as words says it.
func plain(rules []plainRule, s *seen, daemon Mode) string {
	v := &Verdict{}
	for _, r := range rules {
		if r.mode == Off || !r.means(s) {
			continue
		}
		verb, value, _ := strings.Cut(r.does, ": ")
		ends := verb == "block" || verb == "allow" || verb == "divert"
		if r.mode == Monitor || daemon == Monitor {
			if ends {
				v.Monitored = append(v.Monitored, &Rule{ID: r.id})
				if r.mode == Enforce {
					break
				}
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
			if value == "subscriber" {
				v.Code, v.Phrase = 607, "Unwanted"
			}
		case "divert":
			v.Action, v.Target = Divert, value
		}
		v.Rule = &Rule{ID: r.id}
		break
	}
	return words(v)
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
	c.Asserted[0] = Identity{User: pick(a.r, universe), Tel: a.r.IntN(2) == 0}
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

func listed(numbers ...string) func(Number) bool {
	return func(n Number) bool {
		for _, s := range numbers {
			if prefix, ok := strings.CutSuffix(s, "*"); ok && strings.HasPrefix(n.String(), prefix) || n.String() == s {
				return true
			}
		}
		return false
	}
}

func TestIndexAgainstPlainReading(t *testing.T) {
	one, two := []string{"+12023340100", "+1212*", "+442079460000"}, []string{"+12023340101", "+33*", "+12124440101"}
	lists := map[string]func(Number) bool{"one": listed(one...), "two": listed(two...), "dead": listed("+13012223344", "+12023350100")}
	settings := Settings{Redress: testRedress, Trunks: []Trunk{testTrunk(t, "carrier", "203.0.113.0/24", true), testTrunk(t, "pbx", "192.0.2.64/26", false)}}
	for i := range settings.Trunks {
		settings.Trunks[i].Extensions = []string{"2XXX"}
	}
	facts, err := NewFacts(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer facts.Close()
	pairs, indexed, total := 0, 0, 0
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		a := author{rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))}
		text, rules := a.rules(rapid.IntRange(1, 60).Draw(rt, "rules"))
		writeInto(t, dir, "rules.yaml", text, "one.csv", strings.Join(one, "\n"), "two.csv", strings.Join(two, "\n"))
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
				got := words(decided(e, c))
				s := &seen{facts: facts, lists: lists, source: c.Source.Unmap(), hidden: c.withheld,
					numbers: map[string]Number{"caller": c.caller, "network": c.network, "presentation": c.presentation, "callee": c.callee, "diverted_by": c.divertedBy},
					text:    map[string]string{"account": c.Account, "domain": c.Domain, "user_agent": c.UserAgent, "display_name": c.From.Display}}
				if c.trunk != nil {
					s.text["trunk"] = c.trunk.Name
				}
				s.text[`header("X-Campaign")`], _ = c.Headers.Header("X-Campaign")
				want := plain(rules, s, settings.Mode)
				if pairs++; got != want && got != want+" (emergency call)" {
					rt.Fatalf("got %q, want %q\n%s\n%s", got, want, e.Explain(c), text)
				}
			}
			e.Close()
		}
	})
	t.Logf("%d pairs, %d of %d rules indexed", pairs, indexed, total)
	if pairs < propertyPairs && !t.Failed() {
		t.Errorf("compared %d pairs only", pairs)
	}
}
