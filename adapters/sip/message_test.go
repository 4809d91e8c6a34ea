package sip

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// request is a request around the header lines, which may end in LF alone.
func request(lines ...string) string {
	return "INVITE sip:+12025550142@example.net SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n" +
		"Call-ID: c1\r\n" + "CSeq: 1 INVITE\r\n" +
		strings.Join(lines, "\r\n") + "\r\n\r\n"
}

const from = "From: <sip:+12025550100@example.com>;tag=a"

func TestParseErrors(t *testing.T) {
	good := request(from)
	for _, c := range []struct {
		name, raw string
		want      error
	}{
		{"good", good, nil},
		{"empty", "", ErrNotRequest},
		{"line breaks alone", "\r\n\r\n", ErrNotRequest},
		{"no SIP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ErrNotRequest},
		{"JSON", `{"from": "+12025550142"}`, ErrNotRequest},
		{"response", "SIP/2.0 200 OK\r\nCall-ID: a\r\nFrom: sip:a@b\r\n\r\n", ErrNotRequest},
		{"two words", "INVITE SIP/2.0\r\n\r\n", ErrNotRequest},
		{"method of quotes", `"INVITE" sip:a@b SIP/2.0` + "\r\n\r\n", ErrNotRequest},
		{"leading line breaks", "\r\n\n\r\n" + good, nil},
		{"LF alone", strings.ReplaceAll(good, "\r\n", "\n"), nil},
		{"cut in the first line", "INVITE sip:a@b SIP/2.0", ErrCut},
		{"cut before the blank line", good[:len(good)-2], ErrCut},
		{"cut in a header", good[:len(good)-9], ErrCut},
		{"cut in a folded header", strings.TrimSuffix(good, "\r\n") + " ;x=y", ErrCut},
		{"cut after the blank line's CR", good[:len(good)-1], ErrCut},
		{"NUL in a header", request(from, "Subject: a\x00b"), ErrNUL},
		{"NUL in the body", good + "\x00", ErrNUL},
		{"CR for a line break", request("To: <sip:a@b>\r" + from), ErrCR},
		{"CR for a blank line", request(from, "\r"+from), ErrCR},
		{"CR in a value", request(from, "Subject: a\rb"), ErrCR},
		{"CR in a folded value", request(from, "Subject: a\r", " b"), ErrCR},
		{"CR in the first line", strings.Replace(good, " SIP", "\r SIP", 1), ErrCR},
		{"CR twice", strings.Replace(good, "\r\n", "\r\r\n", 1), ErrCR},
		{"CR for a line break, LF alone for another", strings.Replace(request("To: <sip:a@b>\r"+from), "\r\n", "\n", 1), ErrCR},
		{"CR in the body", good + "a\rb\r", nil},
		{"CR before the request", "\r\r\n" + good, nil},
		{"no From", request("To: sip:a@b"), ErrNoFrom},
		{"From after the headers", request("To: sip:a@b") + from + "\r\n\r\n", ErrNoFrom},
		{"empty From", request("From:"), ErrNoFrom},
		{"broken From", request("From: <<<"), nil},
		{"no Call-ID", strings.Replace(good, "Call-ID", "Call-IE", 1), ErrNoCallID},
		{"empty Call-ID", strings.Replace(good, "c1", " ", 1), ErrNoCallID},
		{"lines without a colon", request("rubbish", from, "", "more"), nil},
		{"folded first line", strings.Replace(good, "SIP/2.0\r\n", "SIP/2.0\r\n more\r\n", 1), nil},
	} {
		var m Message
		if err := m.Parse(c.raw); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	var m Message
	raw := request(
		"f: \"A. \\\"Bell\\\", Jr.\" <sips:%2B1202555010%30:secret@[2001:db8::1]:5061;user=phone?x=y>;tag=t1",
		"T: <tel:7042;phone-context=+1914555;x=y>",
		"p-asserted-identity: \"One, two\" <sip:+12025550101@a.example>,",
		"\t<tel:+1-202-555-0102;verstat=TN-Validation-Passed>, <sip:third@a.example>",
		"Privacy: id ;user",
		"PRIVACY: critical",
		"Remote-Party-ID: <sip:called@x>;party=called",
		"remote-party-id: \"R\" <sip:+12025550103@x>;party=Calling;privacy=full",
		"Diversion: <tel:+12025550104>;reason=unconditional,<tel:+12025550105>",
		"History-Info: <sip:ignored@x>;index=1",
		"user-AGENT:  Phone 1.0 ",
		"Priority: psap-callback",
		"y: eyJ1;info=<https://c.example/a.pem>",
		"Identity: second",
		"X-Empty:",
		"X-Folded : one\r\n two\r\n\t three ",
		"Authorization: Digest username=\"a\", response=\"r1\"",
		"PROXY-Authorization: Digest response=\"r2\"",
		"proxy-authorization : Digest response=\"r3\"",
	)
	if err := m.Parse(raw); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"from":      show(m.From.Display, m.From.URI),
		"tag":       m.FromTag,
		"to":        show(m.To.Display, m.To.URI),
		"pai0":      show(m.Asserted[0].Display, m.Asserted[0].URI),
		"pai1":      show(m.Asserted[1].Display, m.Asserted[1].URI),
		"privacy":   m.Privacy,
		"rpid":      show(m.RemoteParty.Display, m.RemoteParty.URI),
		"diversion": show("", m.Diversion.URI),
		"agent":     m.UserAgent,
		"priority":  m.Priority,
	}
	want := map[string]string{
		"from":      `A. "Bell", Jr.|sips +12025550100|[2001:db8::1]`,
		"tag":       "t1",
		"to":        "|tel 7042|",
		"pai0":      "One, two|sip +12025550101|a.example",
		"pai1":      "|tel +1-202-555-0102|",
		"privacy":   "id;user;critical",
		"rpid":      "R|sip +12025550103|x",
		"diversion": "|tel +12025550104|",
		"agent":     "Phone 1.0",
		"priority":  "psap-callback",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("-want +got\n", diff)
	}
	if v, ok := m.RemoteParty.Param("privacy"); v != "full" || !ok {
		t.Errorf("privacy of the remote party is %q, %v", v, ok)
	}
	for _, c := range []struct {
		name, want string
		ok         bool
	}{
		{"Identity", "eyJ1;info=<https://c.example/a.pem>", true},
		{"Y", "eyJ1;info=<https://c.example/a.pem>", true},
		{"to", "<tel:7042;phone-context=+1914555;x=y>", true},
		{"x-empty", "", true},
		{"X-FOLDED", "one two three", true},
		{"Privacy", "id ;user", true},
		{"X-None", "", false},
		{"", "", false},
		{"q", "", false},
		{"Authorization", "", false},
		{"Proxy-Authorization", "", false},
		{"proxy-authorization", "", false},
		{"AUTHORIZATION", "", false},
	} {
		if got, ok := m.Header(c.name); got != c.want || ok != c.ok {
			t.Errorf("Header(%q) is %q, %v; want %q, %v", c.name, got, ok, c.want, c.ok)
		}
	}
	m.Reset()
	if diff := cmp.Diff(reading{URI: "||", From: "||", To: "||"}, readingOf(&m)); diff != "" {
		t.Error("after Reset: -want +got\n", diff)
	}
	if _, ok := m.Header("To"); ok {
		t.Error("a header is there after Reset")
	}
}

func TestCompactForms(t *testing.T) {
	for c, full := range compact {
		if full == "" {
			continue
		}
		var m Message
		name := string(rune(c))
		lines := []string{name + ": v" + name}
		if full != "From" {
			lines = append(lines, from)
		}
		if err := m.Parse(request(lines...)); err != nil {
			t.Fatal(name, err)
		}
		if full == "Via" || full == "Call-ID" {
			continue // the request has one before it
		}
		if got, _ := m.Header(full); got != "v"+name {
			t.Errorf("%s is %q for %s", full, got, name)
		}
	}
}

// TestFrom holds what callers write, honest and not.
func TestFrom(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{`<sip:+12025550100@a>`, "|sip +12025550100|a"},
		{`sip:+12025550100@a;tag=1`, "|sip +12025550100|a"},
		{`SIP:+12025550100@A`, "|sip +12025550100|A"},
		{`<tel:+1-202-555-0100;phone-context=x>`, "|tel +1-202-555-0100|"},
		{`tel:+12025550100;tag=1`, "|tel +12025550100|"},
		{`<urn:service:sos>`, "|urn |"},
		{`<sip:a.example>`, "|sip |a.example"},
		{`<sip:+12025550100>`, "|sip +12025550100|"},
		{`<sip:+12025550100:5060;user=phone?x=y>`, "|sip +12025550100|"},
		{`<sip:%2B12025550100>`, "|sip +12025550100|"},
		{`<sips:12025550100>`, "|sips 12025550100|"},
		{`<sip:192.0.2.1>`, "|sip |192.0.2.1"},
		{`<sip:192.0.2.1:5060;lr>`, "|sip |192.0.2.1"},
		{`<sip:2025550100.example>`, "|sip |2025550100.example"},
		{`<sip:@12025550100>`, "|sip |12025550100"},
		{`<sip:>`, "|sip |"},
		{`<tel:+12025550100:>`, "|tel +12025550100|"},
		{`<tel:+12025550100:x;y=z>`, "|tel +12025550100|"},
		{`<tel:+12025550100?x=y>`, "|tel +12025550100|"},
		{`<tel:?+12025550100>`, "|tel ?+12025550100|"},
		{`<tel:+12025550100@a>`, "|tel +12025550100|"},
		{`<tel:+1@202-555-0100>`, "|tel 202-555-0100|"},
		{`<tel:x:@2025550100;y=z>`, "|tel 2025550100|"},
		{`<tel:+1;x=y@2025550100?z>`, "|tel 2025550100|"},
		{`<tel:>`, "|tel |"},
		{`<sip:+1_202_555_0100@a>`, "|sip +1_202_555_0100|a"},
		{`<sip:+1202/5550100@a>`, "|sip +1202/5550100|a"},
		{`<sip:+12025550100%23@a>`, "|sip +12025550100#|a"},
		{`<sip:+1202%C2%A05550100@a>`, "|sip +1202\u00a05550100|a"},
		{`<sip:+12025550100%3B9@a>`, "|sip +12025550100;9|a"},
		{`<sip:[2001:db8::1]:5060>`, "|sip |[2001:db8::1]"},
		{`<sip:+12025550100;npdi;rn=+12025550000@a;user=phone>`, "|sip +12025550100|a"},
		{`<sip: +12025550100 @ a >`, "|sip +12025550100|a"},
		{`Anonymous <sip:anonymous@anonymous.invalid>`, "Anonymous|sip anonymous|anonymous.invalid"},
		{`"" <sip:b@a>`, "|sip b|a"},
		{`"<sip:good@a>" <sip:bad@a>`, "<sip:good@a>|sip bad|a"},
		{`"\"<sip:good@a>" <sip:bad@a>`, `"<sip:good@a>|sip bad|a`},
		{`"a\\" <sip:bad@a>`, `a\|sip bad|a`},
		{`""""" <sip:bad@a>`, `"""""|sip bad|a`},
		{`"never closed <sip:bad@a>;tag=1`, `"never closed|sip bad|a`},
		{`Smith, John <sip:bad@a>`, "Smith, John|sip bad|a"},
		{`O'Neill; Pat <sip:bad@a>`, "O'Neill; Pat|sip bad|a"},
		{`<sip:bad@a`, "|sip bad|a"},
		{`<sip:bad@a;tag=1`, "|sip bad|a"},
		{`sip:good@a, <sip:bad@a>`, "sip:good@a,|sip bad|a"},
		{`sip:good@a <sip:bad@a>`, "sip:good@a|sip bad|a"},
		{`,<sip:bad@a>`, ",|sip bad|a"},
		{`, <sips:bad@a>;tag=1`, ",|sips bad|a"},
		{`sip:bad:a,b@a`, "|sip bad|a"},
		{`sip:+12025550100,@a;tag=1`, "|sip +12025550100,|a"},
		{`sip:bad@a;x=<sip:good@a>;tag=1`, "|sip bad|a"},
		{`sip:bad@a;x="<sip:good@a>";tag=1`, "|sip bad|a"},
		{`sip:bad@a;<sip:good@a>tag=1`, "|sip bad|a"},
		{`SIPS:bad@a ; x=<sip:good@a>`, "|sips bad|a"},
		{`tel:+12025550100;x=<sip:good@a>`, "|tel +12025550100|"},
		{`urn:service:sos;x=<sip:good@a>`, "|urn |"},
		{`sip:good@a?x=<sip:bad@a>;tag=1`, "sip:good@a?x=|sip bad|a"},
		{`sip:bad@a?x;y=<sip:good@a>;tag=1`, "|sip bad|a"},
		{`sip:+12025550100;npdi@a;tag=1`, "|sip +12025550100|"},
		{`Re: you; me <sip:bad@a>`, "Re: you; me|sip bad|a"},
		{`<sip:b%40d@a>`, "|sip b@d|a"},
		{`<sip:%zz%4@a>`, "|sip %zz%4|a"},
		{`<sip:a%0d%0ab@a>`, "|sip a%0d%0ab|a"},
		{`<sip:%2b12025550100@a>`, "|sip +12025550100|a"},
		{`"no address"`, "||"},
		{`bob@example.com`, "||"},
		{`<>`, "||"},
		{`<<sip:b@a>>`, "||"},
		{`;tag=1`, "||"},
		{`*`, "||"},
	} {
		var a Address
		a.parse(c.value)
		if got := show(a.Display, a.URI); got != c.want {
			t.Errorf("%s is %s, want %s", c.value, got, c.want)
		}
	}
}

