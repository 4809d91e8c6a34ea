package rules

import (
	"slices"

	"ringfence/rules/schema"
)

// What values of test files are made of.
const (
	timePattern    = `^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$`
	statusPattern  = `^[3-6][0-9]{2}( .*)?$`
	headerPattern  = "^[!#$%&'*+.^_`|~A-Za-z0-9-]+$"
	numberPattern  = `^\+[0-9 ().-]+$`
	addressPattern = `^[0-9A-Fa-f:.]+$`
)

// testAttestations are the levels that a test can give a call (ATIS-1000074).
var testAttestations = []string{"A", "B", "C"}

// The keys of test files.
var (
	testFileKeys = schema.Keys{
		{Name: "settings", Value: schema.Ref("settings")},
		{Name: "rules", Value: schema.Some("the rule files and folders that are tested instead of the configuration's; relative to this file", schema.Text(""))},
		{Name: "at", Value: schema.Pattern("when tests begin that say nothing else, as in 2026-06-03T09:30:00-04:00", timePattern)},
		{Name: "tests", Needed: true, Value: schema.List("the tests, each begins with nothing learned", schema.Ref("test"))},
	}
	ruleTestKeys = schema.Keys{
		{Name: "name", Needed: true, Value: schema.Text("what is expected")},
		{Name: "note", Value: schema.Text("for whoever reads the test")},
		{Name: "at", Value: schema.Pattern("when the test begins, as in 2026-06-03T09:30:00-04:00", timePattern)},
		{Name: "call", Value: schema.Ref("call")},
		{Name: "want", Value: schema.Ref("want")},
		{Name: "steps", Value: schema.List("what happens one after the other, instead of one call", schema.Ref("step"))},
	}
	testStepKeys = schema.Keys{
		{Name: "note", Value: schema.Text("for whoever reads the test")},
		{Name: "after", Value: schema.Pattern("the time since the step before, as in 90s, 200ms or 30d", pausePattern)},
		{Name: string(LiveAdd), Value: schema.Ref("change")},
		{Name: string(LiveRemove), Value: schema.Ref("change")},
		{Name: string(LiveRevert), Value: schema.Ref("change")},
		{Name: "report", Value: schema.Object("what a user says of a number, before the call", testReportKeys)},
		{Name: "slow", Value: schema.Ref("slow")},
		{Name: "call", Value: schema.Ref("call")},
		{Name: "repeat", Value: schema.Integer("how many such calls come one after the other; {n} in a text of the call is 1, 2, 3 and so on, {nnn} with three digits at least", 1, maxRepeat)},
		{Name: "every", Value: schema.Pattern("the time between them, as in 2s or 200ms", pausePattern)},
		{Name: "want", Value: schema.Ref("want")},
		{Name: "outcome", Value: schema.Ref("outcome")},
	}
	testChangeKeys = schema.Keys{
		{Name: "list", Needed: true, Value: schema.Text("the name of the list")},
		{Name: "entry", Needed: true, Value: schema.Some("numbers, prefixes, patterns, ranges or networks", schema.Text(""))},
		{Name: "subscriber", Value: schema.Text("whose rows they are, in a list per subscriber")},
		{Name: "why", Value: schema.Word("why the numbers are blocked, if not for what the list says", rowWhys()...)},
		{Name: "for", Value: schema.Pattern("how long the change lasts, as in 7d", durationPattern)},
	}
	testReportKeys = schema.Keys{
		{Name: "number", Needed: true, Value: schema.Pattern("whose call was unwanted", numberPattern)},
		{Name: "by", Needed: true, Value: schema.Text("who says so: a number, an extension or an account")},
	}
	testSlowKeys = schema.Keys{
		{Name: "account", Value: schema.Text("the account that is slowed")},
		{Name: "trunk", Value: schema.Text("the trunk that is slowed")},
		{Name: "for", Needed: true, Value: schema.Pattern("how long, as in 15m", durationPattern)},
	}
	// What the request says.
	requestKeys = schema.Keys{
		{Name: "caller", Value: schema.Text("user, number or URI in From; anonymous for a withheld one")},
		{Name: "callee", Value: schema.Text("the called user, number or URI")},
		{Name: "display_name", Value: schema.Text("display name in From")},
		{Name: "asserted", Value: schema.Some("P-Asserted-Identity: user, number or URI", schema.Text(""))},
		{Name: "remote_party", Value: schema.Text("Remote-Party-ID: user, number or URI")},
		{Name: "diverted_by", Value: schema.Text("Diversion: user, number or URI")},
		{Name: "withheld", Value: schema.Flag("true is privacy: id")},
		{Name: "privacy", Value: schema.Text("Privacy")},
		{Name: "priority", Value: schema.Text("Priority")},
		{Name: "user_agent", Value: schema.Text("User-Agent")},
		{Name: "domain", Value: schema.Text("host of the request URI")},
		{Name: "attestation", Value: schema.Word("P-Attestation-Indicator", testAttestations...)},
		{Name: "verification", Value: schema.Word("verstat of asserted, else of caller", testVerifications...)},
		{Name: "headers", Value: schema.Map("any other headers, by name", headerPattern, schema.Some("", schema.Text("")))},
	}
	// What the switch says.
	routingKeys = schema.Keys{
		{Name: "source", Value: schema.Pattern("address that sent the INVITE", addressPattern)},
		{Name: "trunk", Value: schema.Text("trunk, as the switch names it")},
		{Name: "account", Value: schema.Text("authenticated account")},
		{Name: "upstream", Value: schema.Text("trunk by which the call will go, when the switch knows that already")},
	}
	testedCallKeys = slices.Concat(schema.Keys{{Name: "sip", Value: schema.Text("a whole INVITE, instead of the keys for its parts")}}, requestKeys, routingKeys)
	wantedKeys     = schema.Keys{
		{Name: "allow", Value: schema.Yes("the call passes")},
		{Name: "block", Value: schema.Word("the call is stopped, and why", Whys()...)},
		{Name: "divert", Value: schema.Pattern("the call is sent to this SIP URI", targetPattern)},
		{Name: "rule", Value: schema.Pattern("the rule that decides", namePattern)},
		{Name: "list", Value: schema.Pattern("the list whose row matches in it", namePattern)},
		{Name: "status", Value: schema.Pattern(`as in 603 or "603 Network Blocked"`, statusPattern)},
		{Name: "reason", Value: schema.Text("part of the Reason header")},
		{Name: "retry_after", Value: schema.Pattern("Retry-After, as in 15m", durationPattern)},
		{Name: "label", Value: schema.Text("the mark for the called party; without it there must be none")},
		{Name: "withhold", Value: schema.Flag("whether the caller's number is taken out; without it it must not be")},
		{Name: "score", Value: schema.Integer("what rules gave", -maxScore, maxScore)},
		{Name: "monitored", Value: schema.Some("rules in monitor that would have stopped the call; without it there must be none", schema.Pattern("", namePattern))},
	}
	outcomeKeys = schema.Keys{
		{Name: "code", Needed: true, Value: schema.Integer("final SIP status from upstream", 200, 699)},
		{Name: "phrase", Value: schema.Text("its reason phrase, as in Network Blocked")},
		{Name: "reason", Value: schema.Text("value of its Reason header")},
		{Name: "upstream", Value: schema.Text("the trunk that answered")},
		{Name: "rang", Value: schema.Flag("a 18x came before")},
		{Name: "ring", Value: schema.Pattern("INVITE to final answer, as in 20s", durationPattern)},
		{Name: "talk", Value: schema.Pattern("answer to hang-up, as in 3m", durationPattern)},
		{Name: "ended_by", Value: schema.Word("who hung up", "caller", "callee")},
	}
	testSettingsKeys = schema.Keys{
		{Name: "country", Value: schema.Pattern("whose national numbers come without a trunk or by one without a country", `^[A-Za-z]{2}$`)},
		{Name: "redress", Value: schema.Object("how a caller blocked by analytics can complain", RedressKeys)},
		{Name: "answers", Value: schema.Object("SIP statuses where there is a choice", answerKeys)},
		{Name: "emergency", Value: schema.Some("emergency numbers beside the built-in ones", schema.Text(""))},
		{Name: "trunks", Value: schema.Some("connections to carriers, customers and PBXs", schema.Ref("trunk"))},
	}
	answerKeys = schema.Keys{
		{Name: DNO.String(), Value: &schema.Schema{Description: "of do-not-originate numbers", Enum: []any{603, 403}}},
		{Name: Administrative.String(), Value: &schema.Schema{Description: "of numbers that are not the customer's", Enum: []any{603, 403}}},
	}
)

