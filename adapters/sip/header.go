package sip

import (
	"iter"
	"strings"
)

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

// FullName is the full name of a header that may be in its compact form.
func FullName(name string) string {
	if len(name) == 1 {
		if c := int(lower(name[0])); c < len(compact) && compact[c] != "" {
			return compact[c]
		}
	}
	return name
}

// IsSecret tells whether a header carries credentials. Those are not even
// indexed, so nothing can show or record them.
func IsSecret(name string) bool {
	return equalFold(name, "Authorization") || equalFold(name, "Proxy-Authorization")
}

// Header is the first header field of a name, full or compact and in any case,
// unfolded and trimmed; ok tells whether there is one. Credentials
// (Authorization, Proxy-Authorization) are never there.
func (m *Message) Header(name string) (value string, ok bool) {
	name = FullName(name)
	for i := range m.fields {
		f := &m.fields[i]
		if equalFold(FullName(m.name(f)), name) {
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

// divertingTarget is who diverted the call most recently, from History-Info.
func (m *Message) divertingTarget() Address {
	return DivertingTarget(func(yield func(string) bool) {
		for i := range m.fields {
			if h := &m.fields[i]; equalFold(m.name(h), "History-Info") && !yield(m.value(h)) {
				return
			}
		}
	})
}

// DivertingTarget is who diverted a call most recently, from the values of its
// History-Info: the entry that the last one with an mp parameter was mapped from
// (RFC 7044 §10.4).
func DivertingTarget(values iter.Seq[string]) Address {
	var index string
	for a := range entries(values) {
		if from, ok := a.Param("mp"); ok {
			index = from
		}
	}
	for a := range entries(values) {
		if at, ok := a.Param("index"); ok && index != "" && at == index {
			return *a
		}
	}
	return Address{}
}

// entries are the addresses in comma-separated values, in order.
func entries(values iter.Seq[string]) iter.Seq[*Address] {
	return func(yield func(*Address) bool) {
		for value := range values {
			l := list{rest: value, separator: ','}
			for l.rest != "" {
				var a Address
				if l.address(&a); !a.IsZero() && !yield(&a) {
					return
				}
			}
		}
	}
}
