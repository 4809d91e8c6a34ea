package esltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Header is one header of an Event, its value as it is meant. An array is
// written "ARRAY::a|:b".
type Header struct{ Name, Value string }

// Event is an event of the switch, or a channel's data, as headers in order.
type Event []Header

// Get gives the value of a header, "" if there is none.
func (e Event) Get(name string) string {
	for _, h := range e {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// With gives e with another value for a header, which is added if there is none.
func (e Event) With(name, value string) Event {
	e = slices.Clone(e)
	for i := range e {
		if e[i].Name == name {
			e[i].Value = value
			return e
		}
	}
	return append(e, Header{name, value})
}

// Without gives e without a header.
func (e Event) Without(name string) Event {
	return slices.DeleteFunc(slices.Clone(e), func(h Header) bool { return h.Name == name })
}

// Plain writes e as a text/event-plain, frame and all.
func (e Event) Plain() []byte { return frame("text/event-plain", e.lines()+"\n") }

// JSON writes e as a text/event-json, frame and all.
func (e Event) JSON() []byte {
	var b strings.Builder
	for i, h := range e {
		b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		b.WriteString(quote(h.Name) + ":")
		list, isArray := strings.CutPrefix(h.Value, "ARRAY::")
		if !isArray {
			b.WriteString(quote(h.Value))
			continue
		}
		elements := strings.Split(list, "|:")
		for i := range elements {
			elements[i] = quote(elements[i])
		}
		b.WriteString("[" + strings.Join(elements, ",") + "]")
	}
	b.WriteString("}")
	return frame("text/event-json", b.String())
}

// Connect writes e as the answer to connect on a socket without async and full.
func (e Event) Connect() []byte {
	e = e.With("Event-Name", "CHANNEL_DATA").
		With("Content-Type", "command/reply").With("Reply-Text", "+OK\n").
		With("Socket-Mode", "static").With("Control", "single-channel")
	for i := range e {
		if e[i].Name == "Content-Type" {
			return []byte(e[:i].lines() + "Content-Type: command/reply\n" + e[i+1:].lines() + "\n")
		}
	}
	return nil
}

func (e Event) lines() string {
	var b strings.Builder
	for _, h := range e {
		value := escape(h.Value)
		if value == "" {
			value = "_undef_"
		}
		b.WriteString(h.Name + ": " + value + "\n")
	}
	return b.String()
}

func frame(contentType, body string) []byte {
	return fmt.Appendf(nil, "Content-Length: %d\nContent-Type: %s\n\n%s", len(body), contentType, body)
}

// escape encodes as the switch does, which leaves alone what looks encoded.
func escape(value string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		encoded := c == '%' && i+2 < len(value) && isHex(value[i+1]) && isHex(value[i+2])
		if !encoded && (c < ' ' || c > '~' || strings.IndexByte("\r\n #%&+:;<=>?@[\\]^`{|}\"", c) >= 0) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// quote writes a JSON string; bytes that are not UTF-8 stay, as they do there.
func quote(s string) string {
	b := []byte{'"'}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = fmt.Appendf(b, "\\u%04x", c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// Events reads the events that the switch sent, plain and JSON, and the answer
// to connect among them. Bodies are left out.
func (s *Session) Events() ([]Event, error) {
	var all []Event
	for in := s.FromSwitch(); len(in) > 0; {
		block, rest, _ := bytes.Cut(in, []byte("\n\n"))
		frame, err := readLines(string(block))
		if err != nil {
			return nil, fmt.Errorf("esltest: session %s: %w", s.Name, err)
		}
		n, _ := strconv.Atoi(frame.Get("Content-Length"))
		if n > len(rest) {
			return nil, fmt.Errorf("esltest: session %s ends within a message", s.Name)
		}
		var e Event
		switch body := rest[:n]; frame.Get("Content-Type") {
		case "text/event-plain":
			headers, _, _ := strings.Cut(string(body), "\n\n")
			e, err = readLines(headers)
		case "text/event-json":
			e, err = readObject(body)
		default:
			if frame[0].Name == "Event-Name" {
				e = frame
			}
		}
		if err != nil {
			return nil, fmt.Errorf("esltest: session %s: %w", s.Name, err)
		}
		if e != nil {
			all = append(all, e)
		}
		in = rest[n:]
	}
	return all, nil
}

func readLines(block string) (Event, error) {
	var e Event
	for line := range strings.Lines(block) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		if !ok {
			return nil, fmt.Errorf("%q is no header", line)
		}
		if decoded, err := url.PathUnescape(value); err == nil && e != nil && e[0].Name == "Event-Name" {
			value = decoded
		}
		e = append(e, Header{name, value})
	}
	return e, nil
}

func readObject(text []byte) (Event, error) {
	var e Event
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if list, ok := value.([]any); ok {
			joined := "ARRAY::"
			for i, v := range list {
				joined += map[bool]string{true: "|:"}[i > 0] + fmt.Sprint(v)
			}
			value = joined
		}
		if name != "_body" {
			e = append(e, Header{fmt.Sprint(name), fmt.Sprint(value)})
		}
	}
	return e, nil
}