// The keys of settings that the daemon's configuration has, too.
var (
	RedressKeys = schema.Keys{
		{Name: "url", Value: schema.Pattern("https address", `^https://`)},
		{Name: "tel", Value: schema.Pattern("telephone number", `^\+[1-9][0-9]{6,14}$`)},
		{Name: "email", Value: schema.Pattern("mail address", `^[^@ ]+@[^@ ]+\.[^@ ]+$`)},
		{Name: "location", Value: schema.Word("where in the network the call is blocked (RFC 8606)", locations...)},
	}
	TrunkKeys = schema.Keys{
		{Name: "name", Needed: true, Value: schema.Text("its name in rules and in what the switch says")},
		{Name: "networks", Value: schema.Some("its source addresses; the longest network wins", schema.Pattern("", NetworkPattern))},
		{Name: "country", Value: schema.Pattern("whose national numbers it sends", `^[A-Za-z]{2}$`)},
		{Name: "trusted", Value: schema.Flag("its P-Asserted-Identity, Remote-Party-ID and attestation are believed")},
		{Name: "direction", Value: schema.Word("of its calls, as seen from your network", directionWords[1:]...)},
		{Name: "mode", Value: schema.Word("monitor: its calls are recorded as the rules have it, and not altered", modeNames[:2]...)},
		{Name: "extensions", Value: schema.Some("patterns of its private plan, as in 2XXX", schema.Text(""))},
	}
)

