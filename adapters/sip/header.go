package sip

// compact holds the full name of each one-letter header name ("Session
// Initiation Protocol Parameters", IANA, header fields).
var compact = [26]string{
	'a' - 'a': "Accept-Contact",
	'b' - 'a': "Referred-By",
	'c' - 'a': "Content-Type",
	'd' - 'a': "Request-Disposition",
	'e' - 'a': "Content-Encoding",
	'f' - 'a': "From",
	'i' - 'a': "Call-ID",
	'j' - 'a': "Reject-Contact",
	'k' - 'a': "Supported",
	'l' - 'a': "Content-Length",
	'm' - 'a': "Contact",
	'n' - 'a': "Identity-Info",
	'o' - 'a': "Event",
	'r' - 'a': "Refer-To",
	's' - 'a': "Subject",
	't' - 'a': "To",
	'u' - 'a': "Allow-Events",
	'v' - 'a': "Via",
	'x' - 'a': "Session-Expires",
	'y' - 'a': "Identity",
}

// fullName is the full name of a header that may be in its compact form.
func fullName(name string) string {
	if len(name) == 1 {
		if c := lower(name[0]); 'a' <= c && c <= 'z' && compact[c-'a'] != "" {
			return compact[c-'a']
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
		if equalFold(fullName(trim(m.raw[f.name:f.nameEnd])), name) {
			return unfold(m.raw[f.value:f.valueEnd]), true
		}
	}
	return "", false
}

// has tells whether a header stands there with a value.
func (m *Message) has(name string) bool {
	value, _ := m.Header(name)
	return value != ""
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
		if !equalFold(trim(m.raw[h.name:h.nameEnd]), "History-Info") {
			continue
		}
		l := list{rest: unfold(m.raw[h.value:h.valueEnd]), separator: ','}
		for l.rest != "" {
			var a Address
			if l.address(&a); !a.IsZero() && !f(&a) {
				return
			}
		}
	}
}
