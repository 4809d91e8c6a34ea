package sip

import "strings"

// compact holds the full name of each header that has one of a letter ("Session
// Initiation Protocol Parameters", IANA, header fields).
var compact = [...]string{
	'a': "Accept-Contact",
	'b': "Referred-By",
	'c': "Content-Type",
	'd': "Request-Disposition",
	'e': "Content-Encoding",
	'f': "From",
	'i': "Call-ID",
	'j': "Reject-Contact",
	'k': "Supported",
	'l': "Content-Length",
	'm': "Contact",
	'n': "Identity-Info",
	'o': "Event",
	'r': "Refer-To",
	's': "Subject",
	't': "To",
	'u': "Allow-Events",
	'v': "Via",
	'x': "Session-Expires",
	'y': "Identity",
}

// fullName is the full name of a header that may be in its compact form.
func fullName(name string) string {
	if len(name) == 1 {
		if c := int(lower(name[0])); c < len(compact) && compact[c] != "" {
			return compact[c]
		}
	}
	return name
}

// isSecret tells whether a header carries credentials. Those are not even
// indexed, so nothing can show or record them.
func isSecret(name string) bool {
	return equalFold(name, "Authorization") || equalFold(name, "Proxy-Authorization")
}

// Header is the first header field of a name, full or compact and in any case,
// unfolded and trimmed; ok tells whether there is one. Credentials
// (Authorization, Proxy-Authorization) are never there.
func (m *Message) Header(name string) (value string, ok bool) {
	name = fullName(name)
	for i := range m.fields {
		f := &m.fields[i]
		if equalFold(fullName(m.name(f)), name) {
			return m.value(f), true
		}
	}
	return "", false
}

// has tells whether a header stands there with a value.
func (m *Message) has(name string) bool {
	value, _ := m.Header(name)
	return value != ""
}

// joinPrivacy is all values of Privacy, joined by ";".
func (m *Message) joinPrivacy() string {
	var b []byte
	for i := range m.fields {
		f := &m.fields[i]
		if !equalFold(m.name(f), "Privacy") {
			continue
		}
		value := m.raw[f.colon+1 : f.end]
		for value != "" {
			end := strings.IndexAny(value, ";,")
			if end < 0 {
				end = len(value)
			}
			if v := unfold(value[:end]); v != "" {
				if len(b) > 0 {
					b = append(b, ';')
				}
				b = append(b, v...)
			}
			value = value[min(end+1, len(value)):]
		}
	}
	return string(b)
}

func isAttestation(name string) bool {
	return equalFold(name, "P-Attestation-Indicator") || equalFold(name, "Attestation-Info")
}

// joinAttestation is all values of the attestation headers, joined by ",".
func (m *Message) joinAttestation() string {
	var all []string
	for i := range m.fields {
		if f := &m.fields[i]; isAttestation(m.name(f)) {
			all = append(all, m.value(f))
		}
	}
	return strings.Join(all, ",")
}

// divertingTarget is who diverted the call most recently, from History-Info:
// the entry that the last one with an mp parameter was mapped from (RFC 7044
// §10.4).
func (m *Message) divertingTarget() Address {
	var index string
	m.eachTarget(func(a *Address) bool {
		if from, ok := a.Param("mp"); ok {
			index = from
		}
		return true
	})
	var diverting Address
	m.eachTarget(func(a *Address) bool {
		if at, ok := a.Param("index"); !ok || index == "" || at != index {
			return true
		}
		diverting = *a
		return false
	})
	return diverting
}

// eachTarget calls f for the entries of History-Info in order while it returns
// true.
func (m *Message) eachTarget(f func(a *Address) bool) {
	for i := range m.fields {
		h := &m.fields[i]
		if !equalFold(m.name(h), "History-Info") {
			continue
		}
		l := list{rest: m.value(h), separator: ','}
		for l.rest != "" {
			var a Address
			if l.address(&a); !a.IsZero() && !f(&a) {
				return
			}
		}
	}
}