// NetworkPattern is what a network is made of, or an address.
const NetworkPattern = `^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$`

// TestSchema is that of rule tests.
func TestSchema() *schema.Schema {
	test := schema.Object("a test: a call and what must become of it, or steps", ruleTestKeys)
	test.OneOf = []*schema.Schema{schema.Has("call", "want"), {Required: []string{"steps"}, Not: &schema.Schema{AnyOf: []*schema.Schema{schema.Has("call"), schema.Has("want")}}}}
	step := schema.Object("live changes to lists, a slow-down and a user's report, then a call", testStepKeys)
	step.Dependent = map[string]*schema.Schema{"repeat": schema.Has("call"), "every": schema.Has("repeat")}
	step.OneOf = []*schema.Schema{
		{Required: []string{"call"}, AnyOf: []*schema.Schema{schema.Has("want"), schema.Has("outcome")}},
		{Not: schema.Has("call"), AnyOf: []*schema.Schema{schema.Has(string(LiveAdd)), schema.Has(string(LiveRemove)), schema.Has(string(LiveRevert)), schema.Has("report"), schema.Has("slow")}},
	}
	call := schema.Object("a call, as the INVITE that a switch would send", testedCallKeys)
	var parts []*schema.Schema
	for _, k := range requestKeys {
		parts = append(parts, schema.Has(k.Name))
	}
	call.OneOf = []*schema.Schema{schema.Has("caller", "callee"), {Required: []string{"sip"}, Not: &schema.Schema{AnyOf: parts}}}
	slow := schema.Object("a slow-down, made before the call", testSlowKeys)
	for _, k := range slowable {
		slow.OneOf = append(slow.OneOf, schema.Has(k))
	}
	want := schema.Object("", wantedKeys)
	for _, k := range endingKeys {
		want.OneOf = append(want.OneOf, schema.Has(k))
	}
	want.Dependent = map[string]*schema.Schema{"status": schema.Has("block"), "reason": schema.Has("block"), "retry_after": schema.Has("block")}
	s := schema.Object("", testFileKeys)
	s.Defs = map[string]*schema.Schema{
		"settings": schema.Object("settings of this file alone, as in the configuration; rules: is then the rule file beside it", testSettingsKeys),
		"trunk":    schema.Object("a trunk", TrunkKeys),
		"test":     test,
		"step":     step,
		"change":   schema.Object("a live change to a list, made before the call", testChangeKeys),
		"slow":     slow,
		"call":     call,
		"want":     {Description: "allow, or what must become of the call", AnyOf: []*schema.Schema{{Const: "allow"}, want}},
		"outcome":  schema.Object("what becomes of a call that passes", outcomeKeys),
	}
	return schema.Root("test", "ringfence rule tests", s)
}
