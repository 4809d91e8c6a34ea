package sip

import "strings"

// Scheme is the scheme of a URI as far as calls know it.
type Scheme uint8

// The schemes.
const (
	NoScheme Scheme = iota // no URI
	SIP
	SIPS
	Tel
	URN
	OtherScheme
)

// URI is a SIP, SIPS, tel or urn URI, read for what screening asks of it. The
// zero value is no URI.
type URI struct {
	Scheme Scheme
	User   string // user part or tel number, percent-decoded, without password and parameters
	Host   string // of a SIP URI, without port; an IPv6 address keeps its brackets
	Port   string // of a SIP URI, as written, empty for none

	userParams string // parameters of the number, inside the user part (RFC 3261 §19.1.6) or of a tel URI
	params     string // parameters of a SIP URI
}

// ParseURI reads s. It never fails: a part that is missing or can't be told is
// empty (RFC 3261 §19.1, RFC 3966, RFC 8141).
func ParseURI(s string) URI {
	var u URI
	u.parse(s)
	return u
}

// parse reads s into u, which must be zero.
func (u *URI) parse(s string) {
	s = trim(s)
	if rest, ok := strings.CutPrefix(s, "sip:"); ok { // by far the most
		u.Scheme = SIP
		u.parseSIP(rest)
		return
	}
	colon := strings.IndexByte(s, ':')
	if colon < 0 || !isScheme(s[:colon]) {
		return
	}
	scheme, rest := s[:colon], s[colon+1:]
	switch {
	case equalFold(scheme, "sip"):
		u.Scheme = SIP
		u.parseSIP(rest)
	case equalFold(scheme, "sips"):
		u.Scheme = SIPS
		u.parseSIP(rest)
	case equalFold(scheme, "tel"):
		u.Scheme = Tel
		var number string
		number, u.userParams = cutByte(rest, ';')
		u.User = decode(trim(number))
	case equalFold(scheme, "urn"):
		u.Scheme = URN
	default:
		u.Scheme = OtherScheme
	}
}

// parseSIP reads what follows "sip:". A user part may hold ";" and "?", but a
// "@" ends it wherever it stands: no later part may hold one unescaped.
func (u *URI) parseSIP(s string) {
	host := s
	if at := until(s, userMark); at < len(s) && s[at] == '@' {
		u.User, host = trim(s[:at]), s[at+1:]
	} else if at := strings.IndexByte(s, '@'); at >= 0 {
		var user string
		user, host = s[:at], s[at+1:]
		user, _ = cutByte(user, ':') // the password
		user, u.userParams = cutByte(user, ';')
		u.User = decode(trim(user))
	}
	if end := until(host, hostMark); end == len(host) || host[end] == ';' {
		u.Host = trim(host[:end])
		if end < len(host) {
			u.params, _ = cutByte(host[end+1:], '?')
		}
		return
	}
	host, _ = cutByte(host, '?') // the headers
	host, u.params = cutByte(host, ';')
	host = trim(host)
	if end := strings.IndexByte(host, ']'); end >= 0 && host[0] == '[' {
		u.Host = host[:end+1]
		_, u.Port = cutByte(host[end+1:], ':')
		return
	}
	u.Host, u.Port = cutByte(host, ':')
}

// The bytes that part a SIP URI or need decoding: in the user part and after it.
const (
	userMark = 1 << iota
	hostMark
)

var marks = [256]uint8{
	'@': userMark,
	'%': userMark,
	':': userMark | hostMark,
	';': userMark | hostMark,
	'?': hostMark,
	']': hostMark,
}

// until is the index of the first byte of s with a mark, len(s) for none.
func until(s string, mark uint8) int {
	for i := 0; i < len(s); i++ {
		if marks[s[i]]&mark != 0 {
			return i
		}
	}
	return len(s)
}

// Param is a parameter of a SIP URI, or of the number of a tel URI, by name in
// any case; ok tells whether it is there.
func (u URI) Param(name string) (value string, ok bool) {
	if u.Scheme == Tel {
		return param(u.userParams, name)
	}
	return param(u.params, name)
}

// UserPhone tells whether the user part says that it is a telephone number:
// user=phone of a SIP URI, or a tel URI (RFC 3261 §19.1.1).
func (u URI) UserPhone() bool {
	if u.Scheme == Tel {
		return true
	}
	v, _ := param(u.params, "user")
	return equalFold(v, "phone")
}

// PhoneContext is where a local number is valid: a domain, or leading digits
// of global numbers (RFC 3966 §5.1.5). It does not make the number global.
func (u URI) PhoneContext() string {
	v, _ := param(u.userParams, "phone-context")
	return v
}

// isScheme tells whether s can be the scheme of a URI (RFC 3986 §3.1).
func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := lower(s[i]); {
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

// param finds name in ";"-separated parameters. A quoted value comes without
// its quotes and escapes.
func param(params, name string) (value string, ok bool) {
	l := list{rest: params, separator: ';'}
	for l.rest != "" {
		key, value := cutByte(l.next(), '=')
		if !equalFold(trim(key), name) {
			continue
		}
		return unquote(trim(value)), true
	}
	return "", false
}

// decode replaces percent escapes (RFC 3986 §2.1). An escape that is none stays
// as it is, and so does that of a control character: it may not come to life.
func decode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			high, low := hex(s[i+1]), hex(s[i+2])
			if c := high<<4 | low; high < 16 && low < 16 && c >= ' ' && c != 0x7f {
				b = append(b, c)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// hex is the value of a hexadecimal digit, 16 or more when c is none.
func hex(c byte) byte {
	switch c = lower(c); {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}
