package rules

import (
	"strings"

	"ringfence/rules/schema"
)

// What values are made of.
const (
	namePattern     = `^[A-Za-z0-9._-]{1,64}$`
	durationPattern = `^([0-9]{1,9}[smhdw])+$`
	pausePattern    = `^(([0-9]{1,9}[smhdw])+([0-9]{1,9}ms)?|[0-9]{1,9}ms)$`
	targetPattern   = `^sips?:[^ <>"\\]+$`
	percentPattern  = `^[0-9]{1,3}(\.[0-9])?%$`
	limitPattern    = `^ *([0-9]{1,3}(\.[0-9])?% +of +trunk|[0-9]{1,7}) +per +([0-9]{1,9}[smhdw])+ *$`
	labelPattern    = `^[^"\\]*\S[^"\\]*$`
)

// The keys of rule files.
var (
	ruleFileKeys = schema.Keys{
		{Name: "lists", Value: schema.Map("lists by name, for list(\"name\") in conditions", namePattern, schema.Ref("list"))},
		{Name: "learn", Value: schema.Map("learned lists by name, for learned(\"name\") in conditions", namePattern, schema.Ref("learn"))},
		{Name: "calendars", Value: schema.Map("calendars by name, for permitted(callee, \"name\") in conditions", namePattern, schema.Ref("calendar"))},
		{Name: "rules", Value: schema.List("rules, asked from top to bottom until one blocks, diverts or allows", schema.Ref("rule"))},
	}
	listKeys = append(schema.Keys{
		{Name: "file", Value: schema.Text("one number or network a line, or CSV with a header; relative to this file, .gz is unpacked")},
		{Name: "why", Value: schema.Word("why its numbers are blocked: rules that block on it must say the same", rowWhys()...)},
		{Name: "own", Value: schema.Yes("these are our own numbers: they are never learned")},
		{Name: "empty", Value: schema.Yes("the list may have no rows")},
		{Name: "country", Value: schema.Pattern("whose national form the numbers have, ISO 3166-1 as in US", `^[A-Z]{2}$`)},
		{Name: "per", Value: schema.Word("whose list it is: each row has a subscriber", perAttributes...)},
	}, feedKeys...)
	learnKeys = schema.Keys{
		{Name: "from", Needed: true, Value: schema.Word("whose number is learned", "callee", "caller")},
		{Name: "on", Needed: true, Value: schema.List("final SIP statuses that teach", schema.Integer("", 400, 699))},
		{Name: "upstream", Needed: true, Value: schema.List("trunks whose answers are believed", schema.Text(""))},
		{Name: "scope", Value: schema.Word("upstream: what one taught counts for calls to it alone; all unless set", scopeWords...)},
		{Name: "per", Value: schema.Word("whose list it is, the party that from does not name: everybody's unless set", "callee", "caller")},
		{Name: "after", Value: schema.Integer("how many different other parties it takes", 1, maxAfter)},
		{Name: "within", Value: schema.Pattern("in which time they must be heard, as in 1h; as long as for unless set", durationPattern)},
		{Name: "for", Needed: true, Value: schema.Pattern("how long it is remembered, as in 30d", durationPattern)},
	}
	ruleKeys = schema.Keys{
		{Name: "id", Needed: true, Value: schema.Pattern("names the rule in verdicts, counts and explanations", namePattern)},
		{Name: "when", Needed: true, Value: schema.Text("the condition")},
		{Name: "block", Value: schema.Word("stop the call; the SIP answer follows from why. listed: why the row of the list says", append(Whys(), "listed")...)},
		{Name: "allow", Value: schema.Yes("let the call pass; no later rule is asked")},
		{Name: "divert", Value: schema.Pattern("send the call to a SIP URI", targetPattern)},
		{Name: "label", Value: &schema.Schema{Description: "mark the call for the called party and go on", Type: []string{"string", "number", "boolean"}, Pattern: labelPattern, MaxLength: maxLabel}},
		{Name: "withhold", Value: schema.Yes("take the caller's number out and go on")},
		{Name: "score", Value: schema.Integer("points that are added to the call's score, for score in the conditions of later rules; go on", -maxPoints, maxPoints)},
		{Name: "reason", Value: &schema.Schema{Description: "what the points are for; the note unless given", Type: []string{"string", "number", "boolean"}, Pattern: labelPattern, MaxLength: maxLabel}},
		{Name: "rollout", Value: schema.Pattern("share of callers for whom it is enforced, as in 10%; in monitor for the others", percentPattern)},
		{Name: "limit", Value: schema.Pattern("what it may stop of a trunk's calls before it falls back to monitor there, as in 2% of trunk per 5m or 50 per 1m", limitPattern)},
		{Name: "mode", Value: schema.Word("enforce: act; monitor: record what it would have done; off: do not ask", modeNames...)},
		{Name: "note", Value: schema.Text("for whoever reads the explanation")},
		{Name: "retry_after", Value: schema.Pattern("how long the caller should wait, as in 15m; of hours by a calendar, until it permits the call unless set", durationPattern)},
		{Name: "failure", Value: schema.Word("what of the caller's identity failed", failureNames[1:]...)},
	}
)

