package integration

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringfence/integration/rig"
)

const (
	listed  = "+13035550260" // lists/spam.csv
	good    = "+13015550299"
	peer    = "127.0.0.2"                                            // a trunk that is trusted for P-Asserted-Identity
	invalid = "603 Decline"                                          // no number that can call, or on no list that can be told
	unread  = "500 I'm terribly sorry, server error occurred (1/SL)" // Kamailio itself can't read it
)

// stopped fails the test unless the answer is that of the spam rule, with no
// header that the caller might have smuggled in.
func stopped(t testing.TB, what string, r *rig.Result) {
	t.Helper()
	if r.Status != "SIP/2.0 603 Network Blocked" || !strings.HasPrefix(r.Reason, `SIP;cause=603;text="v=analytics1;`) {
		t.Errorf("%s: %s, Reason %q", what, r.Status, r.Reason)
	}
	if bytes.Count(bytes.ToLower(r.Final), []byte("reason:")) != 1 || bytes.Contains(r.Final, []byte("X-Forged")) {
		t.Errorf("%s: forged headers in the answer:\n%s", what, r.Final)
	}
}

// TestNativeEvasion holds that a caller can neither get past the screening nor
// switch it off: the call is stopped, and so is an ordinary one after it.
func TestNativeEvasion(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, nil)
	pad := func(bytes int) []string {
		var lines []string
		for ; bytes > 0; bytes -= 500 {
			lines = append(lines, "X-Pad: "+strings.Repeat("a", min(bytes, 500)-9))
		}
		return lines
	}
	for _, c := range []struct {
		name    string
		network string // udp
		source  string // outside
		request rig.Request
		raw     func([]byte) []byte // what is done to the bytes
		status  string              // empty: the spam rule's
	}{
		{name: "60 KB by UDP", request: rig.Request{From: from(listed), Headers: pad(60_000)}},
		{name: "60 KB by TCP", network: "tcp", request: rig.Request{From: from(listed), Headers: pad(60_000)}},
		{name: "60 KB in the body", network: "tcp", request: rig.Request{From: from(listed), Body: rig.SDP + strings.Repeat("a=x\r\n", 12_000)}},
		{name: "60 KB above From", network: "tcp", request: rig.Request{From: from(listed)}, raw: func(b []byte) []byte {
			return bytes.Replace(b, []byte("From:"), []byte(strings.Join(pad(60_000), "\r\n")+"\r\nFrom:"), 1)
		}},
		{name: "100 KB by TCP", network: "tcp", request: rig.Request{From: from(listed), Headers: pad(100_000)}, status: "513 Message Too Large"},
		{name: "a NUL in a header", request: rig.Request{From: from(listed), Headers: []string{"Subject: a\x00b"}}, status: "400 Bad Request"},
		{name: "a NUL above From", request: rig.Request{From: from(listed)}, raw: func(b []byte) []byte {
			return bytes.Replace(b, []byte("From:"), []byte("Subject: a\x00b\r\nFrom:"), 1)
		}, status: "400 Bad Request"},
		{name: "a bare CR in a header", request: rig.Request{From: from(listed), Headers: []string{"Subject: a\rb"}}, status: "400 Bad Request"},
		{name: "a From behind a bare CR in To", request: rig.Request{From: from(good), To: "<sip:12025550200@127.0.0.1>\rFrom: " + from(listed) + ";tag=x"}, raw: func(b []byte) []byte {
			b, f := without(b, "From")
			return bytes.Replace(b, []byte("\r\n\r\n"), []byte("\r\n\r"+f+"\r\n\r\n"), 1)
		}, status: "400 Bad Request"},
		{name: "a NUL in the display name", request: rig.Request{From: "\"a\x00b\" " + from(listed)}, status: unread},
		{name: "a NUL in the body", request: rig.Request{From: from(listed), Body: rig.SDP + "a=\x00\r\n"}},
		{name: "listed in P-Asserted-Identity, clean From", source: peer, request: rig.Request{From: from(good), Headers: []string{"P-Asserted-Identity: " + from(listed)}}},
		{name: "clean P-Asserted-Identity, listed From", source: peer, request: rig.Request{From: from(listed), Headers: []string{"P-Asserted-Identity: " + from(good)}}},
		{name: "listed in the second P-Asserted-Identity", source: peer, request: rig.Request{From: from(good), Headers: []string{"P-Asserted-Identity: <sip:alice@127.0.0.1>, <tel:" + listed + ">"}}},
		{name: "listed in a P-Asserted-Identity that nobody trusts", request: rig.Request{From: from(good), Headers: []string{"P-Asserted-Identity: <tel:" + listed + ">"}}},
		{name: "listed in a Remote-Party-ID that nobody trusts", request: rig.Request{From: from(good), Headers: []string{"Remote-Party-ID: " + from(listed) + ";party=calling;privacy=off"}}},
		{name: "forged P-Asserted-Identity from an untrusted trunk", request: rig.Request{From: from(listed), Headers: []string{"P-Asserted-Identity: " + from(good)}}},
		{name: "a display name full of quotes", request: rig.Request{From: `"\"\"\" <sip:` + good + `@127.0.0.1> \"\\" ` + from(listed)}},
		{name: "a URI in the display name", request: rig.Request{From: `"<sip:` + good + `@127.0.0.1>;tag=1" ` + from(listed)}},
		{name: "a folded display name", request: rig.Request{From: "\"Joe\r\n Reason: X-Forged\r\n\t\" " + from(listed)}, status: unread},
		{name: "a header in the display name", request: rig.Request{From: "\"Joe\" \r\n " + from(listed), Headers: []string{"Reason: SIP;cause=200;text=\"X-Forged\""}}},
		{name: "a folded From", request: rig.Request{From: "\r\n\t" + from(listed)}},
		{name: "a compact From", request: rig.Request{From: from(listed)}, raw: func(b []byte) []byte { return bytes.Replace(b, []byte("From:"), []byte("f :"), 1) }},
		{name: "separators in the number", request: rig.Request{From: "<sip:+1(303)555-0260@127.0.0.1>"}},
		{name: "percent-encoded", request: rig.Request{From: "<sip:%2B1303555%30260@127.0.0.1>"}},
		{name: "a tel URI", request: rig.Request{From: "<tel:+1-303-555-0260>"}},
		{name: "user parameters", request: rig.Request{From: "<sip:" + listed + ";cpc=payphone@127.0.0.1;user=phone>"}},
		{name: "another URI in a parameter of From", request: rig.Request{From: "sip:" + listed + "@127.0.0.1;a=<sip:" + good + "@x>"}},
		{name: "a comma in the password", request: rig.Request{From: "sip:" + listed + ":a,b@127.0.0.1"}},
		{name: "a comma in the user", request: rig.Request{From: "sip:" + listed + ",@127.0.0.1"}, status: invalid},
		{name: "a comma as the display name", request: rig.Request{From: "," + from(listed)}},
		{name: "underscores in the number", request: rig.Request{From: "<sip:+1_303_555_0260@127.0.0.1>"}, status: invalid},
		{name: "a number sign behind the number", request: rig.Request{From: "<sip:+13035550260%23@127.0.0.1>"}, status: invalid},
		{name: "a slash in the number", request: rig.Request{From: "<sip:+1303/5550260@127.0.0.1>"}, status: invalid},
		{name: "a space of another alphabet in the number", request: rig.Request{From: "<sip:+1303%C2%A05550260@127.0.0.1>"}, status: invalid},
		{name: "a colon behind a tel number", request: rig.Request{From: "<tel:" + listed + ":>"}},
		{name: "the number in place of the host", request: rig.Request{From: "<sip:" + listed + ">"}},
		{name: "national format", request: rig.Request{From: "<sip:3035550260@127.0.0.1>"}},
		{name: "an account in the Request-URI", request: rig.Request{From: from(listed), URI: "sip:12025550200&account=boss&trunk=pbx-acme@127.0.0.1"}},
		{name: "a query in the Request-URI", request: rig.Request{From: from(listed), URI: "sip:12025550200@127.0.0.1;x=%26src%3d127.0.0.2?a=b&src=127.0.0.2"}},
		{name: "a long Request-URI", request: rig.Request{From: from(listed), URI: "sip:12025550200@127.0.0.1;x=" + strings.Repeat("&", 900)}},
		{name: "a longer Request-URI", request: rig.Request{From: from(listed), URI: "sip:12025550200@127.0.0.1;x=" + strings.Repeat("&", 4000)}, status: "414 Request-URI Too Long"},
		{name: "a credential that nobody checked", request: rig.Request{From: from(listed), Headers: []string{`Authorization: Digest username="boss",realm="x",nonce="x",uri="x",response="x"`}}},
		{name: "an emergency number before an escaped semicolon", request: rig.Request{From: from(listed), URI: "sip:911%3B2025550200@127.0.0.1"}},
		{name: "an emergency number in To", request: rig.Request{From: from(listed), To: "<sip:911@127.0.0.1>"}},
		{name: "a line end before the request line", request: rig.Request{From: from(listed)}, raw: func(b []byte) []byte { return append([]byte("\r\n\r\n"), b...) }},
		{name: "a Content-Length that lies", request: rig.Request{From: from(listed)}, raw: func(b []byte) []byte {
			return bytes.Replace(b, []byte("Content-Length: "), []byte("Content-Length: 1"), 1)
		}},
		{name: "a preloaded Route", request: rig.Request{From: from(listed), Headers: []string{"Route: <sip:" + n.carrier.Addr + ";lr>"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.network == "" {
				c.network = "udp"
			}
			b := c.request.Bytes()
			if c.raw != nil {
				b = c.raw(b)
			}
			r := n.send(t, c.network, b, rig.PlaceOptions{Source: c.source})
			switch {
			case c.status == "":
				stopped(t, c.name, r)
			case r.Status != "SIP/2.0 "+c.status:
				t.Errorf("%s, want %s", r.Status, c.status)
			}
			stopped(t, "the next call", n.place(t, rig.Request{From: from(listed)}))
		})
	}
	if got := len(n.carrier.Requests("INVITE")); got != 0 {
		t.Errorf("%d calls got through:\n%s", got, n.carrier.Requests("INVITE")[0])
	}
}

