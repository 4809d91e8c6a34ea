package esl

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// undefined is what the switch writes for an empty value of an encoded event.
const undefined = "_undef_"

var eventName = []byte("Event-Name:")

// readFrame notes the headers of a frame, block, which ends with an empty line.
// A block that begins with Event-Name is an event itself, the answer to
// connect: its values are percent-encoded, those of any other are not.
func (e *Event) readFrame(block []byte) error {
	encoded := len(block) > len(eventName) && bytes.EqualFold(block[:len(eventName)], eventName)
	if _, bad := e.readHeaders(block, encoded); bad != nil && !encoded {
		return frameError("the line %.80q is no header, or one too many", bad)
	}
	return nil
}

// readPlain reads the body of a text/event-plain. Its own body has the length
// that its Content-Length says.
func (e *Event) readPlain(text []byte) error {
	e.Reset()
	e.typ = EventPlain
	header, _ := e.readHeaders(text, true)
	if len(e.fields) == 0 {
		return &BodyError{e.typ, "it has no headers"}
	}
	length, err := contentLength(e.fields, text)
	if err != nil {
		return &BodyError{e.typ, err.Error()}
	}
	if rest := len(text) - header; length > rest {
		return &BodyError{e.typ, fmt.Sprintf("the Content-Length is %d, but %d bytes follow", length, rest)}
	}
	e.text = string(text)
	e.body = span{uint32(header), uint32(header + length)}
	return nil
}

// readHeaders notes the header lines of text up to an empty one, if there is
// one, and tells how long they are together with it. Lines that are no header,
// or are beyond the bounds of one, are left out; bad is the first of them.
func (e *Event) readHeaders(text []byte, encoded bool) (length int, bad []byte) {
	for at := 0; at < len(text); {
		next := len(text)
		line := text[at:]
		if lf := bytes.IndexByte(line, '\n'); lf >= 0 {
			next = at + lf + 1
			line = line[:lf]
		}
		line = trimCR(line)
		if len(line) == 0 {
			return next, bad
		}
		if !e.addLine(text, at, at+len(line), encoded) && bad == nil {
			bad = line
		}
		at = next
	}
	return len(text), bad
}

// addLine notes the header in the line text[from:to].
func (e *Event) addLine(text []byte, from, to int, encoded bool) bool {
	colon := from + bytes.IndexByte(text[from:to], ':')
	if colon <= from {
		return false
	}
	at := colon + 1
	if at < to && text[at] == ' ' {
		at++
	}
	if value := text[at:to]; encoded {
		if string(value) == undefined {
			to = at
		} else {
			to = at + unescape(value)
		}
	}
	return e.add(text, span{uint32(from), uint32(colon)}, span{uint32(at), uint32(to)}, false)
}

// unescape decodes %XX where it stands and gives the length that is left. What
// is no escape stays; "+" is no space. A switch leaves an escape that a value has
// as it is: one that it would not have written itself stands for itself.
func unescape(b []byte) int {
	i := bytes.IndexByte(b, '%')
	if i < 0 {
		return len(b)
	}
	n := i
	for i < len(b) {
		c := b[i]
		if c == '%' && i+2 < len(b) {
			if high, low := fromHex[b[i+1]], fromHex[b[i+2]]; high|low < 16 && escaped[high<<4|low] {
				c = high<<4 | low
				i += 2
			}
		}
		b[n] = c
		n++
		i++
	}
	return n
}

// fromHex gives a hexadecimal digit's value, and 16 for what is none.
var fromHex = func() (digits [256]byte) {
	for c := range digits {
		digits[c] = 16
		if i := strings.IndexByte("0123456789abcdef0123456789ABCDEF", byte(c)); i >= 0 {
			digits[c] = byte(i % 16)
		}
	}
	return digits
}()

// escaped are the bytes that a switch escapes.
var escaped = func() (bytes [256]bool) {
	for c := range bytes {
		bytes[c] = c < ' ' || c > '~' || strings.IndexByte(" \"#%&+:;<=>?@[\\]^`{|}", byte(c)) >= 0
	}
	return bytes
}()

// contentLength gives what the Content-Length among the fields of text says, 0
// where there is none.
func contentLength(fields []field, text []byte) (int, error) {
	f := find(fields, text, "Content-Length")
	if f == nil {
		return 0, nil
	}
	value := text[f.value.from:f.value.to]
	length, err := strconv.ParseUint(string(value), 10, 62)
	if err != nil {
		return 0, fmt.Errorf("the Content-Length %.40q is no length", value)
	}
	return int(length), nil
}