// RuleSchema is that of rule files.
func RuleSchema() *schema.Schema {
	rule := schema.Object("a rule", ruleKeys)
	when := *rule.Properties["when"]
	when.Description = language()
	rule.Properties["when"] = &when
	// One action that ends the evaluation, or marks that let it go on.
	rule.OneOf = []*schema.Schema{schema.Has("block"), schema.Has("allow"), schema.Has("divert"),
		{AnyOf: []*schema.Schema{schema.Has("label"), schema.Has("withhold"), schema.Has("score")}}}
	rule.Dependent = map[string]*schema.Schema{
		"retry_after": schema.With("block", Hours.String(), Pacing.String()),
		"failure":     schema.With("block", IdentityPolicy.String()),
		"score":       {AnyOf: []*schema.Schema{schema.Has("reason"), schema.Has("note")}},
		"reason":      schema.Has("score"),
		"rollout":     {Not: schema.Has("allow")},
		"limit":       {AnyOf: []*schema.Schema{schema.Has("block"), schema.Has("divert")}},
	}
	rule.If, rule.Then = schema.With("block", IdentityPolicy.String()), schema.Has("failure")
	s := schema.Object("", ruleFileKeys)
	s.AnyOf = []*schema.Schema{schema.Has("lists"), schema.Has("learn"), schema.Has("calendars"), schema.Has("rules")}
	s.Defs = map[string]*schema.Schema{"rule": rule, "list": schema.Object("a list", listKeys), "learn": schema.Object("a learned list", learnKeys),
		"calendar": schema.Object("a calendar", calendarKeys)}
	learn := s.Defs["learn"]
	learn.Dependent = map[string]*schema.Schema{
		"within": {Required: []string{"after"}, Not: schema.Has("per")},
		"per":    {Not: schema.With("scope", "upstream")},
	}
	list := s.Defs["list"]
	list.Not = schema.Has("own", "per")
	list.OneOf = []*schema.Schema{schema.Has("file"), schema.Has("url")}
	list.Dependent = map[string]*schema.Schema{"header": schema.Has("url", "token_file"), "sha256": {Required: []string{"url"}, Not: schema.Has("sha256_url")}}
	for _, key := range feedKeys.Names()[1:] {
		if list.Dependent[key] == nil {
			list.Dependent[key] = schema.Has("url")
		}
	}
	return schema.Root("rules", "ringfence rule file", s)
}

// language is what conditions are made of, in short.
func language() string {
	var signatures []string
	for _, f := range functions {
		signatures = append(signatures, f.Signature)
	}
	return "the condition, of the attributes " + strings.Join(attributeNames(), ", ") + "; of the functions " + strings.Join(signatures, ", ") +
		"; and of and, or, not, ==, !=, in, not in, startsWith, endsWith, contains, matches and parentheses"
}
