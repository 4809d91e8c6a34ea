package rules

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
)

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

// anyList tells whether the rule may ask for lists without a why.
func (a author) anyList() bool { return slices.Contains(a.lists, "one") }

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
		"direction":            {"inbound", "outbound", ""},
		"attestation":          {"A", "B", "C", "none"},
		"verification":         {"passed", "failed", "none"},
		`header("X-Campaign")`: {"a", "b", ""},
	}
	textNames        = []string{"trunk", "account", "domain", "user_agent", "display_name", `header("X-Campaign")`, "direction", "attestation", "verification"}
	propertyNetworks = []string{"192.0.2.0/28", "2001:db8::/32", "192.0.2.77"}
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
	switch a.r.IntN(10) {
	case 8:
		return a.pair()
	case 9:
		return a.clock()
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
	switch a.r.IntN(9) {
	case 8:
		return plainly(a.pattern(name, any))
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
	if a.anyList() && a.r.IntN(6) == 0 {
		return clause{fmt.Sprintf(`%s in list("personal", callee)`, name), func(s *seen) basis { return s.find(name, "personal") }}
	}
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

// pattern asks for a number by signs or by a range.
func (a author) pattern(name string, any func(func(Number) bool) func(*seen) bool) (string, func(*seen) bool) {
	if a.r.IntN(3) == 0 {
		return fmt.Sprintf(`pattern(%s, "+12023340100-+12124440100")`, name), any(func(n Number) bool {
			s := n.String()
			return len(s) == len("+12023340100") && "+12023340100" <= s && s <= "+12124440100"
		})
	}
	signs := pick(a.r, []string{"+1NXX334XXXX", "+1202XXXXXXX", "+12X23X401*", "+N*", "+44X*", "+XXX142685300", "+1111NXXXXXX"})
	re := regexp.MustCompile("^" + strings.NewReplacer("+", `\+`, "N", "[2-9]", "X", "[0-9]", "*", "[0-9]*").Replace(signs) + "$")
	return fmt.Sprintf("pattern(%s, %q)", name, signs), any(func(n Number) bool { return re.MatchString(n.String()) })
}

// pair compares two values of the call.
func (a author) pair() clause {
	x, y := pick(a.r, propertyNumbers), pick(a.r, propertyNumbers)
	if x == y {
		x, y = "caller", "callee"
	}
	both := func(test func(n, m string) bool) func(*seen) bool {
		return func(s *seen) bool {
			for _, n := range s.all(x) {
				for _, m := range s.all(y) {
					if test(n.String(), m.String()) {
						return true
					}
				}
			}
			return false
		}
	}
	if a.r.IntN(2) == 0 {
		return plainly(x+" == "+y, both(func(n, m string) bool { return n != "" && n == m }))
	}
	digits := 1 + a.r.IntN(10)
	return plainly(fmt.Sprintf("neighbour(%s, %s, %d)", x, y, digits), both(func(n, m string) bool {
		for _, code := range []string{"+1", "+44", "+33"} {
			if rest, ok := strings.CutPrefix(n, code); ok && len(rest) >= digits {
				return strings.HasPrefix(m, code+rest[:digits])
			}
		}
		return false
	}))
}

var propertyZones = map[string]*time.Location{}

// locally are the local times at a number in a layout.
func (s *seen) locally(n Number, layout string) (all []string) {
	if n.Kind() != Global || strings.HasPrefix(n.String(), "+1111") {
		return nil
	}
	names, err := phonenumbers.GetTimezonesForPrefix(n.String())
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		zone := propertyZones[name]
		if zone == nil {
			if zone, err = time.LoadLocation(name); err != nil {
				panic(err)
			}
			propertyZones[name] = zone
		}
		all = append(all, strings.ToLower(s.at.In(zone).Format(layout)))
	}
	return all
}

// clock asks for the day or the time at a number.
func (a author) clock() clause {
	name := pick(a.r, propertyNumbers)
	any := func(layout string, test func(string) bool) func(*seen) bool {
		return func(s *seen) bool {
			return slices.ContainsFunc(s.all(name), func(n Number) bool { return slices.ContainsFunc(s.locally(n, layout), test) })
		}
	}
	if a.r.IntN(2) == 0 {
		days := []string{pick(a.r, weekdays[:]), pick(a.r, weekdays[:])}
		return plainly(fmt.Sprintf("weekday(%s) in [%q, %q]", name, days[0], days[1]), any("Mon", func(day string) bool { return slices.Contains(days, day) }))
	}
	limit := fmt.Sprintf("%02d:%02d", a.r.IntN(24), a.r.IntN(60))
	op := pick(a.r, []string{"<", "<=", ">", ">=", "=="})
	return plainly(fmt.Sprintf("local_time(%s) %s %q", name, op, limit), any("15:04", func(at string) bool {
		switch op {
		case "<":
			return at < limit
		case "<=":
			return at <= limit
		case ">":
			return at > limit
		case ">=":
			return at >= limit
		}
		return at == limit
	}))
}

// plainIdentity is attestation and verification by a trusted trunk.
func plainIdentity(c *Call) (attestation, verification string) {
	stronger := map[string]string{"": "none", "A": "A", "b": "B", "C,A": "C"}[c.Attestation]
	switch c.From.Verstat {
	case "":
		return stronger, "none"
	case "TN-Validation-Passed":
		return stronger, "passed"
	case "TN-Validation-Passed-C":
		return "C", "passed"
	case "TN-Validation-Failed":
		return "none", "failed"
	}
	return "none", "none"
}

func (a author) source() clause {
	if a.anyList() && a.r.IntN(3) == 0 {
		return clause{`source in list("nets")`, func(s *seen) (r basis) {
			for _, text := range propertyNetworks {
				network, err := netip.ParsePrefix(text)
				if err != nil {
					network, _ = netip.MustParseAddr(text).Prefix(32)
				}
				if network.Contains(s.source) {
					r.holds, r.sure = true, true
					r.rows = append(r.rows, hit{"nets", text})
				}
			}
			return r
		}}
	}
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
