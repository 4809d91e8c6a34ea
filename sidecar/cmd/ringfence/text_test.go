package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// What others have written is shown, and no terminal obeys it.
func TestText(t *testing.T) {
	for _, c := range []struct{ name, in, written, value string }{
		{"text", `Müller "x" \ 電話 🙂`, `Müller "x" \ 電話 🙂`, `Müller "x" \ 電話 🙂`},
		{"escape", "a\x1b[31mb", `a\x1b[31mb`, `a\x1b[31mb`},
		{"line", "a\tb\nc", "a\tb\nc", `a\x09b\x0ac`},
		{"carriage return", "a\rb", `a\x0db`, `a\x0db`},
		{"delete", "a\x7fb", `a\x7fb`, `a\x7fb`},
		{"C1", "a\u009b31mb\u0085", `a\u009b31mb\u0085`, `a\u009b31mb\u0085`},
		{"a byte of C1", "a\x9b31m", `a\x9b31m`, `a\x9b31m`},
		{"direction", "a\u202eb\u2066c\u2069\u200f", `a\u202eb\u2066c\u2069\u200f`, `a\u202eb\u2066c\u2069\u200f`},
		{"format", "a\u200bb\u00adc\ufeff", `a\u200bb\u00adc\ufeff`, `a\u200bb\u00adc\ufeff`},
		{"tag", "a\U000e0041", `a\U000e0041`, `a\U000e0041`},
		{"separator", "a\u2028b\u2029", `a\u2028b\u2029`, `a\u2028b\u2029`},
		{"replacement", "a\ufffdb", "a\ufffdb", "a\ufffdb"},
		{"no UTF-8", "a\xc3(", `a\xc3(`, `a\xc3(`},
	} {
		var out bytes.Buffer
		x := text{raw: &out, colour: true}
		if n, err := x.Write([]byte(c.in)); n != len(c.in) || err != nil {
			t.Errorf("%s: %d, %v", c.name, n, err)
		}
		if out.String() != c.written {
			t.Errorf("%s: wrote %q, want %q", c.name, out.String(), c.written)
		}
		if got := plain(c.in); got != c.value {
			t.Errorf("%s: value %q, want %q", c.name, got, c.value)
		}
		out.Reset()
		if err := x.say(red, "error: ", c.in); err != nil || out.String() != "\x1b[31merror: \x1b[0m"+c.written+"\n" {
			t.Errorf("%s: said %q, %v", c.name, out.String(), err)
		}
	}
}

// JSON says the same with escapes.
func TestPrintJSON(t *testing.T) {
	const in = "<a>\x1b\u007f\u009b\u202e\U000e0041\ufeff é 🙂"
	var out bytes.Buffer
	if err := printJSON(text{raw: &out}, in); err != nil {
		t.Fatal(err)
	}
	if want := `"<a>\u001b\u007f\u009b\u202e\udb40\udc41\ufeff é 🙂"` + "\n"; out.String() != want {
		t.Errorf("%s, want %s", out.String(), want)
	}
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != in {
		t.Errorf("read back %q, %v", back, err)
	}
}
