package rules

import (
	"fmt"
	"strings"
)

// Reference is the language of conditions on one page, made from what the
// compiler knows.
type Reference struct {
	Operators  []ReferenceEntry `json:"operators"`
	Attributes []ReferenceEntry `json:"attributes"`
	Functions  []ReferenceEntry `json:"functions"`
}

// ReferenceEntry is one word of the language.
type ReferenceEntry struct {
	Name       string `json:"name"` // of a function with its arguments
	Type       string `json:"type,omitempty"`
	Doc        string `json:"doc"`
	Kamailio   string `json:"kamailio,omitempty"`   // where it comes from there
	FreeSWITCH string `json:"freeswitch,omitempty"` // and there, as channel variables
	Asks       string `json:"asks,omitempty"`       // what it asks beside the call and the lists
	Example    string `json:"example"`
}

var operators = []ReferenceEntry{
	{Name: "and, or, not, ( )", Doc: "also && || !; not binds tightest, then and", Example: `withheld and not (trunk == "pbx-acme" or valid(callee))`},
	{Name: "==, !=", Doc: "equality; of callers == is true when it is true of any, and a != b is always not a == b", Example: `display_name != "ACME"`},
	{Name: "in, not in", Doc: "one of a set of constants, or in a list", Example: `country(caller) not in ["US", "CA"]`},
	{Name: "startsWith, endsWith, contains", Doc: "parts of a text, or of a number as it is written", Example: `callee startsWith "+44"`},
	{Name: "matches", Doc: "a regular expression (RE2), compiled when the rules load", Example: `caller matches "^\\+1(800|888)"`},
	{Name: "<, <=, >, >=", Doc: "for times of day, counts, shares and durations, which also == and != compare; of what is not known no comparison holds", Example: `local_time(caller) >= "21:00"`},
}

// Language is the reference of this release.
func Language() *Reference {
	r := &Reference{Operators: operators}
	for _, a := range attributes {
		r.Attributes = append(r.Attributes, ReferenceEntry{Name: a.Name, Type: a.Type.String(), Doc: a.Doc, Kamailio: a.Kamailio, FreeSWITCH: a.FreeSWITCH, Asks: a.state, Example: a.Example})
	}
	for _, f := range functions {
		r.Functions = append(r.Functions, ReferenceEntry{Name: f.Signature, Type: f.Result.String(), Doc: f.Doc, Kamailio: f.Kamailio, FreeSWITCH: f.FreeSWITCH, Asks: f.State, Example: f.Example})
	}
	return r
}

// sections are the parts of the page in order.
func (r *Reference) sections() []struct {
	name    string
	entries []ReferenceEntry
} {
	return []struct {
		name    string
		entries []ReferenceEntry
	}{{"operator", r.Operators}, {"attribute", r.Attributes}, {"function", r.Functions}}
}

// String is the page for a terminal.
func (r *Reference) String() string {
	var b strings.Builder
	for _, s := range r.sections() {
		fmt.Fprintf(&b, "%sS\n", strings.ToUpper(s.name))
		for _, e := range s.entries {
			b.WriteString("  " + e.Name)
			if e.Type != "" {
				fmt.Fprintf(&b, " (%s)", e.Type)
			}
			fmt.Fprintf(&b, "\n      %s\n", e.Doc)
			for _, item := range [...]struct{ name, value string }{{"Kamailio", e.Kamailio}, {"FreeSWITCH", e.FreeSWITCH}, {"asks", e.Asks}, {"example", e.Example}} {
				if item.value != "" {
					fmt.Fprintf(&b, "      %-11s %s\n", item.name+":", item.value)
				}
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString("FreeSWITCH: channel variables; sip_i_ takes parse-all-invite-headers in the profile.\n")
	return b.String()
}

// Markdown is the page as tables.
func (r *Reference) Markdown() string {
	var b strings.Builder
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	code := func(s string) string { return "`" + cell(s) + "`" }
	for _, s := range r.sections() {
		sources := s.name != "operator"
		if sources {
			fmt.Fprintf(&b, "\n| %s | type | what it is | Kamailio | FreeSWITCH | example |\n|---|---|---|---|---|---|\n", s.name)
		} else {
			fmt.Fprintf(&b, "\n| %s | what it is | example |\n|---|---|---|\n", s.name)
		}
		for _, e := range s.entries {
			doc := cell(e.Doc)
			if e.Asks != "" {
				doc += "; asks " + e.Asks
			}
			if sources {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", code(e.Name), e.Type, doc, cell(e.Kamailio), cell(e.FreeSWITCH), code(e.Example))
			} else {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", code(e.Name), doc, code(e.Example))
			}
		}
	}
	return b.String()
}
