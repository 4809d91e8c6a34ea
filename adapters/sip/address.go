package sip

import "strings"

// Address is a URI with the name shown for it, as From and its kin hold it
// (RFC 3261 §20.10). The zero value is no address.
type Address struct {
	Display string // unquoted and unescaped
	URI     URI

	params string // of the header, after the URI
}

// IsZero tells whether there is no address.
func (a *Address) IsZero() bool { return a.URI.Scheme == NoScheme }

// Param is a parameter of the header by name in any case, such as tag or
// party; ok tells whether it is there.
func (a *Address) Param(name string) (value string, ok bool) { return param(a.params, name) }

// ParseAddress reads the first name-addr or addr-spec of s. What is neither
// gives the zero Address.
func ParseAddress(s string) Address {
	l := list{rest: s, separator: ','}
	return l.address()
}

// address is the next element as an address, zero when it is none.
//
// A caller may write what he likes before the "<", so this reads generously: a
// quote without a partner is an ordinary character, and a comma ends an element
// only after something that can be a URI.
func (l *list) address() Address {
	s := l.rest
	colon := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = l.skip(s, i)
		case ':':
			colon = true
		case '<':
			return l.nameAddr(s[:i], s[i+1:])
		case ',':
			if colon || trim(s[:i]) == "" {
				l.rest = s[i+1:]
				return addrSpec(s[:i])
			}
		}
	}
	l.rest = ""
	return addrSpec(s)
}

// nameAddr reads the rest of an element whose "<" has been found.
func (l *list) nameAddr(display, s string) Address {
	uri := s
	l.rest = ""
	if end := strings.IndexByte(s, '>'); end >= 0 {
		uri, l.rest = s[:end], s[end+1:]
	}
	a := Address{URI: ParseURI(uri)}
	_, a.params = cutByte(l.next(), ';')
	if !a.IsZero() {
		a.Display = unquote(trim(display))
	}
	return a
}

// addrSpec reads a URI without "<>": parameters after it are the header's, not
// the URI's (RFC 3261 §20.10).
func addrSpec(s string) Address {
	from := strings.IndexByte(s, '@') + 1 // a ";" before it is the user's
	end := strings.IndexByte(s[from:], ';')
	if end < 0 {
		return Address{URI: ParseURI(s)}
	}
	return Address{URI: ParseURI(s[:from+end]), params: s[from+end+1:]}
}
