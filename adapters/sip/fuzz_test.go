package sip

import (
	"path/filepath"
	"strings"
	"testing"
)

// invite is an ordinary INVITE of 700 bytes, but for its body.
const invite = "INVITE sip:+12025550142@sbc.example.net:5060;user=phone SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bK-524287-1---5d3b8a1c9e0f\r\n" +
	"Max-Forwards: 69\r\n" +
	"Contact: <sip:+12025550100@192.0.2.10:5060;transport=udp>\r\n" +
	"To: <sip:+12025550142@sbc.example.net;user=phone>\r\n" +
	"From: \"Example Caller\" <sip:+12025550100@carrier.example.com;user=phone>;tag=8f1b2c3d\r\n" +
	"Call-ID: 5b1f0c77e2a94d0f8a3c1e6b@192.0.2.10\r\n" +
	"CSeq: 101 INVITE\r\n" +
	"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE\r\n" +
	"P-Asserted-Identity: <sip:+12025550100@carrier.example.com;user=phone>\r\n" +
	"User-Agent: Example SBC 4.2\r\n" +
	"Content-Type: application/sdp\r\n" +
	"Content-Length: 0\r\n\r\n"

// FuzzParse holds what must be so of any input: no panic, and no error or
// attribute that could mislead a reader of the answer.
func FuzzParse(f *testing.F) {
	f.Add(invite)
	for _, c := range torture {
		f.Add(tortureFile(f, c.file))
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var m, again Message
		err := m.Parse(raw)
		if again.Parse(raw) != err {
			t.Fatal("two readings differ in their error")
		}
		if err != nil {
			return
		}
		if readingOf(&m) != readingOf(&again) {
			t.Fatal("two readings differ")
		}
		if strings.IndexByte(raw, 0) >= 0 {
			t.Error("a NUL was let pass")
		}
		if s := m.From.params + m.From.URI.User + m.UserAgent + m.CallID; strings.IndexByte(s, '\r') >= 0 {
			t.Errorf("a CR was let pass: %q", s)
		}
		if m.CallID == "" || m.Method == "" || m.RequestURI == "" {
			t.Errorf("missing: %+v", readingOf(&m))
		}
		for _, name := range []string{"Authorization", "proxy-authorization"} {
			if v, ok := m.Header(name); ok || v != "" {
				t.Errorf("%s is readable: %q", name, v)
			}
		}
		for _, a := range []*Address{&m.From, &m.To, &m.Asserted[0], &m.Asserted[1], &m.RemoteParty, &m.Diversion} {
			if a.IsZero() && *a != (Address{params: a.params}) {
				t.Errorf("an absent address has parts: %+v", a)
			}
		}
		single := []string{m.CallID, m.FromTag, m.Privacy, m.UserAgent, m.Priority, m.From.Display, m.From.URI.User, m.From.URI.Host}
		for _, s := range single {
			if strings.IndexByte(s, '\n') >= 0 {
				t.Errorf("a line break in an attribute: %q", s)
			}
		}
		// What switches tell apart by line ends alone is one request.
		if !strings.Contains(raw, "\r") {
			var crlf Message
			if err := crlf.Parse(strings.ReplaceAll(raw, "\n", "\r\n")); err != nil || readingOf(&crlf) != readingOf(&m) {
				t.Errorf("with CRLF: error %v, %+v; with LF %+v", err, readingOf(&crlf), readingOf(&m))
			}
		}
	})
}

// FuzzAddress holds that an address written properly is read as it was meant,
// whatever its display name.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"", "Alice", `a "b" <sip:c@d>`, `\`, `\\"`, "a,b;c", "%41"} {
		f.Add(s)
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, display string) {
		var a Address
		l := list{rest: `"` + quote.Replace(display) + `" <sip:+12025550100@example.com>;tag=t, <sip:other@x>`, separator: ','}
		l.address(&a)
		if a.Display != display || a.URI.User != "+12025550100" || a.URI.Host != "example.com" {
			t.Errorf("%q is %+v", display, a)
		}
		if tag, _ := a.Param("tag"); tag != "t" {
			t.Errorf("%q: tag %q", display, tag)
		}
		// Nothing that follows a URI and its ";" is another address.
		a.parse("sip:+12025550100@example.com;x=" + display)
		if a.URI.User != "+12025550100" || a.URI.Host != "example.com" {
			t.Errorf("%q for a parameter: %+v", display, a)
		}
		u := ParseURI(display)
		if u.Scheme == NoScheme && u != (URI{}) {
			t.Errorf("no URI has parts: %+v", u)
		}
	})
}

// TestSeeds tells when the committed seeds of the fuzz targets are gone.
func TestSeeds(t *testing.T) {
	for _, target := range []string{"FuzzParse", "FuzzAddress"} {
		if seeds, _ := filepath.Glob(filepath.Join("testdata", "fuzz", target, "*")); len(seeds) == 0 {
			t.Errorf("%s has no committed seed", target)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.SetBytes(int64(len(invite)))
	b.ReportAllocs()
	var m Message
	for b.Loop() {
		if err := m.Parse(invite); err != nil {
			b.Fatal(err)
		}
		m.Reset()
	}
}
