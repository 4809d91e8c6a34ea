package freeswitch

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"ringfence/rules"
)

// watched is a channel that remembers what was looked for.
type watched struct {
	channel
	seen map[string]bool
}

func (w watched) Lookup(name string) (string, bool) {
	w.seen[strings.ToLower(strings.TrimPrefix(name, "variable_"))] = true
	return w.channel.Lookup(name)
}

// TestReferenceNamesWhatIsRead holds that the variables in the reference of the
// language are those that a call is read from.
func TestReferenceNamesWhatIsRead(t *testing.T) {
	full := plainChannel()
	maps.Copy(full, variables("sip_P-Asserted-Identity: +12025550101", "sip_i_p_asserted_identity: <sip:+12025550101@p>", "sip_h_P-Attestation-Indicator: A"))
	w := watched{full, map[string]bool{}}
	var c rules.Call
	ReadCall(w, &c)
	w.channel = channel{}
	ReadCall(w, &c) // what is looked for where the first is absent
	c.Headers.Header("X-NAME")
	c.Headers.Header("NAME")
	c.Headers.Header("P-Origination-ID") // as the attribute signer does
	c.Headers.Header("Origination-Id")
	w.seen["sip_h_name"] = w.seen["sip_h_x-name"]
	named := map[string]string{}
	for _, a := range rules.Attributes() {
		named[a.Name] = a.FreeSWITCH
	}
	for _, f := range rules.Functions() {
		named[f.Name] = f.FreeSWITCH
	}
	count := 0
	for word, text := range named {
		for _, variable := range regexp.MustCompile(`\b(?:sip|ringfence)_[\w-]+`).FindAllString(text, -1) {
			if count++; !w.seen[strings.ToLower(variable)] {
				t.Errorf("%s: %s is not read", word, variable)
			}
		}
		if text == "" {
			t.Errorf("%s: the reference does not say where it comes from", word)
		}
	}
	if count < 20 {
		t.Errorf("the reference names %d variables", count)
	}
}
