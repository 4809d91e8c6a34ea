package rules

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	docsBegin = "<!-- ringfence help rules: begin -->\n"
	docsEnd   = "<!-- ringfence help rules: end -->\n"
)

// The tables of docs/rules.md are those of the code.
func TestDocsHoldTheReference(t *testing.T) {
	const file = "../docs/rules.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), docsBegin)
	_, after, closed := strings.Cut(rest, docsEnd)
	if !found || !closed {
		t.Fatalf("%s has no markers", file)
	}
	want := before + docsBegin + Language().Markdown() + "\n" + docsEnd + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(data) != want {
		t.Error("the tables of docs/rules.md are not those of the code: run go test ./rules -run TestDocs -update")
	}
}

// exampleCalls make a call for which the example of a word holds, and one for
// which it does not.
var exampleCalls = map[string][2]func(*Call){
	"and, or, not, ( )":              {withheldFrom("carrier-a", "+12025550100"), withheldFrom("pbx-acme", "+12025550100")},
	"==, !=":                         {display("Bank"), display("ACME")},
	"in, not in":                     {from("+442079460000"), from("+12122000000")},
	"startsWith, endsWith, contains": {to("+442079460000"), to("+12122000000")},
	"matches":                        {from("+18002000000"), from("+12122000000")},
	"<, <=, >, >=":                   {hour(23), hour(12)},

	"caller":       {from("+12122000000"), from("+12122000001")},
	"network":      {asserts("carrier-a", "+12122000000"), asserts("pbx-acme", "+12122000000")},
	"presentation": {from("+12122000000"), func(c *Call) { asserts("carrier-a", "+12122000000")(c); from("+12122000000")(c) }},
	"callers":      {asserts("pbx-acme", "+12122000001"), from("+12122000002")},
	"callee":       {to("+12122000000"), to("+12122000001")},
	"diverted_by":  {func(c *Call) { c.Diversion = "+12122000000" }, nothing},
	"display_name": {display("IRS office"), display("My IRS")},
	"withheld":     {from("anonymous"), nothing},
	"privacy":      {func(c *Call) { c.Privacy = "id;critical" }, func(c *Call) { c.Privacy = "id" }},
	"trunk":        {by("pbx-acme"), by("")},
	"direction":    {by("carrier-a"), by("pbx-acme")},
	"upstream":     {toward("carrier-a"), toward("198.51.100.7")},
	"source":       {at("192.0.2.7"), at("192.0.2.8")},
	"account":      {func(c *Call) { c.Account = "alice" }, func(c *Call) { c.Account = "bob" }},
	"domain":       {nothing, func(c *Call) { c.Domain = "example.org" }},
	"user_agent":   {func(c *Call) { c.UserAgent = "friendly-scanner 1" }, func(c *Call) { c.UserAgent = "friend" }},
	"attestation":  {attested("carrier-a", "C"), attested("carrier-a", "A")},
	"signer":       {signed("carrier-a"), signed("pbx-acme")},
	"verification": {verified("TN-Validation-Failed"), verified("TN-Validation-Passed")},
	"score":        {display("scored"), nothing},

	`list("name")`:                      {from("+12023340147"), from("+12023340148")},
	`learned("name")`:                   {to("+12023340199"), to("+12023340148")},
	"country(number)":                   {from("+14162000000"), from("+442079460000")},
	"kind(number)":                      {to("+19002000000"), to("+12122000000")},
	"valid(number)":                     {from("+12122000000"), from("+12121110000")},
	"invalid(number)":                   {from("+12121110000"), from("+12122000000")},
	`pattern(number, "+1NXX555XXXX")`:   {from("+12125550000"), from("+12125560000")},
	"neighbour(number, number, digits)": {to("+12122001234"), to("+12122011234")},
	"weekday(number)":                   {weekend, nothing},
	"local_time(number)":                {hour(12), hour(16)},
	`permitted(number, "calendar")`:     {func(c *Call) { c.At = testTime.Add(-8 * time.Hour) }, nothing},
	`header("Name")`:                    {func(c *Call) { c.Headers = testHeaders{"x-campaign": "spring"} }, nothing},
	`blocked_upstream(number, "7d")`:    {from("+12023340199"), from("+12122000000")},
	`reports(number, "30d")`:            {from("+12023340199"), from("+12122000000")},
	"slowed(account)":                   {func(c *Call) { c.Account = "alice" }, func(c *Call) { c.Account = "bob" }},
	`cidr(source, "10.0.0.0/8")`:        {at("192.0.2.200"), at("192.0.3.1")},
}

