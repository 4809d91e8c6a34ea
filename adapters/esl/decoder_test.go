package esl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"ringfence/adapters/esl/esltest"
)

// read is what a test compares of a message.
type read struct {
	Type   string
	Fields [][2]string
	Body   string
}

func readOf(e *Event) read {
	r := read{Type: e.Type().String(), Body: e.Body()}
	e.All(func(name, value string) bool {
		r.Fields = append(r.Fields, [2]string{name, value})
		return true
	})
	return r
}

// decodeAll gives the messages up to the error, which is nil at a clean end.
func decodeAll(r io.Reader, max int) (all []read, err error) {
	d := NewDecoder(r, max)
	for {
		var e Event
		if err := d.Decode(&e); err != nil {
			if err == io.EOF {
				err = nil
			}
			return all, err
		}
		all = append(all, readOf(&e))
	}
}

// sessions calls check with what the switch sent in each recorded session.
func sessions(t *testing.T, check func(t *testing.T, stream []byte)) {
	for _, name := range esltest.Names() {
		t.Run(name, func(t *testing.T) { check(t, session(t, name)) })
	}
}

func session(t testing.TB, name string) []byte {
	t.Helper()
	s, err := esltest.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return s.FromSwitch()
}

// plainly decodes a stream by other means: what the standard library has, and
// no thought of speed.
func plainly(t *testing.T, stream []byte) (all []read) {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(stream))
	for {
		lines, err := plainLines(in)
		if err == io.EOF && len(lines) == 0 {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		m := read{Type: lineOf(lines, "Content-Type"), Fields: lines}
		if lines[0][0] == "Event-Name" {
			unescapeLines(t, lines)
		}
		n, _ := strconv.Atoi(lineOf(lines, "Content-Length"))
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			t.Fatal(err)
		}
		switch m.Type {
		case "text/event-plain":
			b := bufio.NewReader(bytes.NewReader(body))
			if m.Fields, err = plainLines(b); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			unescapeLines(t, m.Fields)
			n, _ := strconv.Atoi(lineOf(m.Fields, "Content-Length"))
			rest, _ := io.ReadAll(b)
			m.Body = string(rest[:n])
		case "text/event-json":
			var ok bool
			if m.Fields, m.Body, ok = jsonObject(body); !ok {
				t.Fatalf("no object of strings: %s", body)
			}
		case "text/event-xml", "log/data":
		default:
			m.Body = string(body)
		}
		all = append(all, m)
	}
}

func plainLines(in *bufio.Reader) (lines [][2]string, err error) {
	for {
		line, err := in.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return lines, err
		}
		name, value, _ := strings.Cut(line, ": ")
		lines = append(lines, [2]string{name, value})
		if err != nil {
			return lines, err
		}
	}
}

func unescapeLines(t *testing.T, lines [][2]string) {
	for i := range lines {
		value, err := url.PathUnescape(lines[i][1])
		if err != nil {
			t.Fatal(err)
		}
		lines[i][1] = value
	}
}

func lineOf(lines [][2]string, name string) string {
	for _, l := range lines {
		if textproto.CanonicalMIMEHeaderKey(l[0]) == name {
			return l[1]
		}
	}
	return ""
}

func TestDecodeSessions(t *testing.T) {
	sessions(t, func(t *testing.T, stream []byte) {
		got, err := decodeAll(bytes.NewReader(stream), 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plainly(t, stream), got); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
	})
}

func TestDecodeSessionsByteByByte(t *testing.T) {
	sessions(t, func(t *testing.T, stream []byte) {
		want, _ := decodeAll(bytes.NewReader(stream), 0)
		got, err := decodeAll(iotest.OneByteReader(bytes.NewReader(stream)), 0)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v; whole -, byte by byte +:\n%s", err, diff)
		}
	})
}

// message is one of a stream, and where its bytes are.
type message struct {
	event    Event
	from, to int
}

func messages(t *testing.T, stream []byte) (all []message) {
	t.Helper()
	source := bytes.NewReader(stream)
	d := NewDecoder(source, 0)
	for from := 0; ; {
		var m message
		err := d.Decode(&m.event)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		m.from, m.to = from, len(stream)-source.Len()-(d.end-d.start)
		from = m.to
		all = append(all, m)
	}
}

// TestDecodeSessionsSplit plays each message, and the one after it, in two
// reads, split at every offset; one longer than 1 kB by itself, and under the race
// detector at fewer offsets behind its first 80 bytes, in which a frame's headers
// end.
func TestDecodeSessionsSplit(t *testing.T) {
	sessions(t, func(t *testing.T, stream []byte) {
		all := messages(t, stream)
		for i, m := range all {
			these := all[i:min(i+2, len(all))]
			long := m.to-m.from > 1<<10
			if long {
				these = these[:1]
			}
			part := stream[m.from:these[len(these)-1].to]
			for at := 0; at < m.to-m.from; at++ {
				if long && at >= 80 {
					at += splitStep - 1
				}
				checkSplit(t, part, min(at, len(part)), these)
			}
		}
	})
}

