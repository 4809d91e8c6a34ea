package freeswitch

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fasthttp"

	"ringfence/rules"
)

func httpOf(d Decider) *HTTP {
	return NewHTTP(d, HTTPOptions{Now: func() time.Time { return time.Unix(1_790_000_000, 0) }, Logger: slog.New(slog.DiscardHandler)})
}

// ask sends a request with a form for its body, if there is one.
func ask(h *HTTP, method, target, form string) *fasthttp.Response {
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.SetMethod(method)
	ctx.Request.SetRequestURI(target)
	if form != "" {
		ctx.Request.Header.SetContentType("application/x-www-form-urlencoded")
		ctx.Request.SetBodyString(form)
	}
	h.Handle(&ctx)
	return &ctx.Response
}

// lookup is what mod_xml_curl posts of a new call, with some fields in place of
// the usual ones; an empty one is left out.
func lookup(other map[string]string) string {
	fields := url.Values{}
	for name, value := range map[string]string{
		"section": "dialplan", "Caller-Direction": "inbound", "Caller-Destination-Number": "+12025550142", "Caller-Context": "public",
		"Hunt-Destination-Number": "+12025550142", "Hunt-Context": "public",
		"variable_sip_call_id": "5b1f0c77e2a94d0f@192.0.2.7", "variable_sip_from_tag": "8f1b2c3d", "variable_sip_network_ip": "192.0.2.7",
		"variable_sip_req_user": "+12025550142", "variable_sip_req_host": "sbc.example.net", "variable_sip_req_uri": "+12025550142@sbc.example.net",
		"variable_sip_full_from": `"Example Caller" <sip:+12025550199@carrier.example.com>;tag=8f1b2c3d`,
	} {
		fields.Set(name, value)
	}
	for name, value := range other {
		fields.Del(name)
		if value != "" {
			fields.Set(name, value)
		}
	}
	return fields.Encode()
}

var (
	httpBlock = rules.Verdict{
		Action: rules.Block, Why: rules.Analytics, Code: 603, Phrase: "Network Blocked", Rule: &rules.Rule{ID: "spam"},
		Reason: []byte(`SIP;cause=603;text="v=analytics1;url=https://redress.example.net/?a=b&c=d;id=0123456789abcdefghjk";location=RLN`),
	}
	httpDivert = rules.Verdict{Action: rules.Divert, Target: "sip:challenge@ivr.example.net;a=b"}
)

func TestHTTPAnswers(t *testing.T) {
	var said strings.Builder
	for _, c := range []struct {
		name  string
		v     rules.Verdict
		other map[string]string // fields
	}{
		{name: "allow"},
		{name: "label", v: rules.Verdict{Label: `Spam "likely" <&>`}},
		{name: "withhold", v: rules.Verdict{Withhold: true}},
		{name: "divert", v: httpDivert},
		{name: "block", v: httpBlock},
		{name: "pacing", v: rules.Verdict{Action: rules.Block, Why: rules.Pacing, Code: 480, Phrase: "Temporarily Unavailable", Reason: []byte("Q.850;cause=42"), Retry: time.Minute}},
		{name: "emergency", v: rules.Verdict{Guard: rules.Emergency}},
		{name: "emergency service", v: rules.Verdict{Guard: rules.Emergency}, other: map[string]string{
			"variable_sip_req_user": "nobody", "variable_sip_req_host": "service", "variable_sip_req_port": "sos", "variable_sip_req_uri": "nobody@service:sos",
		}},
		{name: "a number of three words", other: map[string]string{"Hunt-Destination-Number": "900 XML internal"}},
		{name: "an option for a number", other: map[string]string{"Hunt-Destination-Number": "-bleg"}},
		{name: "no number", other: map[string]string{"Hunt-Destination-Number": ""}},
		{name: "a context of the caller's", other: map[string]string{"Hunt-Context": `a"><'b`}},
		{name: "a number of three words, blocked", v: httpBlock, other: map[string]string{"Hunt-Destination-Number": "900 XML internal"}},
		{name: "unwritable", v: rules.Verdict{Action: rules.Divert, Target: "sip:a\x01@example.net"}},
	} {
		h := httpOf(always(c.v))
		form := lookup(c.other)
		call, dialplan := ask(h, "GET", "/freeswitch/call?"+form, ""), ask(h, "POST", "/freeswitch/dialplan", form)
		fmt.Fprintf(&said, "# %s\n%d %s\n%d %s\n", c.name, call.StatusCode(), strings.TrimSpace(strings.ReplaceAll(string(call.Body()), "\x1f", "\n    ")),
			dialplan.StatusCode(), strings.ReplaceAll(string(dialplan.Body()), "<action", "\n    <action"))
		if posted := ask(h, "POST", "/freeswitch/call", form); string(posted.Body()) != string(call.Body()) {
			t.Errorf("%s: posted, it is answered %q", c.name, posted.Body())
		}
		actions(t, string(dialplan.Body()))
	}
	if *update {
		if err := os.WriteFile("testdata/http.golden", []byte(said.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/http.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), said.String()); diff != "" {
		t.Error(diff)
	}
}

// actions reads a document as a switch does, and tells what it has to do.
func actions(t testing.TB, document string) (all []run) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(document))
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in %q", err, document)
		}
		switch e := token.(type) {
		case xml.StartElement:
			depth++
			if e.Name.Local == "action" {
				if depth != 6 || len(e.Attr) != 2 {
					t.Fatalf("an action of its own in %q", document)
				}
				all = append(all, run{e.Attr[0].Value, e.Attr[1].Value})
			}
		case xml.EndElement:
			depth--
		}
	}
	return all
}

