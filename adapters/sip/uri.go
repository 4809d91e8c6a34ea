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
	if colon < 0 {
		return
	}
	u.Scheme = schemeOf(s[:colon])
	switch rest := s[colon+1:]; u.Scheme {
	case SIP, SIPS:
		u.parseSIP(rest)
	case Tel:
		u.parseTel(trim(rest))
	}
}

// parseTel reads what follows "tel:". No "@" belongs there, but a switch takes
// the digits behind one for the number. Nor does it look for an end of the number
// before the second character.
func (u *URI) parseTel(s string) {
	number, host := cutByte(s, '@')
	host = host[:until(host, hostMark)]
	if host != "" && strings.Trim(host, "0123456789-.") == "" {
		number = host
	}
	if number != "" {
		u.User = decode(trim(number[:1+until(number[1:], hostMark)]))
	}
}

// schemeOf is the scheme that s is, in any case.
func schemeOf(s string) Scheme {
	switch {
	case equalFold(s, "sip"):
		return SIP
	case equalFold(s, "sips"):
		return SIPS
	case equalFold(s, "tel"):
		return Tel
	case equalFold(s, "urn"):
		return URN
	case isScheme(s):
		return OtherScheme
	}
	return NoScheme
}

func (s Scheme) isKnown() bool { return s != NoScheme && s != OtherScheme }

// parseSIP reads what follows "sip:". A user part may hold ";" and "?", but a
// "@" ends it wherever it stands: no later part may hold one unescaped. A number
// in the place of the host is taken for the user: no host can be one (RFC 3261
// §25.1), and what shows it to the called party does not ask.
func (u *URI) parseSIP(s string) {
	host, alone := s, false
	if at := until(s, userMark); at < len(s) && s[at] == '@' {
		u.User, host = trim(s[:at]), s[at+1:]
	} else if at := strings.IndexByte(s, '@'); at >= 0 {
		user, _ := cutByte(s[:at], ':') // the password
		user, _ = cutByte(user, ';')
		u.User, host = decode(trim(user)), s[at+1:]
	} else {
		alone = true
	}
	host = trim(host)
	if strings.HasPrefix(host, "[") {
		if end := strings.IndexAny(host, "];?"); end >= 0 && host[end] == ']' {
			u.Host = host[:end+1]
			return
		}
	}
	u.Host = trim(host[:until(host, hostMark)])
	if alone {
		if user := decode(u.Host); isNumber(user) {
			u.User, u.Host = user, ""
		}
	}
}

// isNumber tells whether s begins with "+" or is digits alone.
func isNumber(s string) bool {
	if strings.HasPrefix(s, "+") {
		return true
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// The bytes that part a SIP URI or need decoding: in the user part and after it.
// The latter end a tel number, too.
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