// TestDecodeConnectSplit splits the answer to connect, which is all headers, at
// every offset.
func TestDecodeConnectSplit(t *testing.T) {
	all := messages(t, session(t, "20-out-sync-reject"))
	part := session(t, "20-out-sync-reject")[:all[0].to]
	for at := range part {
		checkSplit(t, part, at, all[:1])
	}
}

// checkSplit decodes a stream that arrives in two pieces.
func checkSplit(t *testing.T, stream []byte, at int, want []message) {
	t.Helper()
	d := NewDecoder(io.MultiReader(bytes.NewReader(stream[:at]), bytes.NewReader(stream[at:])), 0)
	var e Event
	for i := range want {
		w := &want[i].event
		if err := d.Decode(&e); err != nil || e.typ != w.typ || e.text != w.text || e.body != w.body || !slices.Equal(e.fields, w.fields) {
			t.Fatalf("split at %d: message %d: %v; whole -, split +:\n%s", at, i, err, cmp.Diff(readOf(w), readOf(&e)))
		}
	}
	if err := d.Decode(&e); err != io.EOF {
		t.Fatalf("split at %d: at the end: %v, want EOF", at, err)
	}
}

func TestDecodeCut(t *testing.T) {
	stream := session(t, "05-bgapi-plain")
	ends := map[int]bool{0: true}
	for _, m := range messages(t, stream) {
		ends[m.to] = true
	}
	for at := range stream {
		_, err := decodeAll(bytes.NewReader(stream[:at]), 0)
		if want := map[bool]error{true: nil, false: io.ErrUnexpectedEOF}[ends[at]]; err != want {
			t.Fatalf("cut at %d: %v, want %v", at, err, want)
		}
	}
}

// refused is a source that must not be asked for more.
type refused struct{ t *testing.T }

func (r refused) Read([]byte) (int, error) {
	r.t.Error("more is read than the frame's headers")
	return 0, io.EOF
}

func TestDecodeGarbage(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want string
	}{
		"no header":           {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", `the line "GET / HTTP/1.1" is no header, or one too many`},
		"binary":              {"\x16\x03\x01\x02\n\n", `the line "\x16\x03\x01\x02" is no header, or one too many`},
		"no name":             {": x\n\n", `the line ": x" is no header, or one too many`},
		"length of 100 MB":    {"Content-Type: api/response\nContent-Length: 104857600\n\n", "a message of 104857654 bytes; at most 16777216 are taken"},
		"length of 2^64":      {"Content-Length: 18446744073709551616\n\n", `the Content-Length "18446744073709551616" is no length`},
		"length below zero":   {"Content-Length: -1\n\n", `the Content-Length "-1" is no length`},
		"length with letters": {"Content-Length: 1e3\n\n", `the Content-Length "1e3" is no length`},
		"endless header":      {strings.Repeat("X: y\n", maxHeader/5+1), "more than 8388608 bytes of headers"},
		"too many headers":    {strings.Repeat("X:\n", maxFields) + "Y: z\n\n", `the line "Y: z" is no header, or one too many`},
		"endless line":        {"X: " + strings.Repeat("y", maxHeader), "more than 8388608 bytes of headers"},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder(io.MultiReader(strings.NewReader(c.in), refused{t}), 0)
			var e Event
			err := d.Decode(&e)
			var frame *FrameError
			if !errors.As(err, &frame) || frame.Cause != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			if again := d.Decode(&e); again != err {
				t.Errorf("asked again: %v, want the same error", again)
			}
		})
	}
}

func TestDecodeLosesABadBody(t *testing.T) {
	frame := func(kind, body string) string {
		return fmt.Sprintf("Content-Length: %d\nContent-Type: text/event-%s\n\n%s", len(body), kind, body)
	}
	const after = "Content-Type: command/reply\nReply-Text: +OK\n\n"
	for name, in := range map[string]string{
		"no JSON":              frame("json", "Event-Name: X\n\n"),
		"empty JSON":           frame("json", ""),
		"a number":             frame("json", `{"Event-Name":1}`),
		"an object":            frame("json", `{"Event-Name":{}}`),
		"a raw control":        frame("json", "{\"Event-Name\":\"a\nb\"}"),
		"a bad escape":         frame("json", `{"Event-Name":"\x"}`),
		"a cut escape":         frame("json", `{"Event-Name":"\u00"}`),
		"a cut array":          frame("json", `{"Event-Name":["a"`),
		"a comma at the end":   frame("json", `{"Event-Name":"a",}`),
		"more after it":        frame("json", `{"Event-Name":"a"}{}`),
		"too many members":     frame("json", "{"+strings.Repeat(`"a":"b",`, maxFields)+`"a":"b"}`),
		"no headers":           frame("plain", "\n\n"),
		"an inner body cut":    frame("plain", "Event-Name: X\nContent-Length: 3\n\nab"),
		"an inner length of x": frame("plain", "Event-Name: X\nContent-Length: x\n\nab"),
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder(strings.NewReader(in+after), 0)
			var e Event
			var lost *BodyError
			if err := d.Decode(&e); !errors.As(err, &lost) {
				t.Fatalf("%v, want a BodyError", err)
			}
			if err := d.Decode(&e); err != nil || e.Get("reply-text") != "+OK" {
				t.Errorf("the next message: %v, %q", err, e.Get("reply-text"))
			}
		})
	}
}

