package sip

import "strings"

// list walks the elements of a separated list, separators inside quotes apart.
// The walk is linear in the list's length, whatever the quotes.
type list struct {
	rest      string
	separator byte // 0: one element; no request holds a NUL
	unpaired  bool // a quote had no partner: quotes mean nothing from there on
}

// next is the next element, as written.
func (l *list) next() string {
	s := l.rest
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case l.separator:
			l.rest = s[i+1:]
			return s[:i]
		case '"':
			i = l.skip(s, i)
		}
	}
	l.rest = ""
	return s
}

// skip is the index of the quote that closes the one at i, or i when it is
// unpaired.
func (l *list) skip(s string, i int) int {
	if l.unpaired {
		return i
	}
	if end := ClosingQuote(s, i); end > 0 {
		return end
	}
	l.unpaired = true
	return i
}

// ClosingQuote is the index of the quote that closes the one at i, -1 for none.
func ClosingQuote(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unquote takes the quotes and escapes off a quoted string (RFC 3261 §25.1);
// anything else stays as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || ClosingQuote(s, 0) != len(s)-1 {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// unfold makes one line of a folded value: each line break with the blanks
// around it becomes one space (RFC 3261 §7.3.1). The result is trimmed.
func unfold(s string) string {
	s = trim(s)
	if strings.IndexByte(s, '\n') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for s != "" {
		line, rest := cutByte(s, '\n')
		if line = trim(line); line != "" {
			if len(b) > 0 {
				b = append(b, ' ')
			}
			b = append(b, line...)
		}
		s = rest
	}
	return string(b)
}

// trim takes blanks and line breaks off both ends.
func trim(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// cutByte is strings.Cut for one byte, without the found.
func cutByte(s string, c byte) (before, after string) {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// equalFold compares ASCII text in any case.
func equalFold(s, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] != t[i] && lower(s[i]) != lower(t[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}