// TestHTTPOnce holds that only the first look-up of a call that comes in is one
// to decide.
func TestHTTPOnce(t *testing.T) {
	for name, other := range map[string]map[string]string{
		"decided before":        {"variable_ringfence_verdict": "allow"},
		"asked about":           {"variable_ringfence_verdict": "none"},
		"the shipped context":   {"Hunt-Context": "ringfence"},
		"a call that goes out":  {"Caller-Direction": "outbound"},
		"another section":       {"section": "directory"},
		"no call at all":        {"Hunt-Context": ""},
		"a call without SIP":    {"variable_sip_call_id": ""},
		"another configuration": {"section": "configuration", "Hunt-Context": "", "variable_sip_call_id": ""},
	} {
		h := httpOf(verdicts(func(*rules.Call) rules.Verdict {
			t.Errorf("%s: decided", name)
			return rules.Verdict{}
		}))
		if got := ask(h, "POST", "/freeswitch/dialplan", lookup(other)); string(got.Body()) != notFound || h.Counters().Unasked.Load() != 1 {
			t.Errorf("%s: %q", name, got.Body())
		}
	}
}

func TestHTTPFaults(t *testing.T) {
	h := httpOf(verdicts(func(*rules.Call) rules.Verdict { panic("index 12025550199") }))
	for _, c := range []struct {
		method, target string
		want           int
	}{
		{"POST", "/freeswitch/dialplan", 503},
		{"GET", "/freeswitch/call?" + lookup(nil), 503},
		{"PUT", "/freeswitch/call", 405},
		{"DELETE", "/freeswitch/dialplan", 405},
		{"GET", "/freeswitch/", 404},
		{"POST", "/freeswitch/calls", 404},
	} {
		got := ask(h, c.method, c.target, lookup(nil))
		if got.StatusCode() != c.want || !strings.HasPrefix(string(got.Body()), "ringfence: ") {
			t.Errorf("%s %s: %d %q, want %d", c.method, c.target, got.StatusCode(), got.Body(), c.want)
		}
		if allow := string(got.Header.Peek("Allow")); (allow != "") != (c.want == 405) {
			t.Errorf("%s %s: Allow is %q", c.method, c.target, allow)
		}
	}
	if n := h.Counters(); n.Panics.Load() != 2 || n.Misdirected.Load() != 4 || n.Allowed.Load() != 0 {
		t.Errorf("%d panics, %d misdirected, %d allowed", n.Panics.Load(), n.Misdirected.Load(), n.Allowed.Load())
	}
}

