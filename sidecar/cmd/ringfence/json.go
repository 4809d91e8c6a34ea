package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
)

// printJSON writes v indented, with SIP's <, > and & as they are, and what is
// unseen as JSON escapes it.
func printJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(visible(b.Bytes(), jsonEscape, "\n"))
	return err
}

// jsonEscape writes r as RFC 8259 section 7 does, beyond U+FFFF in two halves.
func jsonEscape(to []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); r > 0xffff {
		return fmt.Appendf(to, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(to, `\u%04x`, r)
}
