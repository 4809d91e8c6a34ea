package sip

import "strings"

// Address is a URI with the name shown for it, as From and its kin hold it
// (RFC 3261 §20.10). The zero value is no address.
type Address struct {
	Display string // unquoted and unescaped
	URI     URI

	uri    string // as written
	params string // of the header, after the URI
}

// IsZero tells whether there is no address.
func (a *Address) IsZero() bool { return a.URI.Scheme == NoScheme }

// Param is a parameter of the header by name in any case, such as tag or
// party; ok tells whether it is there.
func (a *Address) Param(name string) (value string, ok bool) { return param(a.params, name) }

// Verstat is what the verstat parameters say (3GPP TS 24.229 §7.2A.20), joined by
// ",": in a tel URI, in the user part of a SIP URI, behind its host, and of the
// header.
func (a *Address) Verstat() string {
	said := ""
	say := func(params string) {
		for params != "" {
			var one string
			one, params = cutByte(params, ';')
			name, value := cutByte(one, '=')
			if !equalFold(trim(name), "verstat") {
				continue
			}
			value, _ = cutByte(value, ':') // a password
			if said != "" {
				said += ","
			}
			said += unquote(trim(value))
		}
	}
	if strings.IndexByte(a.uri, ';') >= 0 {
		user, host := cutByte(a.uri, '@')
		host, _ = cutByte(host, '?')
		_, user = cutByte(user, ';')
		_, host = cutByte(host, ';')
		say(user)
		say(host)
	}
	if value, ok := a.Param("verstat"); ok && said == "" {
		said = value
	}
	return said
}

// ParseAddress reads the value of a header that holds one address, such as From.
// It never fails: what is no address is the zero one.
func ParseAddress(s string) (a Address) {
	a.parse(s)
	return a
}

// FirstAddress reads the first of a value's addresses, which commas part. It is
// the zero one when that is no address.
func FirstAddress(s string) (a Address) {
	l := list{rest: s, separator: ','}
	l.address(&a)
	return a
}

// parse reads a value that is one address, not a list: a comma in it is an
// ordinary character.
func (a *Address) parse(s string) {
	l := list{rest: s}
	l.address(a)
}

// address reads the next element into a, which becomes zero when it is none.
//
// A caller may write what he likes before the "<", so this reads generously: a
// quote without a partner is an ordinary character, and a separator ends an
// element only after something that can be a URI. But a ";" after a URI begins
// the parameters, and a "<" in those is none: a switch reads them so, and it
// must not see another caller.
func (l *list) address(a *Address) {
	*a = Address{}
	s := trim(l.rest)
	colon, uri := false, false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = l.skip(s, i)
		case ':':
			if !colon {
				colon, uri = true, schemeOf(s[:i]).isKnown()
			}
		case '<':
			l.nameAddr(a, s[:i], s[i+1:])
			return
		case ';':
			if uri {
				a.take(s[:i])
				l.rest = s[i+1:]
				a.params = l.next()
				return
			}
		case l.separator:
			if colon || i == 0 {
				l.rest = s[i+1:]
				a.addrSpec(s[:i])
				return
			}
		}
	}
	l.rest = ""
	a.addrSpec(s)
}

// nameAddr reads the rest of an element whose "<" has been found.
func (l *list) nameAddr(a *Address, display, s string) {
	uri := s
	l.rest = ""
	if end := strings.IndexByte(s, '>'); end >= 0 {
		uri, l.rest = s[:end], s[end+1:]
	}
	a.take(uri)
	if l.rest != "" {
		_, a.params = cutByte(l.next(), ';')
	}
	if !a.IsZero() {
		a.Display = unquote(trim(display))
	}
}

// addrSpec reads a URI without "<>": parameters after it are the header's, not
// the URI's (RFC 3261 §20.10).
func (a *Address) addrSpec(s string) {
	s, a.params = cutByte(s, ';')
	a.take(s)
}

func (a *Address) take(uri string) {
	if a.URI.parse(uri); !a.IsZero() {
		a.uri = uri
	}
}