func TestHTTPCounts(t *testing.T) {
	for _, c := range []struct {
		v     rules.Verdict
		count func(*HTTPCounters) uint64
	}{
		{rules.Verdict{}, func(n *HTTPCounters) uint64 { return n.Allowed.Load() }},
		{httpBlock, func(n *HTTPCounters) uint64 { return n.Blocked.Load() }},
		{httpDivert, func(n *HTTPCounters) uint64 { return n.Diverted.Load() }},
		{rules.Verdict{Action: rules.Divert}, func(n *HTTPCounters) uint64 { return n.Unwritable.Load() }},
	} {
		h := httpOf(always(c.v))
		ask(h, "GET", "/freeswitch/call?"+lookup(nil), "")
		ask(h, "POST", "/freeswitch/dialplan", lookup(nil))
		if got := c.count(h.Counters()); got != 2 {
			t.Errorf("%s: %d, want 2", c.v.Action, got)
		}
	}
}

// TestHTTPKeepsCalls holds that the text of a call is its own: the next request
// takes the same room.
func TestHTTPKeepsCalls(t *testing.T) {
	var calls []rules.Call
	h := httpOf(verdicts(func(c *rules.Call) rules.Verdict {
		calls = append(calls, *c)
		return rules.Verdict{ID: decisionID}
	}))
	for _, user := range []string{"+12025550101", "+12025550102"} {
		ask(h, "POST", "/freeswitch/dialplan", lookup(map[string]string{"variable_sip_full_from": "<sip:" + user + "@example.net>"}))
	}
	if calls[0].From.User != "+12025550101" || calls[1].From.User != "+12025550102" {
		t.Errorf("%s and %s", calls[0].From.User, calls[1].From.User)
	}
}

func TestForm(t *testing.T) {
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetRequestURI("/freeswitch/call?a=1&b=&plus=%2B1")
	ctx.Request.Header.SetContentType("application/x-www-form-urlencoded")
	ctx.Request.SetBodyString("a=2&B=3&variable_sip_h_X-B%26c%3Dd=4")
	var f form
	f.read(&ctx)
	for name, want := range map[string]string{"a": "1", "b": "3", "plus": "+1", "VARIABLE_SIP_H_x-b&c=d": "4", "c": ""} {
		if got, ok := f.Lookup(name); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", name, got, ok, want)
		}
	}
	if f.reset(); f.text != "" || len(f.pairs) > 0 {
		t.Error("a form keeps text")
	}
	var large fasthttp.RequestCtx
	large.Request.SetRequestURI("/freeswitch/call?a=" + strings.Repeat("x", keptBytes+1))
	f.read(&large)
	if f.reset(); cap(f.bytes) > 0 {
		t.Errorf("a form keeps room for %d bytes", cap(f.bytes))
	}
}

// FuzzHTTPDialplan holds that nothing of a call makes more of a document than it
// should be: one action after the other, and a transfer to where the call was.
func FuzzHTTPDialplan(f *testing.F) {
	f.Add("+12025550142", "public", `"Alice" <sip:+12025550199@example.net>`)
	f.Add("900 XML internal", "public", `"${system(id)}" <sip:a@b>`)
	f.Add("^^:900:XML:internal", `"/><action application="system" data="id"/>`, "\x00\x1f'\\")
	f.Add("-both", "a b", "]]><!-- <X-PRE-PROCESS cmd=\"exec\" data=\"id\"/>")
	h := httpOf(verdicts(func(c *rules.Call) rules.Verdict {
		return rules.Verdict{ID: decisionID, Label: "Spam"}
	}))
	f.Fuzz(func(t *testing.T, number, context, from string) {
		body := string(ask(h, "POST", "/freeswitch/dialplan", lookup(map[string]string{
			"Hunt-Destination-Number": number, "Hunt-Context": context, "variable_sip_full_from": from,
		})).Body())
		todo := actions(t, body)
		if body == notFound {
			return
		}
		last := todo[len(todo)-1]
		switch {
		case !isPlain(number):
			if want := []run{{"respond", "400 Bad Request"}}; !slices.Equal(todo, want) {
				t.Errorf("%q", todo)
			}
		case last != run{"transfer", number + " XML " + context} || len(strings.Fields(last.arg)) != 3:
			t.Errorf("%q", todo)
		}
		for _, r := range todo[:len(todo)-1] {
			if r.app != "set" || strings.ContainsAny(r.arg, "$'\\^") {
				t.Errorf("%q", r)
			}
		}
	})
}