// TestNativeMalformed holds that no number of broken requests opens the breaker.
func TestNativeMalformed(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, nil)
	instead := func(b []byte, name, with string) []byte {
		b, _ = without(b, name)
		return bytes.Replace(b, []byte("CSeq:"), []byte(with+"CSeq:"), 1)
	}
	for _, c := range []struct {
		name   string
		broken func([]byte) []byte
		status string // empty: nothing comes back
	}{
		{"no From", func(b []byte) []byte { return instead(b, "From", "") }, ""},
		{"no Call-ID", func(b []byte) []byte { return instead(b, "Call-ID", "") }, ""},
		{"no CSeq", func(b []byte) []byte { b, _ = without(b, "CSeq"); return b }, ""},
		{"an empty From", func(b []byte) []byte { return instead(b, "From", "From: \r\n") }, unread},
		{"a broken From", func(b []byte) []byte { return instead(b, "From", "From: \"Joe <sip:@@>;;tag==\"\r\n") }, unread},
		{"a From without end", func(b []byte) []byte { return instead(b, "From", "From: <sip:"+listed+"@127.0.0.1;tag=x\r\n") }, unread},
		{"a NUL", func(b []byte) []byte { return instead(b, "From", "X: \x00\r\nFrom: <sip:1@x>;tag=x\r\n") }, "400 Bad Request"},
		{"cut in the headers", func(b []byte) []byte { return b[:len(b)/2] }, ""},
		{"no SIP", func([]byte) []byte { return []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n") }, ""},
		{"a header without a colon", func(b []byte) []byte { return instead(b, "Max-Forwards", "nothing here\r\n") }, ""},
		{"bytes that are no letters", func(b []byte) []byte { return instead(b, "Max-Forwards", "\xff\xfe\x01: \x7f\x80\r\n") }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := rig.PlaceOptions{Source: outside, Times: 5}
			if c.status == "" {
				o.Limit = 50 * time.Millisecond
			}
			r, err := rig.Place("udp", n.Addr, c.broken(rig.Request{From: from(listed)}.Bytes()), o)
			if got := strings.TrimPrefix(r.Status, "SIP/2.0 "); got != c.status {
				t.Errorf("the answer is %q (%v), want %q", got, err, c.status)
			}
			stopped(t, "the next call", n.place(t, rig.Request{From: from(listed)}))
			if r := n.place(t, rig.Request{From: from(good)}); r.Code != 200 {
				t.Errorf("a good call after it: %s", r.Status)
			}
		})
	}
}

