package integration

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// digits are a message without what may stand between the digits of a number.
func digits(message []byte) string {
	return regexp.MustCompile(`[-. ()]|%2[0-9a-dA-D]`).ReplaceAllString(string(message), "")
}

// TestNativeWithhold holds that a withheld number stands nowhere in what the
// carrier gets, in whatever header and form it came, and that the caller itself
// notices nothing.
func TestNativeWithhold(t *testing.T) {
	t.Parallel()
	d := startScripted(t, func(rig.Question) (int, string) {
		return 200, rig.Lines("allow", "", "", "", "", "", "withhold", "")
	})
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, map[string]rig.Answer{"12025550201": {HangUp: true}})
	sdp := "v=0\r\no=13015550290 1 1 IN IP4 127.0.0.1\r\ns=call of 301-555-0290\r\np=+1 301 555-0290\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
	request := rig.Request{
		From: `"Joe 301.555.0290" <sip:+13015550290@127.0.0.1;user=phone>`,
		Headers: []string{
			"P-Asserted-Identity: \"Joe\" <sip:+13015550290@127.0.0.1>, <tel:+13015550290>",
			"P-Preferred-Identity: <tel:+1-301-555-0290>",
			"Remote-Party-ID: <sip:3015550290@127.0.0.1>;party=calling;privacy=off",
			"P-Charge-Info: <sip:3015550290@127.0.0.1>",
			"Identity: eyJhbGciOiJFUzI1NiJ9.eyJvcmlnIjp7InRuIjoiMTMwMTU1NTAyOTAifX0.c2ln;info=<https://cert.example.net/13015550290.pem>;alg=ES256",
			"y: eyJ0biI6IjEzMDE1NTUwMjkwIn0.sig;info=<https://cert.example.net/1.pem>",
			"Privacy: none",
			"Reply-To: <sip:13015550290@127.0.0.1>",
			"Call-Info: <https://example.net/(301)555-0290.png>;purpose=icon",
			"X-Account: 1 (301) 555-0290",
			"Subject: a call",
			"Contact: <sip:+13015550290@127.0.0.1:9999;transport=udp>;+sip.instance=\"<urn:uuid:13015550290>\"",
		},
		Body: sdp,
	}
	for range 150 {
		request.Headers = append(request.Headers, "X-Pad: a")
	}
	request.Headers = append(request.Headers, "X-Last: 3015550290")
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			request := request
			request.CallID = "withheld-" + network
			r := n.send(t, network, request.Bytes(), rig.PlaceOptions{Hold: true})
			if r.Code != 200 {
				t.Fatal(r.Status)
			}
			if _, err := r.Request("INVITE", "P-Asserted-Identity: <tel:+13015550290>"); err != nil {
				t.Error(err)
			}
			bye, err := r.HangUp()
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range append(r.Responses, bye) {
				if !strings.HasPrefix(rig.Header(m, "From"), request.From) {
					t.Errorf("the caller sees another From:\n%s", m)
				}
			}
		})
	}
	if got := len(n.carrier.Requests("INVITE")); got != 4 {
		t.Errorf("%d INVITEs at the carrier, want 4", got)
	}
	for _, name := range []string{"INVITE", "ACK", "BYE"} {
		for _, m := range n.carrier.Requests(name) {
			if strings.Contains(digits(m), "3015550290") {
				t.Errorf("the number is in what the carrier got:\n%s", m)
			}
			if f := rig.Header(m, "From"); !strings.HasPrefix(f, `"Anonymous" <sip:anonymous@anonymous.invalid>;tag=`) {
				t.Errorf("From of %s at the carrier: %s", name, f)
			}
		}
	}
	m := n.carrier.Requests("INVITE")[0]
	if _, body, _ := bytes.Cut(m, []byte("\r\n\r\n")); !bytes.HasPrefix(body, []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\np=+0\r\nc=IN")) {
		t.Errorf("session at the carrier: %q", body)
	}
	if rig.Header(m, "Privacy") != "id" || rig.Header(m, "Contact") != "<sip:anonymous@127.0.0.1:9999;transport=udp>" || rig.Header(m, "Subject") != "a call" {
		t.Errorf("at the carrier:\n%s", m)
	}

	// A call that claims to be within another one has no dialog to hide it.
	n.place(t, n.claimed(rig.Request{CallID: "claimed", From: `"Joe" ` + from("+13015550290"), Headers: []string{"P-Asserted-Identity: <tel:+13015550290>"}}, n.carrier.Addr))
	if m, err := n.carrier.Await("claimed"); err != nil || strings.Contains(digits(m), "3015550290") || !strings.HasPrefix(rig.FirstLine(m), "INVITE sip:12025550200@") {
		t.Errorf("a call with a forged tag at the carrier (%v):\n%s", err, m)
	}

	// A caller without a number: only what names it goes.
	n.place(t, rig.Request{CallID: "alice", From: "<sip:alice@127.0.0.1>", Headers: []string{"P-Asserted-Identity: <sip:7@127.0.0.1>", "X-Seven: 7"}})
	if m, err := n.carrier.Await("alice"); err != nil || rig.Header(m, "X-Seven") != "7" || rig.Header(m, "P-Asserted-Identity") != "" || rig.Header(m, "Max-Forwards") == "" {
		t.Errorf("a caller without a number at the carrier (%v):\n%s", err, m)
	}

	// The callee hangs up: its BYE says To Anonymous, and finds the caller under its own name.
	r := n.send(t, "udp", rig.Request{From: from("13015550290"), URI: "sip:12025550201@127.0.0.1"}.Bytes(), rig.PlaceOptions{Hold: true})
	defer r.Close()
	got, err := r.AwaitRequest()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(rig.FirstLine(got), "BYE sip:caller@") || !strings.HasPrefix(strings.TrimSpace(rig.Header(got, "To")), from("13015550290")) {
		t.Errorf("the callee's BYE at the caller:\n%s", got)
	}
}

