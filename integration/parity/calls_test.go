package parity

import (
	"fmt"
	"strings"

	"ringfence/integration/rig"
)

// call is an INVITE as it goes on the wire.
type call struct {
	name    string
	uri     string   // sip:+12023340142@example.net
	from    string   // value of From without tag; <sip:+12122000100@example.com>
	to      string   // value of To: <URI>
	headers []string // more header lines
	named   bool     // the dialplan names the trunk and the account
}

// request is the INVITE. Its addresses are filled in when it is placed.
func (c call) request() string {
	uri, from, to := c.uri, c.from, c.to
	if uri == "" {
		uri = "sip:+12023340142@example.net"
	}
	if from == "" {
		from = "<sip:+12122000100@example.com>"
	}
	if to == "" {
		to = "<" + uri + ">"
	}
	const here = "127.0.0.1:0000000"
	id := strings.NewReplacer(" ", "-", "=", "-").Replace(c.name)
	var b strings.Builder
	fmt.Fprintf(&b, "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-%s;rport\r\nMax-Forwards: 70\r\n", uri, here, id)
	fmt.Fprintf(&b, "From: %s;tag=from-%s\r\nTo: %s\r\nCall-ID: %s@parity\r\nCSeq: 101 INVITE\r\nContact: <sip:caller@%s>\r\n", from, id, to, id, here)
	for _, h := range c.headers {
		b.WriteString(h + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(rig.SDP), rig.SDP)
	return b.String()
}

const (
	passport = "eyJhbGciOiJFUzI1NiJ9.eyJhdHRlc3QiOiJBIn0.c2lnbmF0dXJl;info=<https://cert.example.org/a.cer>;alg=ES256;ppt=shaken"
	divert   = "eyJhbGciOiJFUzI1NiJ9.eyJkaXYiOiJBIn0.c2lnbmF0dXJl;info=<https://cert.example.org/b.cer>;alg=ES256;ppt=div"
)

// calls are what both switches are asked about.
var calls = []call{
	{name: "plain"},
	{name: "named trunk and account", named: true},
	{name: "national number", uri: "sip:2023340142@example.net", from: "<sip:2122000100@example.com>"},
	{name: "national number with 1", uri: "sip:12023340142@example.net", from: "<sip:12122000100@example.com>"},
	{name: "international number", uri: "sip:+442079460000@example.net", from: "<sip:+493012345678@example.com>"},
	{name: "international number with 00", uri: "sip:00442079460000@example.net", from: "<sip:00493012345678@example.com>"},
	{name: "international number with 011", uri: "sip:011442079460000@example.net", from: "<sip:011493012345678@example.com>"},
	{name: "number with separators", from: "<sip:+1-212-200-0100@example.com>", uri: "sip:+1.202.334.0142@example.net"},
	{name: "user=phone", uri: "sip:+12023340142@example.net;user=phone", from: "<sip:+12122000100@example.com;user=phone>"},
	{name: "parameters of the user part", uri: "sip:+12023340142;npdi;rn=+12023340000@example.net;user=phone", from: "<sip:+12122000100;cpc=ordinary@example.com;user=phone>"},
	{name: "a port and parameters", uri: "sip:+12023340142@example.net:5080;transport=udp;x=y"},
	{name: "percent escapes", uri: "sip:%2B12023340142@example.net", from: "<sip:%2B1212200%30100@example.com>"},
	{name: "an escaped at sign in From", from: "<sip:a%40b@example.com>"},
	{name: "an IPv6 host", uri: "sip:+12023340142@[2001:db8::1]", from: "<sip:+12122000100@[2001:db8::2]>"},
	{name: "sips", uri: "sips:+12023340142@example.net", from: "<sips:+12122000100@example.com>"},
	{name: "tel in From", from: "<tel:+12122000100>"},
	{name: "tel in From with a parameter", from: "<tel:+12122000100;cpc=ordinary>"},
	{name: "tel in To", to: "<tel:+12023340142>"},
	{name: "tel in the Request-URI", uri: "tel:+12023340142"},
	{name: "tel with a context", uri: "tel:3340142;phone-context=+1202"},
	{name: "From without brackets", from: "sip:+12122000100@example.com"},
	{name: "display name", from: `"Example Caller" <sip:+12122000100@example.com>`},
	{name: "display name without quotes", from: "Example Caller <sip:+12122000100@example.com>"},
	{name: "display name in UTF-8", from: `"Zoë 田中" <sip:+12122000100@example.com>`},
	{name: "display name with a comma and a number", from: `"IRS, +18005551212" <sip:+12122000100@example.com>`},
	{name: "display name with a dollar", from: `"Win $1000" <sip:+12122000100@example.com>`},
	{name: "display name with an address", from: `"<sip:+18005551212@example.org>" <sip:+12122000100@example.com>`},
	{name: "display name with escapes", from: `"a \"b\" \\ c" <sip:+12122000100@example.com>`},
	{name: "display name with percents", from: `"100% %25 %41" <sip:+12122000100@example.com>`},
	{name: "a parameter of From", from: `<sip:+12122000100@example.com>;user=+12122000109;host=example.org`},
	{name: "no user in From", from: "<sip:example.com>"},
	{name: "nobody in From", from: "<sip:nobody@example.com>"},
	{name: "anonymous", from: `"Anonymous" <sip:anonymous@anonymous.invalid>`},
	{name: "anonymous with an assertion", from: `"Anonymous" <sip:anonymous@anonymous.invalid>`, headers: []string{`P-Asserted-Identity: "Alice" <sip:+12122000101@example.com>`, "Privacy: id"}},
	{name: "restricted", from: "<sip:restricted@example.com>"},
	{name: "Privacy", headers: []string{"Privacy: id"}},
	{name: "two words of Privacy", headers: []string{"Privacy: user;critical"}},
	{name: "Privacy none", headers: []string{"Privacy: none"}},
	{name: "P-Asserted-Identity", headers: []string{`P-Asserted-Identity: "Alice" <sip:+12122000101@example.com;user=phone>`}},
	{name: "P-Asserted-Identity of an extension", headers: []string{"P-Asserted-Identity: <sip:2001@example.com>"}},
	{name: "tel in P-Asserted-Identity", headers: []string{"P-Asserted-Identity: <tel:+12122000101>"}},
	{name: "sip and tel in one P-Asserted-Identity", headers: []string{`P-Asserted-Identity: "Alice" <sip:alice@example.com>, <tel:+12122000101>`}},
	{name: "two P-Asserted-Identity", headers: []string{`P-Asserted-Identity: "Alice" <sip:+12122000101@example.com>`, "P-Asserted-Identity: <tel:+12122000101>"}},
	{name: "an odd display name in P-Asserted-Identity", headers: []string{`P-Asserted-Identity: "a|:b, ARRAY::c" <sip:+12122000101@example.com>`, "P-Asserted-Identity: <tel:+12122000101>"}},
	{name: "a percent escape in P-Asserted-Identity", headers: []string{"P-Asserted-Identity: <sip:%2B12122000101@example.com>"}},
	{name: "Remote-Party-ID", headers: []string{`Remote-Party-ID: "Alice" <sip:+12122000102@example.com>;party=calling;screen=yes;privacy=off`}},
	{name: "Remote-Party-ID of the called party", headers: []string{"Remote-Party-ID: <sip:+12122000102@example.com>;party=called"}},
	{name: "Remote-Party-ID beside P-Asserted-Identity", headers: []string{"P-Asserted-Identity: <sip:+12122000101@example.com>", "Remote-Party-ID: <sip:+12122000102@example.com>"}},
	{name: "P-Preferred-Identity", headers: []string{"P-Preferred-Identity: <sip:+12122000103@example.com>"}},
	{name: "Diversion", headers: []string{"Diversion: <sip:+12122000104@example.com>;reason=unconditional;counter=1"}},
	{name: "two Diversions", headers: []string{"Diversion: <sip:+12122000104@example.com>;reason=no-answer", "Diversion: <sip:+12122000105@example.com>;reason=user-busy"}},
	{name: "two in one Diversion", headers: []string{`Diversion: "A, b" <tel:+12122000104>;reason=no-answer, <sip:+12122000105@example.com>;reason=user-busy`}},
	{name: "History-Info", headers: []string{"History-Info: <sip:+12122000104@example.com>;index=1, <sip:+12023340142@example.net>;index=1.1;mp=1"}},
	{name: "two History-Info", headers: []string{"History-Info: <sip:+12122000104@example.com>;index=1", "History-Info: <sip:+12023340142@example.net>;index=1.1;mp=1"}},
	{name: "Identity", headers: []string{"Identity: " + passport}},
	{name: "two Identity", headers: []string{"Identity: " + passport, "Identity: " + divert}},
	{name: "two in one Identity", headers: []string{"Identity: " + passport + ", " + divert}},
	{name: "compact Identity", headers: []string{"y: " + passport}},
	{name: "verstat of From", from: "<sip:+12122000100;verstat=TN-Validation-Passed@example.com;user=phone>"},
	{name: "verstat after the host", from: "<sip:+12122000100@example.com;verstat=TN-Validation-Failed>"},
	{name: "verstat of tel", headers: []string{"P-Asserted-Identity: <tel:+12122000101;verstat=TN-Validation-Passed-A>"}},
	{name: "verstat of P-Asserted-Identity", headers: []string{"P-Asserted-Identity: <sip:+12122000101;verstat=No-TN-Validation@example.com;user=phone>"}},
	{name: "P-Attestation-Indicator", headers: []string{"P-Attestation-Indicator: A"}},
	{name: "two P-Attestation-Indicator", headers: []string{"P-Attestation-Indicator: A", "P-Attestation-Indicator: C"}},
	{name: "Attestation-Info", headers: []string{"Attestation-Info: B", "Origination-Id: 123e4567"}},
	{name: "both attestations", headers: []string{"P-Attestation-Indicator: A", "Attestation-Info: B"}},
	{name: "User-Agent", headers: []string{"User-Agent: friendly-scanner 1.0 (x; y)"}},
	{name: "X- headers", headers: []string{"X-Campaign: spring", "x-lower: a=b; c", "X-Array: ARRAY::a|:b"}},
	{name: "two of an X- header", headers: []string{"X-Campaign: spring", "X-Campaign: summer"}},
	{name: "other headers", headers: []string{"Subject: hello, world", "Organization: Example", "Call-Info: <https://example.com/a>;purpose=icon", "Geolocation: <cid:a@example.com>", "P-Charge-Info: <sip:+12122000108@example.com>"}},
	{name: "compact headers", headers: []string{"s: hello", "k: timer"}},
	{name: "Priority", headers: []string{"Priority: emergency"}},
	{name: "a call-back from an emergency service", headers: []string{"Priority: psap-callback"}},
	{name: "911", uri: "sip:911@example.net"},
	{name: "911 with separators", uri: "sip:9-1-1@example.net"},
	{name: "911 with escapes", uri: "sip:%39%31%31@example.net"},
	{name: "911 escaped twice", uri: "sip:%2539%31%31@example.net"},
	{name: "911 with a context", uri: "sip:911;phone-context=+1@example.net;user=phone"},
	{name: "911 in tel", uri: "tel:911;phone-context=+1"},
	{name: "911 in the place of the host", uri: "sip:911", to: "<sip:911@example.net>"},
	{name: "112 of a country", uri: "sip:+112@example.net"},
	{name: "a number that begins with 911", uri: "sip:9115551234@example.net"},
	{name: "an emergency service", uri: "urn:service:sos", to: "<urn:service:sos>"},
	{name: "an emergency service below it", uri: "urn:service:sos.fire", to: "<urn:service:sos>"},
	{name: "another service", uri: "urn:service:counseling", to: "<urn:service:counseling>"},
	{name: "no user in the Request-URI", uri: "sip:example.net", to: "<sip:+12023340142@example.net>"},
	{name: "another To", to: `"Bob" <sip:+12023340199@example.org;user=phone>`},

	// What FreeSWITCH can't show as Kamailio does: see exceptions.
	{name: "headers of the Request-URI", uri: "sip:+12023340142@example.net?Priority=urgent"},
	{name: "an escaped semicolon in the Request-URI", uri: "sip:911%3B2023340142@example.net"},
	{name: "an escaped at sign in the Request-URI", uri: "sip:a%40b@example.net"},
	{name: "a variable in the display name", from: `"${hostname}" <sip:+12122000100@example.com>;user=+12122000109`},
	{name: "an escaped variable in the user of From", from: `<sip:+1$%7Bhostname%7D@example.com>`},
	{name: "a variable in the user of From", from: `<sip:+1${hostname}@example.com>`},
	{name: "a variable in a header", headers: []string{"X-Campaign: ${hostname}", "User-Agent: ${hostname}"}},
	{name: "P-Asserted-Identity without a user", headers: []string{"P-Asserted-Identity: <sip:example.com>, <tel:+12122000101>"}},
	{name: "two numbers in P-Asserted-Identity", headers: []string{"P-Asserted-Identity: <sip:+12122000101@example.com>, <tel:+12122000102>"}},
	{name: "a header with an underscore", headers: []string{"P_Asserted-Identity: <tel:+12122000101>", "Attestation_Info: A", "P_Attestation-Indicator: A", "X_Campaign: spring"}},
	{name: "two Remote-Party-ID", headers: []string{"Remote-Party-ID: <sip:+12122000102@example.com>;party=called", "Remote-Party-ID: <sip:+12122000103@example.com>;party=calling"}},
	{name: "attestations in the other order", headers: []string{"Attestation-Info: B", "P-Attestation-Indicator: A"}},
	{name: "two Privacy", headers: []string{"Privacy: user", "Privacy: id"}},
}
