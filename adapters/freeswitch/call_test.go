package freeswitch

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/rules"
)

// channel is a Channel of a test; its names are in lower case.
type channel map[string]string

func (c channel) Lookup(name string) (string, bool) {
	value, ok := c[strings.ToLower(name)]
	return value, ok
}

// variables makes a channel of "name: value" lines, the names without variable_.
func variables(lines ...string) channel {
	c := channel{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		if name != "Unique-ID" && !strings.HasPrefix(name, "Caller-") {
			name = "variable_" + name
		}
		c[strings.ToLower(name)] = value
	}
	return c
}

var callOptions = cmp.Options{
	cmpopts.IgnoreUnexported(rules.Call{}),
	cmpopts.IgnoreFields(rules.Call{}, "Headers"),
	cmpopts.EquateComparable(netip.Addr{}),
}

func plainChannel() channel {
	return variables(
		"Unique-ID: 5d3b", "Caller-Username: +12025550100", "Caller-Caller-ID-Name: Example %{caller}", "Caller-Caller-ID-Number: +19995550000", "Caller-Destination-Number: +12025550142",
		"sip_call_id: c1@192.0.2.7", "sip_from_tag: 8f1b", "sip_i_cseq: 101 INVITE",
		"sip_network_ip: 192.0.2.7", "sip_network_port: 5062", "ringfence_trunk: carrier-a", "ringfence_account: alice", "ringfence_upstream: [192.0.2.20]",
		"sip_req_uri: +12025550142@b.example:5080", "sip_req_user: +12025550142", "sip_req_host: b.example", "sip_req_port: 5080", "sip_req_params: user=phone",
		`sip_full_from: "Example Caller" <sip:+12025550100@a.example;user=phone>;tag=8f1b`, "sip_from_user: +12025550100", "sip_from_host: a.example",
		"sip_full_to: <sip:+12025550142@b.example>", "sip_user_agent: Phone 1.0",
	)
}

// attestations are the variables of so many headers.
func attestations(n int) []string {
	lines := []string{"sip_h_P-Attestation-Indicator: A"}
	for i := 1; i < n; i++ {
		lines = append(lines, fmt.Sprintf("sip_h_P-Attestation-Indicator-%d: A", i))
	}
	return lines
}

func plainCall() rules.Call {
	return rules.Call{
		CallID: "c1@192.0.2.7", FromTag: "8f1b", CSeq: 101,
		Source: netip.MustParseAddr("192.0.2.7"), SourcePort: 5062, TrunkName: "carrier-a", Account: "alice", Upstream: "192.0.2.20",
		RequestURI: "sip:+12025550142@b.example:5080;user=phone", RequestUser: "+12025550142", Domain: "b.example",
		From: rules.Identity{User: "+12025550100", Host: "a.example", Display: "Example Caller"},
		To:   rules.Identity{User: "+12025550142", Host: "b.example"}, UserAgent: "Phone 1.0",
	}
}

