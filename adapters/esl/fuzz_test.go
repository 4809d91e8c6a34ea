package esl

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"ringfence/adapters/esl/esltest"
)

// fuzzMax is the bound of a message in FuzzDecode, which inputs can reach.
const fuzzMax = 1 << 12

// FuzzDecode holds that any input gives the same messages however it arrives,
// that none is larger than the bound, and that it ends in an error which stays.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"02-auth-fail", "04-api-responses", "05-bgapi-plain", "05-bgapi-json", "13-heartbeat-and-log", "15-crlf-commands", "51-rude-rejection-acl"} {
		f.Add(session(f, name), 100)
	}
	f.Fuzz(func(t *testing.T, stream []byte, at int) {
		whole, wantErr := decodeFuzzed(t, bytes.NewReader(stream))
		if len(stream) > 0 {
			at = max(at, -at, 0) % len(stream)
		} else {
			at = 0
		}
		split, err := decodeFuzzed(t, io.MultiReader(bytes.NewReader(stream[:at]), bytes.NewReader(stream[at:])))
		if !equalReads(whole, split) {
			t.Errorf("split at %d: %v, whole %v", at, split, whole)
		}
		if err.Error() != wantErr.Error() {
			t.Errorf("split at %d: %v, whole %v", at, err, wantErr)
		}
	})
}

// decodeFuzzed decodes to the end; lost bodies stand among the messages.
func decodeFuzzed(t *testing.T, r io.Reader) (all []read, err error) {
	d := NewDecoder(r, fuzzMax)
	for {
		var e Event
		err := d.Decode(&e)
		var lost *BodyError
		if errors.As(err, &lost) {
			all = append(all, read{Type: "lost", Body: lost.Error()})
			continue
		}
		if err != nil {
			if again := d.Decode(&e); again != err {
				t.Errorf("%v became %v", err, again)
			}
			return all, err
		}
		if len(e.text) > fuzzMax {
			t.Errorf("a message of %d bytes", len(e.text))
		}
		checkLookup(t, &e)
		all = append(all, readOf(&e))
	}
}

// checkLookup finds each header by its name, in any case.
func checkLookup(t *testing.T, e *Event) {
	seen := map[string]bool{}
	e.All(func(name, value string) bool {
		lower := asciiLower(name)
		if !seen[lower] {
			seen[lower] = true
			if got, ok := e.Lookup(lower); !ok || got != value {
				t.Errorf("%q: %q, %v, want %q", lower, got, ok, value)
			}
		}
		return true
	})
}

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 0x20
		}
	}
	return string(b)
}

func equalReads(a, b []read) bool {
	return slices.EqualFunc(a, b, func(x, y read) bool {
		return x.Type == y.Type && x.Body == y.Body && slices.Equal(x.Fields, y.Fields)
	})
}

// FuzzPlain holds that a header comes out of a text/event-plain as it went in,
// whatever it holds, and that a text which is none is no more than lost.
func FuzzPlain(f *testing.F) {
	for _, value := range []string{"", "+OK\n", "Alice \"A\" <sip:+12025550100@example.net>;tag=1", "100%", "%4", "%zz", "a+b", "\x00\r\n\xff é", "_undef_"} {
		f.Add("variable_x", value, "")
	}
	f.Add("Content-Length", "3", "abcd")
	f.Fuzz(func(t *testing.T, name, value, text string) {
		var e Event
		raw := []byte(name + ": " + url.PathEscape(value) + "\n\n" + text)
		if err := e.readPlain(raw); err == nil {
			checkLookup(t, &e)
		}
		if name == "" || strings.ContainsAny(name, ":\r\n") || equalFold(name, "Content-Length") || len(name) > maxName {
			return
		}
		want := value
		if value == undefined {
			want = "" // the one value that can't be told from none
		}
		if err := e.readPlain([]byte(name + ": " + url.PathEscape(value) + "\n\n")); err != nil || e.Get(name) != want {
			t.Errorf("%q: %q: %q, %v", name, value, e.Get(name), err)
		}
	})
}