func TestAsserted(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  [2]string
	}{
		{"one", []string{"P-Asserted-Identity: <sip:a@x>"}, [2]string{"a", ""}},
		{"a list", []string{"P-Asserted-Identity: <sip:a@x>, <tel:+1>"}, [2]string{"a", "+1"}},
		{"repeated", []string{"P-Asserted-Identity: <sip:a@x>", "P-Asserted-Identity: <tel:+1>"}, [2]string{"a", "+1"}},
		{"without <>", []string{"P-Asserted-Identity: sip:a@x,tel:+1"}, [2]string{"a", "+1"}},
		{"commas inside", []string{`P-Asserted-Identity: "b, <sip:c@x>" <sip:a,d@x>,<tel:+1>`}, [2]string{"a,d", "+1"}},
		{"empty ones", []string{"P-Asserted-Identity: , ,<sip:a@x>,,", "P-Asserted-Identity:", "P-Asserted-Identity: <>,<tel:+1>"}, [2]string{"a", "+1"}},
		{"three", []string{"P-Asserted-Identity: <sip:a@x>, <tel:+1>, <tel:+2>"}, [2]string{"a", "+1"}},
	} {
		var m Message
		if err := m.Parse(request(append(c.lines, from)...)); err != nil {
			t.Fatal(c.name, err)
		}
		if got := [2]string{m.Asserted[0].URI.User, m.Asserted[1].URI.User}; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestDiversion(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"none", nil, ""},
		{"the first Diversion", []string{"Diversion: <sip:b@x>;reason=no-answer", "Diversion: <sip:a@x>"}, "b"},
		{"History-Info without a change of user", []string{"History-Info: <sip:a@x>;index=1, <sip:a@y>;index=1.1;rc=1"}, ""},
		{"mapped", []string{"History-Info: <sip:a@x>;index=1, <sip:b@x>;index=1.1;mp=1"}, "a"},
		{"mapped twice", []string{"History-Info: <sip:a@x>;index=1", "history-info: <sip:b@x>;index=1.1;mp=1,<sip:c@x>;index=1.1.1;mp=1.1"}, "b"},
		{"mapped from nowhere", []string{"History-Info: <sip:b@x>;index=1.1;mp=1"}, ""},
		{"Diversion wins", []string{"History-Info: <sip:a@x>;index=1, <sip:b@x>;index=1.1;mp=1", "Diversion: <tel:+1>"}, "+1"},
	} {
		var m Message
		if err := m.Parse(request(append(c.lines, from)...)); err != nil {
			t.Fatal(c.name, err)
		}
		if got := m.Diversion.URI.User; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestLinear parses requests that are made to be slow. Work that grew with the
// square of their size would take minutes.
func TestLinear(t *testing.T) {
	fill := func(prefix, unit, end string) string {
		return prefix + strings.Repeat(unit, (2<<20-len(prefix))/len(unit)) + end
	}
	head, tail := request(from)[:len(request(from))-2], "\r\n\r\n"
	for _, c := range []struct{ name, raw string }{
		{"headers", fill(head, "a:\n", tail)},
		{"folds", fill(head+"History-Info: ", "\n a", tail)},
		{"escaped quotes", fill(head+`History-Info: <a:b>;x="`, `\",<a:b>;x=`, tail)},
		{"escaped quotes in parameters", fill(head+`Remote-Party-ID: <sip:a@b>;x="`, `\";x=`, tail)},
		{"escaped quotes before <", fill(head+`Remote-Party-ID: "`, `\",a:b`, tail)},
		{"history", fill(head+"History-Info: ", "<sip:a@b>;index=1;mp=1,", tail)},
		{"history headers", fill(head, "History-Info:<sip:a@b>;mp=9\n", tail)},
		{"remote parties", fill(head, "Remote-Party-ID:<sip:a>;party=x\n", tail)},
		{"parameters of a remote party", fill(head+"Remote-Party-ID: ", "<sip:a>;party=x,", tail)},
		{"blanks before commas", head + "P-Asserted-Identity: a:," + strings.Repeat(" ", 1<<20) + "a" + strings.Repeat(",", 1<<20) + tail},
		{"semicolons before <", fill(head+"To: a:b", ";", "<sip:a@b>"+tail)},
		{"asserted", fill(head, "P-Asserted-Identity:,\n", tail)},
		{"empty From", fill(head, "From:\n", tail)},
		{"URI parameters", fill(head+`To: <sip:a@b;u="`, `\";u=`, ">"+tail)},
		{"privacy headers", fill(head, "Privacy:id\n", tail)},
		{"line breaks", fill("", "\r\n", head+tail)},
	} {
		var m Message
		start := time.Now()
		if err := m.Parse(c.raw); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		m.Header("X-None")
		m.Reset()
		if cap(m.fields) > keptFields {
			t.Errorf("%s: keeps room for %d fields", c.name, cap(m.fields))
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("%s: took %v", c.name, d)
		}
	}
}

// Wherever verstat stands, it is read; what only looks like it is not.
func TestVerstat(t *testing.T) {
	for address, want := range map[string]string{
		"<tel:+12025550142;verstat=TN-Validation-Passed>":                                "TN-Validation-Passed",
		"tel:+12025550142;VERSTAT=TN-Validation-Passed":                                  "TN-Validation-Passed",
		"<sip:+12025550142;verstat=TN-Validation-Failed@example.net;user=phone>;tag=x":   "TN-Validation-Failed",
		"<sip:+12025550142@example.net:5060;user=phone;verstat=No-TN-Validation>;tag=x":  "No-TN-Validation",
		"<sip:+12025550142@example.net>;tag=x;verstat=TN-Validation-Passed-A":            "TN-Validation-Passed-A",
		"sip:+12025550142@example.net;verstat=\"TN-Validation-Passed\";tag=x":            "TN-Validation-Passed",
		"<sip:+12025550142;verstat=TN-Validation-Passed:pw@example.net>":                 "TN-Validation-Passed",
		"<sip:+12025550142;verstat=TN-Validation-Passed@h;verstat=TN-Validation-Failed>": "TN-Validation-Passed,TN-Validation-Failed",
		"<sip:+12025550142;a=b; verstat = x ;verstat=y@h>":                               "x,y",
		"\"verstat=TN-Validation-Passed\" <sip:+12025550142@h;user=phone>":               "",
		"\";verstat=TN-Validation-Passed\" <sip:+12025550142@h>":                         "",
		"<sip:verstat=x@h>":                                            "",
		"<sip:+12025550142@h;verstats=x>":                              "",
		"<sip:+12025550142@h;user=phone?verstat=TN-Validation-Passed>": "",
		"<sip:+12025550142@h;verstat>":                                 "",
		"verstat=TN-Validation-Passed":                                 "",
		"":                                                             "",
	} {
		var m Message
		if err := m.Parse(request("From: <sip:a@b>;tag=1", "Call-ID: x", "P-Asserted-Identity: "+address)); err != nil {
			t.Fatal(err)
		}
		if got := m.Asserted[0].Verstat(); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestAttestation(t *testing.T) {
	for _, tt := range []struct {
		lines []string
		want  string
	}{
		{nil, ""},
		{[]string{"P-Attestation-Indicator: A"}, "A"},
		{[]string{"attestation-info:  B "}, "B"},
		{[]string{"P-Attestation-Indicator: A", "X: y", "Attestation-Info: C", "P-ATTESTATION-INDICATOR: B"}, "A,C,B"},
		{[]string{"X-Attestation-Info: A"}, ""},
	} {
		var m Message
		if err := m.Parse(request(append([]string{"From: <sip:a@b>;tag=1", "Call-ID: x"}, tt.lines...)...)); err != nil {
			t.Fatal(err)
		}
		if m.Attestation != tt.want {
			t.Errorf("%q: %q, want %q", tt.lines, m.Attestation, tt.want)
		}
	}
}
