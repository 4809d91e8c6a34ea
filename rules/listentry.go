package rules

import (
	"bytes"
	"fmt"
	"net/netip"
)

// entry is what the number of a row says: one number, signs, a range, or a
// network.
type entry struct {
	number   uint64 // key of one number
	signs    string // digits, N and X without "+", or empty
	open     bool   // more digits may follow the signs
	from, to uint64 // keys of a range
	network  netip.Prefix
}

// String is the entry in its global form.
func (e entry) String() string {
	switch {
	case e.number != 0:
		return Number{e.number}.String()
	case e.network.IsSingleIP():
		return e.network.Addr().String()
	case e.network.IsValid():
		return e.network.String()
	case e.signs == "":
		return Number{e.from}.String() + "-" + Number{e.to}.String()
	case e.open:
		return "+" + e.signs + "*"
	}
	return "+" + e.signs
}

const asNumber = "as in +12025550142"

const writeGlobal = "write it in its global form, +12025550142, or give the list a country"

// entry reads the number of a row; the message says what is wrong with it.
func (l *listLoader) entry(text []byte) (e entry, message, hint string) {
	switch {
	case len(text) == 0:
		return e, "a row without a number", "take the row out or comment it with #"
	case isNetwork(text):
		return readNetwork(string(text))
	case bytes.ContainsAny(text, "*nNxX"):
		return l.pattern(text)
	}
	if text[len(text)-1] == '-' {
		return e, fmt.Sprintf("%q is a range without its end", text), "write it, or take the - out"
	}
	if i := rangeAt(text); i > 0 {
		return l.span(text, i)
	}
	n, message, hint := l.number(text)
	return entry{number: n.key}, message, hint
}

// number reads one number.
func (l *listLoader) number(text []byte) (n Number, message, hint string) {
	if l.plan == nil || l.plan.dial == nil {
		if text[0] != '+' {
			d, ok := scan(text)
			if !ok {
				return n, fmt.Sprintf("%q is no telephone number", text), asNumber
			}
			return d.raw(0), fmt.Sprintf("%q has no country", text), writeGlobal
		}
	}
	if n = read(l.plan, text); n.Kind() == Global {
		return n, "", ""
	}
	d, ok := scan(text)
	if !ok {
		return n, fmt.Sprintf("%q is no telephone number", text), asNumber
	}
	if d.plus {
		return n, fmt.Sprintf("%q is no global number: %s", text, d.fault()), asNumber
	}
	return n, fmt.Sprintf("%q is no number in %s", text, l.plan.country), "write it in its global form, +12025550142"
}

// rangeAt is where the "-" of a range is, which is a visual separator too: the
// one before a "+", or in more digits than a number has the one in the middle
// of them. It is 0 when text is no range.
func rangeAt(text []byte) int {
	if i := bytes.LastIndexByte(text, '+'); i > 0 {
		return max(bytes.LastIndexByte(text[:i], '-'), 0)
	}
	total := countDigits(text)
	if total <= maxGlobal {
		return 0
	}
	for i, c := range text {
		if c == '-' && 2*countDigits(text[:i]) == total {
			return i
		}
	}
	return 0
}

func countDigits(text []byte) int {
	n := 0
	for _, c := range text {
		if c >= '0' && c <= '9' {
			n++
		}
	}
	return n
}

// span reads a range whose "-" is at i.
func (l *listLoader) span(text []byte, i int) (e entry, message, hint string) {
	from, message, hint := l.number(bytes.TrimSpace(text[:i]))
	if message != "" {
		return e, message, hint
	}
	to, message, hint := l.number(bytes.TrimSpace(text[i+1:]))
	if message != "" {
		return e, message, hint
	}
	switch {
	case len(from.String()) != len(to.String()):
		return e, fmt.Sprintf("range from %s to %s, which has another length", from, to), "write one range for each length"
	case from.key > to.key:
		return e, fmt.Sprintf("range from %s down to %s", from, to), "write the lower number first"
	case from == to:
		return entry{number: from.key}, "", ""
	}
	return entry{from: from.key, to: to.key}, "", ""
}

// pattern reads digits, N and X, and a "*" at the end.
func (l *listLoader) pattern(text []byte) (e entry, message, hint string) {
	rest, plus := bytes.CutPrefix(text, []byte("+"))
	rest, e.open = bytes.CutSuffix(rest, []byte("*"))
	signs := make([]byte, 0, len(rest))
	for _, c := range bytes.ToUpper(rest) {
		switch {
		case c >= '0' && c <= '9' || c == 'N' || c == 'X':
			signs = append(signs, c)
		case bytes.IndexByte([]byte("()-. "), c) >= 0:
		default:
			return e, fmt.Sprintf("%q is no pattern", text), "write digits, N for 2 to 9, X for any digit, and * at the end for more of them"
		}
	}
	if len(signs) == 0 {
		return e, fmt.Sprintf("%q covers every number", text), "write at least one digit before the *"
	}
	if !plus {
		var ok bool
		if l.plan == nil || l.plan.dial == nil {
			return e, fmt.Sprintf("%q has no country", text), "write it in its global form, +1202555*, or give the list a country"
		}
		if signs, ok = l.plan.dial.pattern(signs); !ok {
			return e, fmt.Sprintf("%q does not begin as a number in %s does", text, l.plan.country), "write it in its global form, +1202555*"
		}
	}
	switch {
	case len(signs) == 0:
		return e, fmt.Sprintf("%q is a prefix and no digit", text), "write at least one digit after it"
	case signs[0] == '0':
		return e, fmt.Sprintf("%q begins with 0, as no country code does", text), ""
	case len(signs) > maxGlobal:
		return e, fmt.Sprintf("%q has %d digits, a number at most %d", text, len(signs), maxGlobal), ""
	}
	e.signs = string(signs)
	return e, "", ""
}

// pattern is a pattern in the country's own form as a global one: after its
// international or national prefix, in the NANP with or without the 1, and as
// it is in a country without national prefix.
func (c *dialling) pattern(signs []byte) ([]byte, bool) {
	if rest, ok := after(c.international, signs); ok {
		return rest, true
	}
	code := make([]byte, 0, maxGlobal+len(signs))
	for _, d := range c.code {
		code = append(code, '0'+d)
	}
	switch {
	case c.national == nil && signs[0] == '1':
		return signs, true
	case c.national == nil:
		return append(code, signs...), signs[0] != '0' && signs[0] != 'X'
	case c.trunk == nil:
		return append(code, signs...), true
	}
	rest, ok := after(c.trunk, signs)
	return append(code, rest...), ok
}

// after is what follows the shortest of some prefixes.
func after(prefixes *automaton, signs []byte) ([]byte, bool) {
	state := int32(1)
	for i, sign := range signs {
		if sign > '9' {
			break
		}
		if state = prefixes.next[state][sign-'0']; prefixes.accept[state] {
			return signs[i+1:], true
		}
	}
	return nil, false
}