func TestReadCall(t *testing.T) {
	for _, c := range []struct {
		name string
		with []string
		want func(*rules.Call)
	}{
		{"plain", nil, func(*rules.Call) {}},
		{"a parameter of From that overwrites a variable", []string{"sip_from_user: +19995550000", "sip_from_host: evil"}, func(*rules.Call) {}},
		{"a From with a variable in its display name", []string{"sip_full_from: ", "sip_from_user: +19995550000"}, func(c *rules.Call) {
			c.From = rules.Identity{User: "+12025550100", Host: "a.example", Display: "Example %{caller}"}
		}},
		{"such a From without a name", []string{"sip_full_from: ", "sip_from_user: ", "Caller-Caller-ID-Name: +12025550100"}, func(c *rules.Call) {
			c.From = rules.Identity{User: "+12025550100", Host: "a.example"}
		}},
		{"such a tel From without a user", []string{"sip_full_from: ", "Caller-Username: nobody", "sip_from_host: nowhere", "Caller-Caller-ID-Name: "}, func(c *rules.Call) {
			c.From = rules.Identity{Tel: true}
		}},
		{"a parameter of the user of From", []string{"sip_name_params: verstat=TN-Validation-Passed"}, func(c *rules.Call) { c.From.Verstat = "TN-Validation-Passed" }},
		{"a parameter of another's user", []string{"sip_name_params: verstat=TN-Validation-Passed", "sip_cid_type: pid"}, func(*rules.Call) {}},
		{"a parameter of the user of P-Asserted-Identity", []string{"sip_P-Asserted-Identity: +12025550101;verstat=TN-Validation-Failed", "sip_i_p_asserted_identity: <sip:+12025550101@p>"}, func(c *rules.Call) {
			c.Asserted[0] = rules.Identity{User: "+12025550101", Host: "p", Verstat: "TN-Validation-Failed"}
		}},
		{"such a From and a P-Asserted-Identity", []string{"sip_full_from: ", "sip_cid_type: pid", "Caller-Username: +19995550000"}, func(c *rules.Call) {
			c.From = rules.Identity{User: "+12025550100", Host: "a.example"}
		}},
		{"no user in From", []string{"sip_full_from: <sip:a.example>;tag=8f1b", "sip_from_user: nobody"}, func(c *rules.Call) {
			c.From = rules.Identity{Host: "a.example"}
		}},
		{"a tel From", []string{"sip_full_from: <tel:+12025550100;verstat=TN-Validation-Passed>;tag=8f1b"}, func(c *rules.Call) {
			c.From = rules.Identity{User: "+12025550100", Tel: true, Verstat: "TN-Validation-Passed"}
		}},
		{"the user of P-Asserted-Identity alone", []string{"sip_P-Asserted-Identity: +12025550101;verstat=No-TN-Validation"}, func(c *rules.Call) {
			c.Asserted[0] = rules.Identity{User: "+12025550101", Verstat: "No-TN-Validation"}
		}},
		{"P-Asserted-Identity verbatim", []string{`sip_P-Asserted-Identity: "A" <tel:+12025550101>`}, func(c *rules.Call) {
			c.Asserted[0] = rules.Identity{User: "+12025550101", Display: "A", Tel: true}
		}},
		{"two of it", []string{"sip_P-Asserted-Identity: +12025550101", `sip_i_p_asserted_identity: ARRAY::"a|:b" <sip:+12025550101@p>|:<tel:+12025550101>`}, func(c *rules.Call) {
			c.Asserted = [2]rules.Identity{{User: "+12025550101", Host: "p", Display: "a|:b"}, {User: "+12025550101", Tel: true}}
		}},
		{"a name and a number", []string{"sip_P-Asserted-Identity: alice", "sip_i_p_asserted_identity: ARRAY::<sip:alice@p>|:<tel:+12025550101>"}, func(c *rules.Call) {
			c.Asserted = [2]rules.Identity{{User: "alice", Host: "p"}, {User: "+12025550101", Tel: true}}
		}},
		{"P_Asserted_Identity behind it", []string{"sip_P-Asserted-Identity: +12025550101", "sip_i_p_asserted_identity: ARRAY::<sip:+12025550101@p>|:<tel:+12025550109>"}, func(c *rules.Call) {
			c.Asserted[0] = rules.Identity{User: "+12025550101", Host: "p"}
		}},
		{"P_Asserted_Identity alone", []string{"sip_i_p_asserted_identity: <tel:+12025550109>"}, func(*rules.Call) {}},
		{"another first value than the user", []string{"sip_P-Asserted-Identity: +12025550101", "sip_i_p_asserted_identity: <tel:+12025550109>"}, func(c *rules.Call) {
			c.Asserted[0] = rules.Identity{User: "+12025550101"}
		}},
		{"Remote-Party-ID", []string{`sip_Remote-Party-ID: "R" <sip:+12025550103@r>;party=calling;privacy=full`}, func(c *rules.Call) {
			c.RemoteParty = rules.Identity{User: "+12025550103", Host: "r", Display: "R"}
		}},
		{"that of the called party", []string{"sip_Remote-Party-ID: <sip:+12025550103@r>;party=called"}, func(*rules.Call) {}},
		{"Privacy", []string{"sip_Privacy: id; user"}, func(c *rules.Call) { c.Privacy = "id;user" }},
		{"two Diversions", []string{"sip_h_Diversion: <sip:+12025550105@d>", "sip_i_diversion: ARRAY::<sip:+12025550104@d>;reason=no-answer|:<sip:+12025550105@d>"}, func(c *rules.Call) {
			c.Diversion = "+12025550104"
		}},
		{"Diversion without all headers", []string{"sip_h_Diversion: <tel:+12025550104>, <tel:+12025550105>"}, func(c *rules.Call) { c.Diversion = "+12025550104" }},
		{"History-Info", []string{"sip_history_info: <sip:+12025550104@h>;index=1, <sip:+12025550142@h>;index=1.1;mp=1"}, func(c *rules.Call) { c.Diversion = "+12025550104" }},
		{"attestation", []string{"sip_h_P-Attestation-Indicator: A", "sip_h_P-Attestation-Indicator-1: B", "sip_i_attestation_info: C"}, func(c *rules.Call) { c.Attestation = "A,B,C" }},
		{"attestations without end", attestations(5000), func(c *rules.Call) { c.Attestation = strings.Repeat("A,", maxAttestations) + "C" }},
		{"as many as are read", attestations(maxAttestations), func(c *rules.Call) { c.Attestation = strings.Repeat("A,", maxAttestations-1) + "A" }},
		{"Attestation-Info without end", []string{"sip_i_attestation_info: ARRAY::A" + strings.Repeat("|:A", 5000)}, func(c *rules.Call) { c.Attestation = strings.Repeat("A,", maxAttestations) + "C" }},
		{"P_Attestation-Indicator", []string{"sip_i_p_attestation_indicator: A"}, func(*rules.Call) {}},
		{"Priority", []string{"sip_i_priority: psap-callback"}, func(c *rules.Call) { c.Priority = "psap-callback" }},
		{"IPv6", []string{"sip_network_ip: 2001:db8::1"}, func(c *rules.Call) { c.Source = netip.MustParseAddr("2001:db8::1") }},
		{"a tel Request-URI", []string{"sip_req_uri: 911@nowhere", "sip_req_user: 911", "sip_req_host: nowhere", "sip_req_params: phone-context=+1"}, func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "tel:911;phone-context=+1", "911", ""
		}},
		{"an emergency service", []string{"sip_req_uri: nobody@service:sos.fire", "sip_req_user: nobody", "sip_req_host: service", "sip_req_port: sos.fire", "sip_req_params: "}, func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "urn:service:sos.fire", "", ""
		}},
		{"a host of that name", []string{"sip_req_uri: nobody@service:5060", "sip_req_user: nobody", "sip_req_host: service", "sip_req_port: 5060", "sip_req_params: "}, func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "sip:service:5060", "", "service"
		}},
		{"a number in the place of the host", []string{"sip_req_uri: nobody@911", "sip_req_user: nobody", "sip_req_host: 911", "sip_req_params: "}, func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "sip:911", "911", ""
		}},
		{"parameters in the user part", []string{"sip_req_uri: +12025550142;npdi@b.example", "sip_req_user: +12025550142;npdi", "sip_req_params: "}, func(c *rules.Call) {
			c.RequestURI = "sip:+12025550142;npdi@b.example"
		}},
		{"no Request-URI", []string{"sip_req_uri: "}, func(c *rules.Call) { c.RequestURI, c.Domain = "+12025550142", "" }},
		{"no Call-ID", []string{"sip_call_id: ", "sip_i_cseq: ", "sip_cseq: 7"}, func(c *rules.Call) { c.CallID, c.CSeq = "5d3b", 7 }},
	} {
		ch := plainChannel()
		maps.Copy(ch, variables(c.with...))
		maps.DeleteFunc(ch, func(_, value string) bool { return value == "" })
		want, got := plainCall(), rules.Call{}
		c.want(&want)
		ReadCall(ch, &got)
		if diff := cmp.Diff(want, got, callOptions); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
	}
}

func TestHeader(t *testing.T) {
	ch := plainChannel()
	maps.Copy(ch, variables("sip_identity: ARRAY::one|:two", "sip_h_X-Campaign: ARRAY::a|:b", "sip_i_x_campaign: forged", "sip_i_geolocation: <cid:a>",
		"sip_i_p_asserted_identity: <tel:+12025550109>", "sip_i_authorization: Digest", "sip_i_subject: ARRAY::\"a|:b\" c|:d"))
	for name, want := range map[string]string{
		"Identity": "one", "y": "one", "x-campaign": "ARRAY::a|:b", "Geolocation": "<cid:a>", "USER-AGENT": "Phone 1.0", "i": "c1@192.0.2.7",
		"P-Asserted-Identity": "", "Authorization": "", "X-Other": "", "s": `"a|:b" c`,
	} {
		if got, ok := (headers{ch}).Header(name); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, ok, want)
		}
	}
}
