package main

import (
	"bytes"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// text is where a verb writes. Callers and the publishers of lists have their
// say in what is shown: what a terminal would obey, or what would show it in
// another order, is written as an escape.
type text struct {
	raw    io.Writer
	colour bool // raw is a terminal that shows colours
}

// Write writes p with all but its tabs and line ends made visible.
func (x text) Write(p []byte) (int, error) {
	if _, err := x.raw.Write(visible(p, textEscape, "\t\n")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// say writes a line that begins with a mark in a colour.
func (x text) say(colour, mark, line string) error {
	if x.colour {
		mark = "\x1b[" + colour + "m" + mark + "\x1b[0m"
	}
	_, err := x.raw.Write(append([]byte(mark), visible([]byte(line+"\n"), textEscape, "\t\n")...))
	return err
}

// The colours, as ECMA-48 graphic renditions.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// plain is a value that stays in its line and column.
func plain(s string) string { return string(visible([]byte(s), textEscape, "")) }

// unseen tells of the characters that are no text: controls (C0, DEL, C1),
// format characters, among them those that turn the direction, and the line and
// paragraph separators.
func unseen(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// visible is p with escape in place of what is unseen, but for the characters
// in keep, and of bytes that are no UTF-8.
func visible(p []byte, escape func(to []byte, r rune) []byte, keep string) []byte {
	first := bytes.IndexFunc(p, func(r rune) bool { return r == utf8.RuneError || unseen(r) && !bytes.ContainsRune([]byte(keep), r) })
	if first < 0 {
		return p
	}
	shown := append(make([]byte, 0, len(p)+16), p[:first]...)
	for p = p[first:]; len(p) > 0; {
		r, size := utf8.DecodeRune(p)
		switch {
		case r == utf8.RuneError && size == 1:
			shown = fmt.Appendf(shown, `\x%02x`, p[0])
		case unseen(r) && !bytes.ContainsRune([]byte(keep), r):
			shown = escape(shown, r)
		default:
			shown = append(shown, p[:size]...)
		}
		p = p[size:]
	}
	return shown
}

// textEscape writes r as Go does: \x1b, \u202e, \U000e0001.
func textEscape(to []byte, r rune) []byte {
	switch {
	case r < utf8.RuneSelf:
		return fmt.Appendf(to, `\x%02x`, r)
	case r <= 0xffff:
		return fmt.Appendf(to, `\u%04x`, r)
	}
	return fmt.Appendf(to, `\U%08x`, r)
}