// TestNativeLabel holds that a label goes into a header that only ringfence
// sets and, where that is wanted, in front of the display name.
func TestNativeLabel(t *testing.T) {
	t.Parallel()
	d := startScripted(t, func(q rig.Question) (int, string) {
		if q.Caller() == spam {
			return 200, rig.Lines("allow", "", "", "", "", "Spam likely", "", "")
		}
		return 200, passes()
	})
	plain := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, nil)
	named := startNative(t, rig.KamailioOptions{Ringfence: d.Addr, Defines: map[string]string{"RINGFENCE_LABEL_NAME": "1"}}, nil)
	for _, c := range []struct {
		n         native
		from      string
		label, at string // the header and From at the carrier
	}{
		{plain, `"Joe" ` + from(spam), "Spam likely", `"Joe" ` + from(spam)},
		{plain, from("13015550299"), "", from("13015550299")},
		{named, `"Joe" ` + from(spam), "Spam likely", `"[Spam likely] Joe" ` + from(spam)},
		{named, `"J\"o\\e" ` + from(spam), "Spam likely", `"[Spam likely] Joe" ` + from(spam)},
		{named, from(spam), "Spam likely", `"[Spam likely]" ` + from(spam)},
		{named, "sip:" + spam + "@127.0.0.1", "Spam likely", `"[Spam likely]" ` + from(spam)},
		{named, `"Joe" ` + from("13015550299"), "", `"Joe" ` + from("13015550299")},
	} {
		before := len(c.n.carrier.Requests("INVITE"))
		r := c.n.place(t, rig.Request{From: c.from, Headers: []string{"X-Ringfence-Label: checked"}})
		if r.Code != 200 || !strings.HasPrefix(rig.Header(r.Final, "From"), c.from) {
			t.Errorf("%s: the caller sees\n%s", c.from, r.Final)
		}
		m := c.n.carrier.Requests("INVITE")[before]
		if rig.Header(m, "X-Ringfence-Label") != c.label || bytes.Contains(m, []byte("checked")) || !strings.HasPrefix(rig.Header(m, "From"), c.at+";tag=") {
			t.Errorf("%s: at the carrier\n%s", c.from, m)
		}
	}
}

// TestNativeDivert holds that a diverted call goes to its target and nowhere
// else, whatever way the caller wants it to go.
func TestNativeDivert(t *testing.T) {
	t.Parallel()
	target, err := rig.StartCarrier(nil)
	if err != nil {
		t.Fatal(err)
	}
	stops(t, "target", target.Stop)
	d := startScripted(t, func(rig.Question) (int, string) {
		return 200, rig.Lines("divert", "", "", "", "", "", "", "sip:challenge@"+target.Addr)
	})
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, nil)
	elsewhere := "Route: <sip:" + n.carrier.Addr + ";lr>"
	for name, request := range map[string]rig.Request{
		"ordinary":          {},
		"a preloaded Route": {Headers: []string{elsewhere}},
		"a forged tag":      n.claimed(rig.Request{}, n.carrier.Addr),
		"both":              n.claimed(rig.Request{Headers: []string{"Route: <sip:" + n.Addr + ";lr>, <sip:" + n.carrier.Addr + ";lr>"}}, n.carrier.Addr),
	} {
		request.CallID = strings.ReplaceAll(name, " ", "-")
		if r := n.place(t, request); r.Code != 200 {
			t.Errorf("%s: %s", name, r.Status)
		}
		m, err := target.Await(request.CallID)
		if err != nil {
			t.Fatal(err)
		}
		if got := rig.FirstLine(m); got != "INVITE sip:challenge@"+target.Addr+" SIP/2.0" || rig.Header(m, "Route") != "" {
			t.Errorf("%s: at the target\n%s", name, m)
		}
	}
	if got := len(target.Requests("BYE")); got != 4 {
		t.Errorf("%d BYEs at the target, want 4", got)
	}
	if len(n.carrier.Requests("INVITE")) != 0 {
		t.Error("the carrier got the call too")
	}
}
