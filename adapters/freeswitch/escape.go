package freeswitch

import (
	"strings"
	"unicode/utf8"
)

// FreeSWITCH expands the arguments of applications, set and multiset twice, the
// values of variables that they name once more, and runs what ${name(…)} calls. It
// knows "\" as an escape and drops it, so that "$\'{" becomes "${"; "'" quotes in
// every list that it splits; "^^" before a list says what parts it. A line break
// ends a header of a command.
//
// So no text of a caller is named by a variable or copied as it is: what can't
// stand in a value is taken out of a name here. What is ours is escaped where its
// place knows escapes, else it is no answer.

// isSafe tells whether FreeSWITCH takes a value for nothing but text, in every
// mode.
func isSafe(value []byte) bool {
	for _, c := range value {
		if unsafe(c) {
			return false
		}
	}
	return true
}

func unsafe(c byte) bool {
	switch c {
	case '$', '\\', '\'', '^', 0x7f:
		return true
	}
	return c < ' '
}

// appendEscaped appends a text of ours whose place knows percent escapes, a URI or
// a Reason with one in it, and escapes what is not safe.
func appendEscaped[T string | []byte](dst []byte, text T) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		if c := text[i]; c > ' ' && unsafe(c) {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// nameLength is how many bytes of a display name are shown at most.
const nameLength = 128

// appendName appends a display name without what FreeSWITCH or the SIP message
// that it makes could take for anything but a letter. Of a name to show,
// FreeSWITCH takes what is behind the last "/" or ":", ends it at "@", and decodes
// percent escapes. A typewriter apostrophe becomes a printed one.
func appendName(dst []byte, name string) []byte {
	for length := 0; name != ""; {
		c, size := utf8.DecodeRuneInString(name)
		if length += size; length > nameLength {
			break
		}
		switch {
		case c == '\'':
			dst = append(dst, "’"...)
		case c == utf8.RuneError && size == 1:
			dst = append(dst, '?')
		case c < utf8.RuneSelf && (unsafe(byte(c)) || strings.IndexByte("\"{}<>/:@%", byte(c)) >= 0):
			dst = append(dst, ' ')
		case c >= 0x80 && c < 0xa0, c == 0x2028, c == 0x2029: // line breaks to some
			dst = append(dst, ' ')
		default:
			dst = append(dst, name[:size]...)
		}
		name = name[size:]
	}
	return dst
}

// appendChannel appends the name of a channel to an api command that takes more
// than that. With inbound-use-callid-as-uuid in the profile it is the Call-ID: a
// "'" of the caller's would quote what follows, and nobody answer the call.
func appendChannel(dst []byte, channel string) []byte {
	for i := range len(channel) {
		if c := channel[i]; c == '\'' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, channel[i])
	}
	return dst
}

// isWord tells whether all of s is of [0-9a-z].
func isWord(s []byte) bool {
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
