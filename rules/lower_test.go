package rules

import (
	"net/netip"
	"strings"
	"testing"
)

// Each condition holds of the call it stands with.
func TestLanguage(t *testing.T) {
	c := testCall("+12122000000", "+442079460000")
	c.Source, c.Account, c.UserAgent, c.TrunkName = netip.MustParseAddr("::ffff:192.0.2.7"), "alice", "friendly-scanner/1.0", "pbx"
	c.From.Display, c.Privacy, c.Diversion = "Bank of X", "critical", "2001"
	c.Headers = testHeaders{"x-campaign": "spring"}
	absent := testCall("alice", "bob")
	absent.Source = netip.Addr{}
	same := testCall("(212) 200-0000", "+12122000000")
	same.TrunkName = "pbx"
	near := testCall("+12122000000", "+12122001234")
	vouched := testCall("+12122000000", "+442079460000")
	vouched.TrunkName, vouched.Attestation, vouched.From.Verstat = "carrier", "B", "TN-Validation-Passed-A"
	tests := []struct {
		call *Call
		when string
		want bool
	}{
		{c, `caller == "+12122000000"`, true},
		{c, `caller == "+1 (212) 200-0000"`, true},
		{c, `"+12122000000" == caller`, true},
		{c, `caller != "+12122000000"`, false},
		{c, `network == "" and presentation != ""`, true},
		{c, `callers in ["+12122000000", "2001"]`, true},
		{c, `callers not in ["+12122000001"]`, true},
		{c, `callee startsWith "+44" and not (callee startsWith "+447")`, true},
		{c, `callee startsWith "+"`, true},
		{c, `callee not startsWith "+1"`, true},
		{c, `callee endsWith "0000" and callee contains "7946" and callee matches "^\\+44(1|2)"`, true},
		{c, `diverted_by == "2001"`, true},
		{c, `diverted_by startsWith "2"`, true},
		{c, `diverted_by startsWith "+2" or valid(diverted_by) or invalid(diverted_by)`, false},
		{c, `kind(diverted_by) == "private"`, true},
		{c, `country(callee) == "GB" and country(caller) in ["US", "CA"]`, true},
		{c, `country(callers) != "GB" and valid(callers)`, true},
		{c, `country(caller) == country(callee)`, false},
		{c, `cidr(source, "192.0.2.0/24") and source == "192.0.2.7" and source in ["192.0.2.7", "::1"]`, true},
		{c, `cidr(source, "2001:db8::/32")`, false},
		{c, `header("x-CAMPAIGN") == "spring" and header("X-None") == ""`, true},
		{c, `header("X-Campaign") == account`, false},
		{c, `user_agent startsWith "friendly" && user_agent endsWith "1.0" && user_agent contains "scan"`, true},
		{c, `user_agent matches "(?i)SCANNER"`, true},
		{c, `display_name == "Bank of X" and privacy == "critical" and !withheld`, true},
		{c, `withheld == false`, true},
		{c, `account in ["a", "b", "c", "d", "e", "f", "g", "h", "alice"]`, true},
		{c, `domain == "example.net" or false`, true},
		{c, `true and (false or account == "alice")`, true},
		{c, `direction == "outbound" and direction != "inbound" and direction in ["", "outbound"]`, true},
		{c, `attestation == "none" and verification == "none"`, true},
		{vouched, `attestation == "B" and verification == "passed" and direction == ""`, true},
		{vouched, `attestation in ["C", "none"] or verification != "passed"`, false},
		{c, `pattern(caller, "+1NXX200XXXX") and pattern(callee, "+44*") and pattern(callers, "+12122000000-+12122000999")`, true},
		{c, `pattern(caller, "+1 (212) 200-0000") and pattern(callee, "+NXXX7946*")`, true},
		{c, `pattern(caller, "+1NXX300XXXX") or pattern(caller, "+1XXX200XXX") or pattern(diverted_by, "+2*") or pattern(caller, "+N21*")`, false},
		{c, `neighbour(caller, callee, 1) or neighbour(callee, callers, 3)`, false},
		{near, `neighbour(caller, callee, 6) and neighbour(callee, callers, 6) and neighbour(callers, callee, 1)`, true},
		{near, `neighbour(caller, callee, 7) or neighbour(network, callee, 1) or neighbour(diverted_by, callee, 1)`, false},
		{c, `weekday(caller) == "mon" and weekday(callee) in ["mon", "tue"] and weekday(callers) != "sun"`, true},
		{c, `local_time(caller) == "10:04" and local_time(callee) == "15:04"`, true},
		{c, `local_time(caller) < "10:05" and local_time(caller) <= "10:04" and local_time(caller) > "10:03" and "10:04" <= local_time(caller)`, true},
		{c, `local_time(caller) < "10:04" or local_time(caller) > "10:04" or "10:04" < local_time(caller)`, false},
		{c, `local_time(diverted_by) < "12:00" or local_time(diverted_by) >= "12:00" or weekday(diverted_by) == "tue"`, false},
		{absent, `neighbour(caller, callee, 1) or pattern(callers, "+X*")`, false},
		{absent, `local_time(callers) >= "00:00" or weekday(callee) in ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]`, false},
		{absent, `caller == "" and callee == "" and callers == "" and source != "192.0.2.7"`, true},
		{absent, `caller == callee`, false},
		{absent, `caller != callee`, true},
		{absent, `invalid(callers) or valid(callers) or caller startsWith "+"`, false},
		{absent, `country(caller) == "" and kind(callers) == ""`, true},
		{absent, `trunk == "" and header("X-Campaign") == ""`, true},
		{same, `caller == callee and callers == callee and callee == callers`, true},
		{same, `network == callee`, false},
	}
	trunk := testTrunk(t, "pbx", "198.51.100.0/24", false)
	trunk.Extensions, trunk.Direction = []string{"2XXX"}, Outbound
	trunks := []Trunk{trunk, testTrunk(t, "carrier", "203.0.113.0/24", true)}
	for _, tt := range tests {
		rs := compiled(t, Settings{Trunks: trunks}, "rules.yaml", rulesOf("{id: a, when: '"+tt.when+"', block: subscriber}"))
		e := running(t, Options{}, rs)
		if got := decided(e, tt.call).Action == Block; got != tt.want {
			t.Errorf("%s: %t\n%s", tt.when, got, e.Explain(tt.call))
		}
	}
}