func TestDecodeValues(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		header string
		want   string
	}{
		"raw in a reply":        {"Content-Type: command/reply\nReply-Text: 100%25\n\n", "Reply-Text", "100%25"},
		"encoded in connect":    {"Event-Name: CHANNEL_DATA\nReply-Text: %2BOK%0A\n\n", "Reply-Text", "+OK\n"},
		"undefined":             {"Event-Name: X\nA: _undef_\n\n", "A", ""},
		"no escape":             {"Event-Name: X\nA: %, %4, %4g, a+b%\n\n", "A", "%, %4, %4g, a+b%"},
		"lower case":            {"event-name: X\na: %c3%a9\n\n", "A", "é"},
		"an escape of a value":  {"Event-Name: X\na: %3911%2D%41 %2B%25\n\n", "A", "%3911%2D%41 +%"},
		"CRLF":                  {"\r\n\nContent-Type: command/reply\r\nReply-Text: +OK\r\n\r\n", "Reply-Text", "+OK"},
		"no space":              {"Reply-Text:+OK\n\n", "Reply-Text", "+OK"},
		"first of two":          {"A: 1\na: 2\n\n", "A", "1"},
		"odd line in connect":   {"Event-Name: X\nnothing\nA: b\n\n", "A", "b"},
		"JSON escapes":          {jsonFrame(`{"A":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83dx"}`), "A", "\"\\/\b\f\n\r\té😀\ufffdx"},
		"JSON in Latin 1":       {jsonFrame("{\"A\":\"\xe9\"}"), "A", "\xe9"},
		"JSON array":            {jsonFrame(`{"A":["x","y\n"] , "B":[]}`), "A", "ARRAY::x|:y\n"},
		"JSON array of one":     {jsonFrame(`{ "A" : [ "x" ] }`), "A", "ARRAY::x"},
		"JSON array of none":    {jsonFrame(`{"A":[]}`), "A", "ARRAY::"},
		"a name of 64 kB":       {jsonFrame(`{"` + strings.Repeat("a", maxName+1) + `":"a","A":"b"}`), "A", "b"},
		"JSON array of escapes": {jsonFrame(`{"A":["\u0041","","\u0042"]}`), "A", "ARRAY::A|:|:B"},
	} {
		t.Run(name, func(t *testing.T) {
			var e Event
			if err := NewDecoder(strings.NewReader(c.in), 0).Decode(&e); err != nil {
				t.Fatal(err)
			}
			if got, ok := e.Lookup(c.header); !ok || got != c.want {
				t.Errorf("%q %v, want %q", got, ok, c.want)
			}
		})
	}
}

func jsonFrame(body string) string {
	return fmt.Sprintf("Content-Length: %d\nContent-Type: text/event-json\n\n%s", len(body), body)
}

// TestDecodeLarge reads a body that needs several buffers, and then an ordinary message.
func TestDecodeLarge(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 1<<16)
	in := fmt.Sprintf("Content-Type: api/response\nContent-Length: %d\n\n%s%s", len(body), body, jsonFrame(`{"A":"b"}`))
	d := NewDecoder(iotest.HalfReader(strings.NewReader(in)), len(body)+60)
	var e Event
	if err := d.Decode(&e); err != nil || e.Body() != body {
		t.Fatalf("%v, %d bytes", err, len(e.Body()))
	}
	if err := d.Decode(&e); err != nil || e.Get("A") != "b" {
		t.Errorf("%v, %q", err, e.Get("A"))
	}
	if len(d.buffer) != smallBuffer || d.pooled != nil {
		t.Errorf("a decoder that waits holds %d bytes", len(d.buffer))
	}
}

// TestDecodeReuse holds that what was read stays when the Event is used again.
func TestDecodeReuse(t *testing.T) {
	d := NewDecoder(bytes.NewReader(session(t, "06-call-answered-json")), 0)
	var e Event
	var uuid, kept string
	for d.Decode(&e) == nil {
		if e.Name() == "CHANNEL_CREATE" {
			uuid = e.Get("Unique-ID")
			kept = strings.Clone(uuid)
		}
	}
	if uuid == "" || uuid != kept {
		t.Errorf("%q became %q", kept, uuid)
	}
}

func TestDecodeWait(t *testing.T) {
	d := NewDecoder(iotest.OneByteReader(strings.NewReader("\r\n\n"+jsonFrame(`{"A":"b"}`)+"\n")), 0)
	if err := d.Wait(); err != nil || d.start == d.end {
		t.Fatalf("%v, %d bytes", err, d.end-d.start)
	}
	var e Event
	if err := d.Decode(&e); err != nil || e.Get("A") != "b" {
		t.Errorf("%v, %q", err, e.Get("A"))
	}
	if err := d.Wait(); err != io.EOF {
		t.Errorf("at the end: %v, want EOF", err)
	}
	if err := d.Decode(&e); err != io.EOF {
		t.Errorf("after the end: %v, want EOF", err)
	}
}
