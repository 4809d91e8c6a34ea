package kamailio

import (
	"bytes"
	"strings"

	"ringfence/adapters/sip"
)

// A form or JSON request names the parts of a SIP request. It is read by making
// that request of it, so that all three mean the same.

// fields holds the header that each key of a form or JSON request stands for.
var fields = []struct{ key, header string }{
	{"call_id", "Call-ID"},
	{"cseq", "CSeq"},
	{"from", "From"},
	{"to", "To"},
	{"pai", "P-Asserted-Identity"},
	{"rpid", "Remote-Party-ID"},
	{"privacy", "Privacy"},
	{"diversion", "Diversion"},
	{"identity", "Identity"},
	{"user_agent", "User-Agent"},
	{"priority", "Priority"},
}

// headerPrefix begins the key of any other header in a form.
const headerPrefix = "header."

// isFormKey knows the keys of a form.
func isFormKey(key []byte) bool {
	if isQueryKey(key) || string(key) == "from_tag" || bytes.HasPrefix(key, []byte(headerPrefix)) {
		return true
	}
	for _, f := range fields {
		if string(key) == f.key {
			return true
		}
	}
	return false
}

// readForm fills x.call from a form.
func (x *exchange) readForm(body []byte) error {
	x.scratch = x.params.decode(x.scratch, body, isFormKey)
	p := &x.params
	p.text = string(x.scratch)
	b := append(x.scratch[:0], firstLine...)
	for _, f := range fields {
		for _, at := range p.pairs {
			if p.text[at.key:at.keyEnd] == f.key {
				b = appendField(b, f.key, f.header, p.text[at.value:at.valueEnd])
			}
		}
	}
	for _, at := range p.pairs {
		if name, ok := strings.CutPrefix(p.text[at.key:at.keyEnd], headerPrefix); ok {
			b = appendField(b, "", name, p.text[at.value:at.valueEnd])
		}
	}
	x.scratch = append(b, "\r\n"...)
	r := p.routing()
	return x.readFields(&r, p.first("from_tag"))
}

// readFields fills x.call from the request made in x.scratch and from what a
// request has no header for.
func (x *exchange) readFields(r *routing, fromTag string) error {
	if err := x.readMessage(string(x.scratch)); err != nil {
		return err
	}
	if x.call.FromTag == "" {
		x.call.FromTag = fromTag
	}
	x.route(r)
	return nil
}

// firstLine begins the request that is made of a form or JSON request. Its URI
// is not read.
const firstLine = "INVITE - SIP/2.0\r\n"

// appendField appends a header field. A line break in the value becomes a blank,
// and a name that could not stand there is left out with its value.
func appendField(b []byte, key, name, value string) []byte {
	if value == "" || !sip.IsToken(name) {
		return b
	}
	b = append(append(b, name...), ": "...)
	switch key {
	case "from", "to", "pai", "rpid", "diversion":
		b = appendAddress(b, value)
	default:
		b = appendLine(b, value)
	}
	return append(b, "\r\n"...)
}

// appendAddress appends an address. A number or user alone becomes a URI.
func appendAddress(b []byte, value string) []byte {
	value = strings.TrimSpace(value)
	if strings.ContainsAny(value, ":<") {
		return appendLine(b, value)
	}
	user, host, _ := strings.Cut(value, "@")
	b = appendLine(append(b, "<sip:"...), user)
	b = appendLine(append(b, '@'), host)
	return append(b, '>')
}

func appendLine(b []byte, value string) []byte {
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c == '\r' || c == '\n' {
			c = ' '
		}
		b = append(b, c)
	}
	return b
}
