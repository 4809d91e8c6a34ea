package integration

import (
	"testing"

	"ringfence/integration/rig"
)

// TestNativeLearned holds that nobody can take a good number out of service by
// calling it in a form that the carrier knows nothing of: only a call to the
// plain number teaches.
func TestNativeLearned(t *testing.T) {
	t.Parallel()
	const number, dead = "+12025552001", "12025559404"
	d := startDaemon(t)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, map[string]rig.Answer{dead: {Status: "404 Not Found"}})
	metric := func(name string) float64 {
		v, err := d.Metric(name)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	refuse := func(uri string) {
		t.Helper()
		// The carrier says 404 whatever stands in the Request-URI.
		if r := n.place(t, rig.Request{URI: uri, To: "<sip:" + dead + "@127.0.0.1>"}); r.Code != 404 {
			t.Errorf("%s: %s, want the carrier's 404", uri, r.Status)
		}
	}
	forms := []string{
		"sip:+1-202-555-2001@127.0.0.1", "sip:+1(202)5552001@127.0.0.1", "sip:+1.202.555.2001@127.0.0.1", "sip:%2B12025552001@127.0.0.1",
		"sip:+1202555200%31@127.0.0.1", "sip:+12025552001%3B9@127.0.0.1", "sip:+12025552001;ext=9@127.0.0.1", "sip:+12025552001;rn=+12025550000;npdi@127.0.0.1",
		"sip:+12025552001;phone-context=+1@127.0.0.1;user=phone", "sip:2001;phone-context=+1202555@127.0.0.1", "tel:+1-202-555-2001", "tel:+12025552001;ext=9",
	}
	for _, uri := range forms {
		refuse(uri)
	}
	eventually(t, "every outcome is reported", func() bool { return metric("ringfence_outcomes_total") >= float64(len(forms)) })
	if got := metric("ringfence_learned_entries"); got != 0 {
		t.Errorf("%v entries learned", got)
	}
	if r := n.place(t, rig.Request{URI: "sip:" + number + "@127.0.0.1"}); r.Code != 200 {
		t.Errorf("a call to the number: %s", r.Status)
	}

	// The host and parameters that a caller writes don't reach the carrier, which
	// judges the number as one of its own.
	refuse("sip:" + number + "@192.0.2.1;maddr=192.0.2.1;x=y?Subject=z")
	all := n.carrier.Requests("INVITE")
	if got, want := rig.FirstLine(all[len(all)-1]), "INVITE sip:"+number+"@"+n.carrier.Addr+" SIP/2.0"; got != want {
		t.Errorf("at the carrier: %s, want %s", got, want)
	}
	refuse("sip:" + number + "@127.0.0.1")
	eventually(t, "the plain number is learned", func() bool { return metric("ringfence_learned_entries") == 1 })
}