// signalCalls do the same for signals: what callers did before, and the two calls.
var signalCalls = map[string]struct {
	before func(*past)
	calls  [2]func(*Call)
}{
	`rate(key, "1m")`:                   {func(p *past) { p.calls(60) }, [2]func(*Call){nothing, another}},
	`calls(key, "1h")`:                  {func(p *past) { p.edit = alice; p.calls(3) }, [2]func(*Call){alice, nothing}},
	"concurrent(key)":                   {func(p *past) { p.edit = alice; p.calls(30) }, [2]func(*Call){alice, nothing}},
	`answer_ratio(key, "1h", 20)`:       {func(p *past) { p.calls(20, busy) }, [2]func(*Call){nothing, another}},
	`short_ratio(key, "1h", "6s", 20)`:  {func(p *past) { p.calls(20, short) }, [2]func(*Call){nothing, another}},
	`cancel_ratio(key, "1h", "8s", 20)`: {func(p *past) { p.calls(20, cancelled) }, [2]func(*Call){nothing, another}},
	`average_duration(key, "1h", 20)`:   {func(p *past) { p.calls(20, short) }, [2]func(*Call){nothing, another}},
	`redials(caller, callee, "10m")`:    {func(p *past) { p.calls(5) }, [2]func(*Call){nothing, to("+12023340149")}},
	`distinct(key, value, "10m")`:       {func(p *past) { p.each(100, to) }, [2]func(*Call){nothing, another}},
	`sequential(key, "10m")`:            {func(p *past) { p.each(16, to) }, [2]func(*Call){to("+12023350016"), to("+12023360000")}},
	`responses(key, "1d", 607, 608)`:    {func(p *past) { p.calls(3, Outcome{Code: 607}) }, [2]func(*Call){nothing, another}},
	"first_seen(key)":                   {func(p *past) { p.at = p.at.Add(-2 * time.Hour); p.calls(1) }, [2]func(*Call){another, nothing}},
	"idle(key)":                         {func(p *past) { p.edit = alice; p.calls(1) }, [2]func(*Call){alice, func(c *Call) { c.Account = "bob" }}},
	"prefix(number, digits)":            {func(p *past) { p.each(100, from) }, [2]func(*Call){nothing, to("+12023350148")}},
}

// past is what callers did before the call of an example.
type past struct {
	t    *testing.T
	e    *Engine
	at   time.Time
	edit func(*Call)
	n    int
}

// calls places calls, within a second, and reports what became of them.
func (p *past) calls(n int, outcomes ...Outcome) {
	for range n {
		p.call(func(*Call) {}, outcomes...)
	}
}

// each places a call for each of so many numbers, one after the other.
func (p *past) each(n int, edit func(string) func(*Call)) {
	for i := range n {
		p.call(edit(fmt.Sprintf("+1202335%04d", i)))
	}
}

func (p *past) call(edit func(*Call), outcomes ...Outcome) {
	c := testCall("+12122000000", "+12023340148")
	p.edit(c)
	edit(c)
	p.n++
	c.At, c.CallID = p.at.Add(time.Duration(p.n)*time.Millisecond), fmt.Sprint(p.n)
	v := decided(p.e, c)
	for _, o := range outcomes {
		o.ID, o.At, o.Ended = v.ID, c.At, true
		if got := p.e.Observe(&o); got != Counted {
			p.t.Fatalf("call %d, %s: its outcome is %v", p.n, words(v), got)
		}
	}
}

var (
	busy      = Outcome{Code: 486}
	short     = Outcome{Code: 200, Talk: 2 * time.Second}
	cancelled = Outcome{Code: 487, Rang: true, Ring: 2 * time.Second, ByCaller: true}
)

