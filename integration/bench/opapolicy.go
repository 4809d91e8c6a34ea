package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The scenario of the comparison with Open Policy Agent.
const (
	opaRules    = 1_000
	opaListed   = 100_000
	prefixLong  = len("+121720000") // of each rule by prefix
	opaAccounts = 1_200             // a few more than rules name
	opaTrunks   = 10
)

// opaRule is one rule of the comparison in neither language; a condition that is
// empty is none.
type opaRule struct {
	trunk, account string
	callee         string
	prefix         string // of the caller
	listed         bool   // the caller is on the list
	answer         opaAnswer
}

// opaAnswer is what a rule does, in both languages.
type opaAnswer struct {
	Action string `json:"action"`
	Code   int    `json:"code,omitempty"`
	Phrase string `json:"phrase,omitempty"`
	Rule   string `json:"rule,omitempty"`

	why string
}

// opaPolicy is n rules: per customer on a trunk, per destination, per prefix,
// and the list of a reputation feed at the end.
func opaPolicy(n int) []opaRule {
	all := make([]opaRule, n)
	for i := range all {
		r := &all[i]
		switch {
		case i == n-1:
			r.listed, r.answer = true, opaAnswer{Code: 603, Phrase: "Network Blocked", why: "analytics"}
		case i%3 == 0:
			r.trunk, r.account = fmt.Sprintf("pbx-%d", i/3%opaTrunks), fmt.Sprintf("customer-%d", i)
			r.answer = opaAnswer{Code: 603, Phrase: "Decline", why: "administrative"}
		case i%3 == 1:
			r.callee, r.answer = fmt.Sprintf("+1216557%04d", i), opaAnswer{Code: 404, Phrase: "Not Found", why: "not-found"}
		default:
			r.prefix, r.answer = fmt.Sprintf("+1217%03d%02d", 200+i%700, i%100), opaAnswer{Code: 607, Phrase: "Unwanted", why: "subscriber"}
		}
		r.answer.Action, r.answer.Rule = "block", fmt.Sprintf("rule-%d", i)
	}
	return all
}

// ringfenceRules is the policy as a rule file.
func ringfenceRules(policy []opaRule) string {
	var b strings.Builder
	b.WriteString("lists:\n  spam: {file: spam.csv, why: analytics}\nrules:\n")
	for _, r := range policy {
		var when []string
		for _, c := range []struct{ attribute, value string }{{"trunk", r.trunk}, {"account", r.account}, {"callee", r.callee}} {
			if c.value != "" {
				when = append(when, fmt.Sprintf("%s == %q", c.attribute, c.value))
			}
		}
		if r.prefix != "" {
			when = append(when, fmt.Sprintf("caller startsWith %q", r.prefix))
		}
		if r.listed {
			when = append(when, `caller in list("spam")`)
		}
		fmt.Fprintf(&b, "  - id: %s\n    when: %s\n    block: %s\n", r.answer.Rule, strings.Join(when, " and "), r.answer.why)
	}
	return b.String()
}

// regoRules is the policy in Rego. The first rule in order decides, so that each
// gives its number and the least is taken. Equality is what OPA indexes, it asks
// one such rule and not all. A prefix it does not index: as plain Rego each is a
// rule with startswith; else the prefixes are a table in the data, which is what
// its documentation advises.
func regoRules(policy []opaRule, plain bool) string {
	var b strings.Builder
	b.WriteString("package ringfence\n\ndefault decision := {\"action\": \"allow\"}\n\ndecision := data.answers[min(blocked)]\n")
	if !plain {
		fmt.Fprintf(&b, "\nblocked contains data.prefixes[substring(input.caller, 0, %d)]\n", prefixLong)
	}
	for i, r := range policy {
		var body []string
		for _, c := range []struct{ attribute, value string }{{"trunk", r.trunk}, {"account", r.account}, {"callee", r.callee}} {
			if c.value != "" {
				body = append(body, fmt.Sprintf("input.%s == %q", c.attribute, c.value))
			}
		}
		switch {
		case r.listed:
			body = append(body, "data.spam[input.caller]")
		case r.prefix != "" && plain:
			body = append(body, fmt.Sprintf("startswith(input.caller, %q)", r.prefix))
		case r.prefix != "":
			continue
		}
		fmt.Fprintf(&b, "\nblocked contains %d if {\n\t%s\n}\n", i, strings.Join(body, "\n\t"))
	}
	return b.String()
}

// regoData is the data beside regoRules: the answers by the rule's number, the
// rules by prefix, and the list as an object, in which OPA looks up by hash.
func regoData(policy []opaRule) ([]byte, error) {
	answers := make([]opaAnswer, len(policy))
	prefixes := make(map[string]int)
	for i, r := range policy {
		answers[i] = r.answer
		if r.prefix != "" {
			prefixes[r.prefix] = i
		}
	}
	spam := make(map[string]bool, opaListed)
	for k := range uint64(opaListed) {
		spam[opaListedAt(k)] = true
	}
	return json.Marshal(map[string]any{"answers": answers, "prefixes": prefixes, "spam": spam})
}

// opaListedAt is the k-th listed number.
func opaListedAt(k uint64) string {
	return number(listedAt(k, opaListed))
}

// number is the i-th NANP number in E.164.
func number(i uint64) string {
	area, exchange, line := national(i)
	return "+1" + string(appendNational(nil, area, exchange, line))
}

// writePolicy writes the policy for ringfence into dir, for OPA into its folders
// "rego" and "plain", each a bundle.
func writePolicy(dir string, policy []opaRule) error {
	config := "rules: [rules.yaml]\nredress: {url: https://redress.example.com/calls, location: RLN}\ntrunks:\n" +
		"  - {name: carrier-a, networks: [127.0.0.0/8], country: US, trusted: true}\n"
	for i := range opaTrunks {
		config += fmt.Sprintf("  - {name: pbx-%d, country: US}\n", i)
	}
	var list strings.Builder
	for k := range uint64(opaListed) {
		list.WriteString(opaListedAt(k) + "\n")
	}
	data, err := regoData(policy)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"ringfence/ringfence.yaml": config,
		"ringfence/rules.yaml":     ringfenceRules(policy),
		"ringfence/spam.csv":       list.String(),
		"rego/policy.rego":         regoRules(policy, false),
		"rego/data.json":           string(data),
		"plain/policy.rego":        regoRules(policy, true),
		"plain/data.json":          string(data),
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			return err
		}
	}
	return nil
}
