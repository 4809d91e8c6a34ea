package esl

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestLookupNames(t *testing.T) {
	names := []string{"a", "B", "Job-UUID", "variable_sip_h_X-Y", "variable_sip_i_x_y", "[", "{", "Ünï", "_______@", "_______`"}
	var in strings.Builder
	for _, n := range names {
		in.WriteString(n + ": of " + n + "\n")
	}
	var e Event
	if err := NewDecoder(strings.NewReader(in.String()+"\n"), 0).Decode(&e); err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if got := e.Get(n); got != "of "+n {
			t.Errorf("%s: %q", n, got)
		}
	}
	if got := e.Get("VARIABLE_SIP_H_x-y"); got != "of variable_sip_h_X-Y" {
		t.Errorf("another case: %q", got)
	}
	for _, none := range []string{"", "b ", "job-uuie", "ob-UUID", "\x5f______@", "ÜNÏ"} {
		if got, ok := e.Lookup(none); ok && !slices.Contains(names, none) {
			t.Errorf("%q finds %q", none, got)
		}
	}
}

func TestReply(t *testing.T) {
	for in, want := range map[string]string{
		"Content-Type: command/reply\nReply-Text: +OK\n\n":                             "",
		"Content-Type: command/reply\n\n":                                              "",
		"Content-Type: command/reply\nReply-Text: -ERR command not found\n\n":          "-ERR command not found",
		"Content-Type: api/response\nContent-Length: 22\n\n-ERR No such channel!\n":    "-ERR No such channel!",
		"Content-Type: api/response\nContent-Length: 15\n\n-USAGE: <uuid>\n":           "-USAGE: <uuid>",
		"Content-Type: api/response\nContent-Length: 17\n\nInvalid Gateway!\n":         "",
		jsonFrame(`{"Event-Name":"BACKGROUND_JOB","_body":"-ERR No such channel!\n"}`): "-ERR No such channel!",
	} {
		var e Event
		if err := NewDecoder(strings.NewReader(in), 0).Decode(&e); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := e.Reply(); err != nil {
			got = err.(*ReplyError).Text
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestUnmarshalJSON(t *testing.T) {
	text := []byte(`{"Event-Name":"CHANNEL_DATA","variable_x":"a\nb"}`)
	before := string(text)
	var e Event
	if err := json.Unmarshal(text, &e); err != nil || e.Get("variable_x") != "a\nb" || string(text) != before {
		t.Errorf("%v, %q from %s", err, e.Get("variable_x"), text)
	}
	if err := e.UnmarshalJSON([]byte("-ERR No such channel!\n")); err == nil || e.Name() != "" {
		t.Errorf("%v, %q, want an error and nothing read", err, e.Name())
	}
}