func alice(c *Call)                  { c.Account = "alice" }
func another(c *Call)                { from("+12122000001")(c) }
func nothing(*Call)                  {}
func from(number string) func(*Call) { return func(c *Call) { c.From.User = number } }
func to(number string) func(*Call) {
	return func(c *Call) { c.RequestUser, c.RequestURI = number, "sip:"+number+"@example.net" }
}
func display(name string) func(*Call) { return func(c *Call) { c.From.Display = name } }
func by(trunk string) func(*Call)     { return func(c *Call) { c.TrunkName = trunk } }
func at(address string) func(*Call)   { return func(c *Call) { c.Source = netip.MustParseAddr(address) } }
func toward(trunk string) func(*Call) { return func(c *Call) { c.Upstream = trunk } }
func weekend(c *Call)                 { c.At = testTime.AddDate(0, 0, -1) }

func hour(utc int) func(*Call) {
	return func(c *Call) { c.At = time.Date(2026, 3, 3, utc, 0, 0, 0, time.UTC); c.From.User = "+442079460000" }
}

func asserts(trunk, number string) func(*Call) {
	return func(c *Call) { c.TrunkName, c.From.User, c.Asserted[0].User = trunk, "alice", number }
}

func attested(trunk, word string) func(*Call) {
	return func(c *Call) { c.TrunkName, c.Attestation = trunk, word }
}

func signed(trunk string) func(*Call) {
	return func(c *Call) {
		c.TrunkName, c.Headers = trunk, testHeaders{"p-origination-id": "3a47ca23-d7ab-446b-821d-33d5deedbed4"}
	}
}

func verified(verstat string) func(*Call) {
	return func(c *Call) { c.TrunkName, c.From.Verstat = "carrier-a", verstat }
}

func withheldFrom(trunk, callee string) func(*Call) {
	return func(c *Call) { by(trunk)(c); to(callee)(c); from("anonymous")(c) }
}

// Every example of the reference compiles, holds of one call and not of
// another.
func TestExamplesOfTheReference(t *testing.T) {
	page := Language()
	for _, e := range slices.Concat(page.Operators, page.Attributes, page.Functions) {
		calls, ok := exampleCalls[e.Name]
		signal, isSignal := signalCalls[e.Name]
		if isSignal {
			calls = signal.calls
		}
		if ok == isSignal {
			t.Errorf("%s: no calls for its example", e.Name)
			continue
		}
		s := designSettings(t)
		s.Trunks[0].Direction, s.Trunks[1].Direction = Inbound, Outbound
		rs := compiled(t, s, append([]string{"rules.yaml", "lists:\n  spam: {file: spam.csv}\nlearn:\n  not-found: {from: callee, on: [404], upstream: [carrier-a], after: 1, for: 30d}\ncalendars:\n  us-federal: {file: us.calendar.yaml}\n" +
			rulesOf(`{id: gives, when: 'display_name == "scored"', score: 80, reason: its name}`, "{id: a, when: '"+strings.ReplaceAll(e.Example, "'", "''")+"', block: administrative}")}, "spam.csv", "+12023340147\n", "us.calendar.yaml", testCalendar)...)
		for i, edit := range calls {
			engine := running(t, Options{}, rs)
			engine.Learned().Restore([]LearnedEntry{{List: "not-found", Number: global(t, "+12023340199"), Until: testTime.Add(time.Hour)}}, testTime)
			for i := range 5 {
				engine.RestoreBlock(global(t, "+12023340199"), testTime.Add(-time.Hour), testTime)
				engine.RestoreReport(UserReport{Number: global(t, "+12023340199"), By: strconv.Itoa(i), At: testTime.Add(-time.Hour)}, testTime)
			}
			engine.Slow(Slowed{"account", "alice", testTime.AddDate(0, 0, 1)}, testTime)
			if isSignal {
				signal.before(&past{t: t, e: engine, at: testTime.Add(-time.Second), edit: nothing})
			}
			c := testCall("+12122000000", "+12023340148")
			edit(c)
			if got := decided(engine, c).Action == Block; got != (i == 0) {
				t.Errorf("%s: %s: %t\n%s", e.Name, e.Example, got, engine.Explain(c))
			}
		}
	}
	if len(exampleCalls)+len(signalCalls) != len(page.Operators)+len(page.Attributes)+len(page.Functions) {
		t.Errorf("%d pairs of calls for %d words", len(exampleCalls)+len(signalCalls), len(page.Operators)+len(page.Attributes)+len(page.Functions))
	}
}
