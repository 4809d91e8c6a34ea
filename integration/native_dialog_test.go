package integration

import (
	"strings"
	"testing"
	"time"

	"ringfence/integration/rig"
)

// claimed makes a request look like one within a call: a tag in To, which
// anybody can write, and a route through this Kamailio to the carrier.
func (n native) claimed(r rig.Request, host string) rig.Request {
	r.URI = "sip:12025550200@" + host
	r.To = "<sip:12025550200@127.0.0.1>;tag=forged"
	r.Headers = append(r.Headers, "Route: <sip:"+n.Addr+";lr>")
	return r
}

// TestNativeClaimedDialog holds that a tag in To is no way past: an INVITE of a
// call that Kamailio doesn't know is asked about like a new one.
func TestNativeClaimedDialog(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, map[string]rig.Answer{"12025550202": {Silent: true, Ring: true}})
	stopped(t, "a forged tag", n.place(t, n.claimed(rig.Request{From: from(listed)}, n.carrier.Addr)))

	// A call that only rings is none yet, whatever it has in common.
	first := rig.Request{From: from(good), URI: "sip:12025550202@127.0.0.1", CallID: "ringing"}.Bytes()
	tag := rig.Header(first, "From")[strings.Index(rig.Header(first, "From"), ";tag="):]
	rang := make(chan struct{})
	go func() {
		defer close(rang)
		_, _ = rig.Place("udp", n.Addr, first, rig.PlaceOptions{Source: outside, Limit: time.Second})
	}()
	if _, err := n.carrier.Await("ringing"); err != nil {
		t.Fatal(err)
	}
	second := string(n.claimed(rig.Request{From: from(listed), CallID: "ringing"}, n.carrier.Addr).Bytes())
	_, old, _ := strings.Cut(rig.Header([]byte(second), "From"), ">")
	second = strings.Replace(strings.Replace(second, old, tag, 1), "CSeq: 1 ", "CSeq: 2 ", 1)
	stopped(t, "a call that rings", n.send(t, "udp", []byte(second), rig.PlaceOptions{}))
	<-rang

	if got := n.carrier.Calls("12025550200"); got != 0 {
		t.Errorf("%d calls got through:\n%s", got, n.carrier.Requests("INVITE")[0])
	}
	if got := len(n.carrier.Requests("ACK")); got != 0 {
		t.Errorf("the carrier got %d ACKs of calls that it never saw:\n%s", got, n.carrier.Requests("ACK")[0])
	}
	if r := n.place(t, n.claimed(rig.Request{From: from(good)}, n.carrier.Addr)); r.Code != 200 {
		t.Errorf("a good caller whose call Kamailio has forgotten: %s", r.Status)
	}
}

// TestNativeWithinDialog holds that nobody asks about what is truly part of a
// call, whether that call was asked about or not.
func TestNativeWithinDialog(t *testing.T) {
	t.Parallel()
	const unlucky = "12025550777" // the stand-in fails when asked about it
	d := startScripted(t, func(q rig.Question) (int, string) {
		if q.Caller() == unlucky {
			return 500, ""
		}
		return blocksSpam(q)
	})
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, nil)
	for _, c := range []struct {
		name    string
		request rig.Request
		asked   int
	}{
		{"decided", rig.Request{}, 1},
		{"not decided", rig.Request{From: from(unlucky)}, 1},
		{"an emergency call", rig.Request{From: from(spam), URI: "sip:911@127.0.0.1"}, 0},
		{"an emergency call by name", rig.Request{From: from(spam), URI: "urn:service:sos"}, 0},
	} {
		asked := len(d.Asked())
		r := n.send(t, "udp", c.request.Bytes(), rig.PlaceOptions{Hold: true})
		if r.Code != 200 {
			t.Errorf("%s: %s", c.name, r.Status)
			continue
		}
		if m, err := r.Request("INVITE"); err != nil || !strings.HasPrefix(rig.FirstLine(m), "SIP/2.0 200") {
			t.Errorf("%s: an INVITE within it: %v\n%s", c.name, err, m)
		}
		if _, err := r.HangUp(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := len(d.Asked()) - asked; got != c.asked {
			t.Errorf("%s: asked %d times, want %d", c.name, got, c.asked)
		}
	}
	claimed := n.claimed(rig.Request{From: from(spam)}, n.carrier.Addr)
	claimed.URI = "sip:911@" + n.carrier.Addr
	if r := n.place(t, claimed); r.Code != 200 {
		t.Errorf("an emergency call of a dialog that Kamailio doesn't know: %s", r.Status)
	}
}