// countedHeaders count how often each is looked for.
type countedHeaders struct {
	testHeaders
	asked map[string]int
}

func (h countedHeaders) Header(name string) (string, bool) {
	h.asked[strings.ToLower(name)]++
	return h.testHeaders.Header(name)
}

// A header is looked for once a call, however many rules ask for it and in
// whichever case, also when it is absent; the next call has its own.
func TestHeaderIsReadOnce(t *testing.T) {
	var rules []string
	for _, want := range []string{"a", "b", "c"} {
		rules = append(rules, `{id: `+want+`1, when: 'header("X-Campaign") contains "`+want+`"', label: `+want+`}`,
			`{id: `+want+`2, when: 'header("x-CAMPAIGN") startsWith "`+want+`" and header("X-None") != "`+want+`"', withhold: true}`,
			`{id: `+want+`3, when: 'not (header("X-None") == "`+want+`" or header("x-none") == account)', block: subscriber, mode: monitor}`)
	}
	e := running(t, Options{CacheBytes: 1 << 20}, compiled(t, Settings{}, "rules.yaml", rulesOf(rules...)))
	for _, tt := range []struct{ value, want string }{{"b", "allow [b] withhold"}, {"", "allow"}, {"xc", "allow [c]"}} {
		c := testCall("+12122000000", "+12025550123")
		h := countedHeaders{testHeaders{"x-campaign": tt.value}, map[string]int{}}
		c.Headers = h
		if got := words(decided(e, c)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.value, got, tt.want)
		}
		if h.asked["x-campaign"] != 1 || h.asked["x-none"] != 1 || len(h.asked) != 2 {
			t.Errorf("%q: looked for %v", tt.value, h.asked)
		}
	}
	if got := words(decided(e, testCall("+12122000000", "+12025550123"))); got != "allow" {
		t.Errorf("without headers: %q", got)
	}
}

// Every attribute and function has its words and a place where it comes from,
// and a comparison with a constant is indexed.
func TestLanguageIsDocumented(t *testing.T) {
	for _, a := range Attributes() {
		word := "x"
		if a.words != nil {
			word = a.words[len(a.words)-1]
		}
		when := map[ValueType]string{TextType: a.Name + ` == "` + word + `"`, NumberType: a.Name + ` == "+12025550123"`, NumberSetType: a.Name + ` == "+12025550123"`,
			FlagType: a.Name, AddressType: a.Name + ` == "192.0.2.1"`, CountType: a.Name + " == 1"}[a.Type]
		rs := compiled(t, Settings{}, "rules.yaml", rulesOf("{id: a, when: '"+when+"', block: subscriber}"))
		if rs.Rules()[0].Indexed != (a.state == "") || a.Doc == "" || a.Kamailio == "" || a.FreeSWITCH == "" || a.Example == "" {
			t.Errorf("%s: indexed %t, doc %q, from %q and %q, example %q", a.Name, rs.Rules()[0].Indexed, a.Doc, a.Kamailio, a.FreeSWITCH, a.Example)
		}
	}
	for _, f := range Functions() {
		if f.Doc == "" || f.Example == "" || !strings.HasPrefix(f.Signature, f.Name+"(") {
			t.Errorf("%s: signature %q, doc %q, example %q", f.Name, f.Signature, f.Doc, f.Example)
		}
	}
}
