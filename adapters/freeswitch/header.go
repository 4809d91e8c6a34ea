package freeswitch

import (
	"strings"

	"ringfence/adapters/sip"
)

// headers finds the headers of the INVITE among the variables of a channel.
type headers struct{ channel Channel }

// own are the variables of headers that FreeSWITCH reads itself. What is not
// named here is in sip_h_Name or in sip_i_name.
var own = map[string]string{
	"call-id":              "variable_sip_call_id",
	"from":                 "variable_sip_full_from",
	"to":                   "variable_sip_full_to",
	"identity":             "variable_sip_identity",
	"p-preferred-identity": "variable_sip_P-Preferred-Identity",
	"privacy":              "variable_sip_Privacy",
	"remote-party-id":      "variable_sip_Remote-Party-ID",
	"user-agent":           "variable_sip_user_agent",
}

// Header implements rules.Headers. A header of several fields is known by the
// first one. What is in sip_i_ may have come under a name with "_" for "-", so the
// other variables come before it.
func (h headers) Header(name string) (string, bool) {
	name = sip.FullName(name)
	if sip.IsSecret(name) {
		return "", false
	}
	lower := strings.ToLower(name)
	if variable, ok := own[lower]; ok {
		if value, ok := h.channel.Lookup(variable); ok {
			return first(value), true
		}
	}
	switch {
	case lower == "p-asserted-identity":
		if _, ok := h.channel.Lookup("variable_sip_P-Asserted-Identity"); !ok {
			return "", false
		}
	case strings.HasPrefix(lower, "x-"), strings.HasPrefix(lower, "p-"):
		return h.channel.Lookup("variable_sip_h_" + name)
	case lower == "identity": // in its compact form, which FreeSWITCH does not know
		lower = "y"
	}
	value, ok := h.channel.Lookup("variable_sip_i_" + strings.ReplaceAll(lower, "-", "_"))
	return first(value), ok
}

// array walks the values of a variable: several are ARRAY::one|:two, one stands
// alone. A separator in quotes is none.
func array(value string) values {
	rest, many := strings.CutPrefix(value, "ARRAY::")
	return values{rest: rest, many: many}
}

type values struct {
	rest     string
	many     bool
	unpaired bool // a quote had no partner: quotes mean nothing from there on
}

// next is the next value, empty after the last one.
func (v *values) next() string {
	s := v.rest
	if v.many {
		for i := 0; i < len(s)-1; i++ {
			switch {
			case s[i] == '|' && s[i+1] == ':':
				v.rest = s[i+2:]
				return s[:i]
			case s[i] == '"' && !v.unpaired:
				if end := sip.ClosingQuote(s, i); end > 0 {
					i = end
				} else {
					v.unpaired = true
				}
			}
		}
	}
	v.rest = ""
	return s
}

// each yields the values that are left.
func (v *values) each(yield func(string) bool) {
	for w := *v; w.rest != ""; {
		if !yield(w.next()) {
			return
		}
	}
}

// first is the first value of a variable.
func first(value string) string {
	v := array(value)
	return v.next()
}