// FuzzJSON holds the reading of a text/event-json against encoding/json.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":"b"}`, ` { "a" : "\u00e9\ud83d\ude00\ud800" , "_body" : "x\ny" } `, `{"a":["b","c"],"d":[]}`,
		`{"a":"b","a":"c","A":"d"}`, `{"a":1}`, `{"a":"\u12"}`, "{\"a\":\"\xff\"}", `{"a":"\uD83D\uDE00","b":["\u0000"]}`, `{"_body":["x"]}`,
	} {
		f.Add([]byte(s))
	}
	stream := session(f, "05-bgapi-json")
	at := bytes.IndexByte(stream, '{')
	f.Add(stream[at : at+bytes.IndexByte(stream[at:], '}')+1])
	f.Fuzz(func(t *testing.T, text []byte) {
		var e Event
		err := e.readJSON(bytes.Clone(text))
		fields, body, ok := jsonObject(text)
		if long := func(f [2]string) bool { return len(f[0]) > maxName }; len(fields) > maxFields || slices.ContainsFunc(fields, long) {
			return
		}
		if ok != (err == nil) {
			t.Fatalf("%v; encoding/json reads it: %v", err, ok)
		}
		if err != nil || !utf8.Valid(text) { // encoding/json replaces what is not UTF-8
			return
		}
		got := readOf(&e)
		if !slices.Equal(got.Fields, fields) || got.Body != body {
			t.Errorf("%q %q, want %q %q", got.Fields, got.Body, fields, body)
		}
		checkLookup(t, &e)
	})
}

// jsonObject reads an object of strings and arrays of strings by
// encoding/json. ok is false for anything else.
func jsonObject(text []byte) (fields [][2]string, body string, ok bool) {
	if !json.Valid(text) {
		return nil, "", false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, "", false
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, "", false
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			return nil, "", false
		}
		switch v := value.(type) {
		case string:
			if name == bodyHeader {
				body = v
				continue
			}
			fields = append(fields, [2]string{name.(string), v})
		case []any:
			elements := make([]string, len(v))
			for i := range v {
				if elements[i], ok = v[i].(string); !ok {
					return nil, "", false
				}
			}
			fields = append(fields, [2]string{name.(string), arrayPrefix + strings.Join(elements, arraySeparator)})
		default:
			return nil, "", false
		}
	}
	return fields, body, true
}

// FuzzAppend holds that what the writer writes is one command, with what it was
// given, to who reads as the switch does, and that it writes nothing else.
func FuzzAppend(f *testing.F) {
	f.Add("api status", "Job-UUID", "x", "u", "set", "sip_reason=SIP;cause=603;text=\"v=analytics1\"", "body\n\nexit\n\n")
	f.Add("a\n\nexit", "a:b", "x\ny", "u\rv", "set\x00", "a=b\n\nexit\n\n", "\x00")
	f.Add("api \r", "content-length", "5", "", "", "", "")
	f.Add("\n", "", "", " ", " ", " ", " ")
	f.Fuzz(func(t *testing.T, command, name, value, uuid, app, arg, body string) {
		for what, c := range map[string]struct {
			write func([]byte) ([]byte, error)
			want  esltest.Command
		}{
			"command": {func(b []byte) ([]byte, error) { return AppendCommand(b, command, Header{name, value}) },
				esltest.Command{Line: command, Header: map[string]string{name: value}}},
			"sendmsg": {func(b []byte) ([]byte, error) { return AppendMsg(b, uuid, Msg{{name, value}}, body) },
				esltest.Command{Line: sendmsgLine(uuid), Header: map[string]string{name: value}, Body: body}},
			"execute": {func(b []byte) ([]byte, error) { return AppendExecute(b, uuid, app, arg, true) },
				esltest.Command{Line: sendmsgLine(uuid), Header: map[string]string{"execute-app-name": app, "event-lock": "true"}, Body: arg}},
		} {
			const before = "api before\n\n"
			got, err := c.write([]byte(before))
			if err != nil {
				if !errors.Is(err, ErrUnsafe) || string(got) != before {
					t.Errorf("%s: %q, %v", what, got, err)
				}
				continue
			}
			commands, err := esltest.Commands(got)
			if err != nil || len(commands) != 2 {
				t.Fatalf("%s: %q is %d commands, %v", what, got, len(commands), err)
			}
			is := commands[1]
			if is.Line != c.want.Line || is.Body != c.want.Body {
				t.Errorf("%s: %+v, want %+v", what, is, c.want)
			}
			for name, value := range c.want.Header {
				if got := is.Header[strings.ToLower(name)]; got != strings.TrimLeft(value, " ") {
					t.Errorf("%s: header %q: %q, want %q", what, name, got, value)
				}
			}
		}
	})
}

func sendmsgLine(uuid string) string {
	if uuid == "" {
		return "sendmsg"
	}
	return "sendmsg " + uuid
}
