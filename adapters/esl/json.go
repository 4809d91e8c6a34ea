package esl

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// bodyHeader is the member that holds the body of a text/event-json.
const bodyHeader = "_body"

// UnmarshalJSON reads an event that an answer holds, as that to `uuid_dump UUID
// json` does.
func (e *Event) UnmarshalJSON(text []byte) error {
	if err := e.readJSON(bytes.Clone(text)); err != nil {
		e.Reset()
		return err
	}
	return nil
}

// readJSON reads the body of a text/event-json: an object whose members are
// strings, or arrays of strings for headers that were set several times. Bytes
// that are not UTF-8 stay as they are. Callers choose the names of some headers: one
// that is too long is left out.
func (e *Event) readJSON(text []byte) error {
	e.Reset()
	e.typ = EventJSON
	s := scanner{text: text}
	if !s.object(e) {
		return &BodyError{e.typ, fmt.Sprintf("no object of up to %d strings: byte %d of %d, %.40q", maxFields, s.at, len(text), text[min(s.at, len(text)):])}
	}
	e.text = string(text)
	return nil
}

// scanner reads JSON and decodes its strings where they stand. Its methods
// report false at what they don't know, and at is where.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) object(e *Event) bool {
	if !s.next('{') {
		return false
	}
	if s.next('}') {
		return s.ended()
	}
	for {
		name, ok := s.string()
		if !ok || !s.next(':') {
			return false
		}
		value, array, ok := s.value()
		if !ok {
			return false
		}
		if !array && string(s.text[name.from:name.to]) == bodyHeader {
			e.body = value
		} else if name.to-name.from <= maxName && !e.add(s.text, name, value, array) {
			return false
		}
		if !s.next(',') {
			return s.next('}') && s.ended()
		}
	}
}

// value reads a string, or an array of strings, whose elements it joins.
func (s *scanner) value() (value span, array, ok bool) {
	if !s.next('[') {
		value, ok = s.string()
		return value, false, ok
	}
	value = span{uint32(s.at), uint32(s.at)}
	if s.next(']') {
		return value, true, true
	}
	for first := true; ; first = false {
		element, ok := s.string()
		if !ok {
			return value, true, false
		}
		// Two quotes and a comma leave the room for the separator.
		if !first {
			value.to += uint32(copy(s.text[value.to:], arraySeparator))
		}
		value.to += uint32(copy(s.text[value.to:], s.text[element.from:element.to]))
		if !s.next(',') {
			return value, true, s.next(']')
		}
	}
}

// next passes over white space and, if it follows, c.
func (s *scanner) next(c byte) bool {
	if s.blank(); s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

// ended tells whether nothing but white space is left.
func (s *scanner) ended() bool {
	s.blank()
	return s.at == len(s.text)
}

func (s *scanner) blank() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t' || s.text[s.at] == '\n' || s.text[s.at] == '\r') {
		s.at++
	}
}

func (s *scanner) string() (span, bool) {
	if !s.next('"') {
		return span{}, false
	}
	from := s.at
	i := s.at
	for i < len(s.text) && !special[s.text[i]] {
		i++
	}
	n := i
	for i < len(s.text) {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return span{uint32(from), uint32(n)}, true
		case c == '\\':
			used, written := decodeEscape(s.text[i:], s.text[n:])
			if used == 0 {
				s.at = i
				return span{}, false
			}
			i += used
			n += written
		case c < ' ':
			s.at = i
			return span{}, false
		default:
			s.text[n] = c
			n++
			i++
		}
	}
	s.at = i
	return span{}, false
}

// special are the bytes at which a string is not just itself.
var special = func() (set [256]bool) {
	for c := range ' ' {
		set[c] = true
	}
	set['"'], set['\\'] = true, true
	return set
}()

// unescaped gives what follows a backslash and stands for one byte.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// decodeEscape writes to dst what the escape at the beginning of src stands
// for. It never writes more than it uses; it uses 0 if src begins with none.
func decodeEscape(src, dst []byte) (used, written int) {
	if len(src) < 2 {
		return 0, 0
	}
	if src[1] != 'u' {
		c := unescaped[src[1]]
		if c == 0 {
			return 0, 0
		}
		dst[0] = c
		return 2, 1
	}
	r := hex4(src)
	if r < 0 {
		return 0, 0
	}
	used = 6
	if utf16.IsSurrogate(r) {
		if r = utf16.DecodeRune(r, hex4(src[6:])); r != utf8.RuneError {
			used = 12
		}
	}
	return used, utf8.EncodeRune(dst, r)
}

// hex4 gives the code unit of the \uXXXX at the beginning of b, -1 if none is.
func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		digit := fromHex[c]
		if digit > 15 {
			return -1
		}
		r = r<<4 | rune(digit)
	}
	return r
}