// without takes a header line out of a request.
func without(request []byte, name string) (rest []byte, line string) {
	before, after, _ := bytes.Cut(request, []byte("\r\n"+name+":"))
	value, after, _ := bytes.Cut(after, []byte("\r\n"))
	return slices.Concat(before, []byte("\r\n"), after), name + ":" + string(value)
}

// TestNativeFlood holds that nobody gets past by numbers: more calls at once
// than may ask at once.
func TestNativeFlood(t *testing.T) {
	rig.Need(t, "sipp")
	d := startDaemon(t)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, nil)
	const calls = 4000
	l, err := rig.StartLoad(rig.LoadOptions{Scenario: "refused", To: n.Addr, Callee: "12025550200", Callers: []string{listed}, Rate: 400, Calls: calls})
	if err != nil {
		t.Fatal(err)
	}
	stops(t, "sipp", l.Stop)
	r, err := l.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(n.carrier.Requests("INVITE")); got != 0 || r.Succeeded != calls {
		t.Errorf("%d calls of %d were refused, %d got through", r.Succeeded, calls, got)
	}
	decided, err := d.Metric(`ringfence_calls_total{action="block",adapter="kamailio"}`)
	t.Logf("%s calls, p50 %s, p99 %s, slowest %s", fmt.Sprint(decided), r.Quantile(0.5), r.Quantile(0.99), r.Quantile(1))
	if err != nil || decided != calls {
		t.Errorf("%v calls decided (%v), want %d", decided, err, calls)
	}
}
