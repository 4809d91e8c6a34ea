package rules

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// testedCall is a call of a test as the production reader made it of a request.
type testedCall struct {
	call     Call
	trunk    Position // of the trunk's name
	upstream Position // of the upstream's name
}

// testVerifications are what a test can say of the caller's signature.
var testVerifications = []string{"passed", "failed", "none"}

// testHost is the host of addresses in tests that name none.
const testHost = "example.net"

// readCall reads a call, nil when there is none to be read. The keys make an
// INVITE, or sip is one, and the production reader reads it: a test sees what
// a switch's call would look like.
func (r *testReader) readCall(n *node, subject string) *testedCall {
	if n == nil {
		return nil
	}
	f, ok := r.fields(n, subject, testedCallKeys)
	if !ok {
		return nil
	}
	findings := len(*r.d)
	c := &testedCall{}
	request := ""
	if raw := f["sip"]; raw != nil {
		for _, k := range requestKeys {
			if f[k.Name] != nil {
				r.d.at(f[k.Name].key, subject, k.Name+" and sip: the request has it", "keep one")
			}
		}
		request = strings.ReplaceAll(strings.TrimRight(strings.ReplaceAll(r.text(raw, subject), "\r\n", "\n"), "\n")+"\n\n", "\n", "\r\n")
	} else {
		for _, key := range [...]string{"caller", "callee"} {
			if f.lacks(key) {
				r.d.at(n.at, subject, "the call has no "+key, "write "+key+": and a number")
			}
		}
		request = r.invite(f, subject)
	}
	source := netip.Addr{}
	if text := r.word(f["source"], subject); text != "" {
		var err error
		if source, err = netip.ParseAddr(text); err != nil {
			r.d.at(f["source"].at, subject, fmt.Sprintf("source: %q is no address", text), "as in 192.0.2.7")
		}
	}
	trunk, account, upstream := r.word(f["trunk"], subject), r.word(f["account"], subject), r.word(f["upstream"], subject)
	if len(*r.d) > findings {
		return nil
	}
	if err := r.call(request, &c.call); err != nil {
		r.d.at(n.at, subject, "no switch would forward this request: "+err.Error(), "")
		return nil
	}
	c.call.Source, c.call.TrunkName, c.call.Account, c.call.Upstream = source, trunk, account, upstream
	if f["trunk"] != nil {
		c.trunk = f["trunk"].at
	}
	if f["upstream"] != nil {
		c.upstream = f["upstream"].at
	}
	return c
}

// invite is the request that the keys of a call stand for.
func (r *testReader) invite(f fields, subject string) string {
	host := testHost
	if text := r.word(f["domain"], subject); text != "" {
		host = text
	}
	identity, from := r.verstat(f["verification"], subject), ""
	if f["asserted"] == nil {
		identity, from = "", identity
	}
	var b strings.Builder
	header := func(name, value string) {
		if value != "" {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	callee := uriOf(r.word(f["callee"], subject), host, "")
	b.WriteString("INVITE " + callee + " SIP/2.0\r\n")
	caller := r.word(f["caller"], subject)
	callerHost := testHost
	if strings.EqualFold(caller, "anonymous") {
		callerHost = "anonymous.invalid" // RFC 3323 §4.1.1.3
	}
	display := ""
	if text := r.word(f["display_name"], subject); text != "" {
		display = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `" `
	}
	header("From", display+"<"+uriOf(caller, callerHost, from)+">;tag=test")
	header("To", "<"+callee+">")
	r.calls++
	header("Call-ID", fmt.Sprintf("%d@%s", r.calls, testHost))
	header("CSeq", "1 INVITE")
	asserted := r.several(f["asserted"], subject)
	for _, n := range asserted {
		header("P-Asserted-Identity", "<"+uriOf(r.word(n, subject), testHost, identity)+">")
	}
	for _, h := range [...]struct{ key, header string }{{"remote_party", "Remote-Party-ID"}, {"diverted_by", "Diversion"}} {
		if text := r.word(f[h.key], subject); text != "" {
			header(h.header, "<"+uriOf(text, testHost, "")+">")
		}
	}
	if f["withheld"] != nil && f["privacy"] != nil {
		r.d.at(f["withheld"].key, subject, "withheld and privacy", "keep one: withheld: true is privacy: id")
	}
	if r.flag(f["withheld"], subject) {
		header("Privacy", "id")
	}
	header("P-Attestation-Indicator", r.choice(f["attestation"], subject, testAttestations))
	for _, h := range [...]struct{ key, header string }{{"privacy", "Privacy"}, {"priority", "Priority"}, {"user_agent", "User-Agent"}} {
		header(h.header, r.word(f[h.key], subject))
	}
	for _, n := range r.headers(f["headers"], subject) {
		for _, value := range r.several(n, subject) {
			header(n.name, r.word(value, subject))
		}
	}
	return b.String() + "Content-Length: 0\r\n\r\n"
}

// headers are the members of headers:, by name.
func (r *testReader) headers(n *node, subject string) []*node {
	return slices.DeleteFunc(r.members(n, subject+": headers"), func(h *node) bool {
		bad := h.name == "" || strings.ContainsFunc(h.name, func(c rune) bool {
			return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
		})
		if bad {
			r.d.at(h.key, subject, fmt.Sprintf("%q is no name of a header", h.name), "")
		}
		return bad
	})
}

// verstat is the parameter in which a network says how an identity was verified
// (3GPP TS 24.229 §7.2A.20).
func (r *testReader) verstat(n *node, subject string) string {
	switch r.choice(n, subject, testVerifications) {
	case "passed":
		return ";verstat=TN-Validation-Passed"
	case "failed":
		return ";verstat=TN-Validation-Failed"
	case "none":
		return ";verstat=No-TN-Validation"
	}
	return ""
}

// uriOf is a URI itself, or that of a number or user, with a parameter of the
// number.
func uriOf(text, host, parameter string) string {
	if scheme, rest, ok := strings.Cut(text, ":"); ok && containsWord([]string{"sip", "sips", "tel", "urn"}, strings.ToLower(scheme)) {
		if user, host, ok := strings.Cut(rest, "@"); ok {
			return scheme + ":" + user + parameter + "@" + host
		}
		return text + parameter
	}
	user, named, ok := strings.Cut(text, "@")
	if ok {
		host = named
	}
	return "sip:" + strings.ReplaceAll(url.PathEscape(user), "%2B", "+") + parameter + "@" + host
}
