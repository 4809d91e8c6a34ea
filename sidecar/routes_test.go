package sidecar

import (
	"net/url"
	"strings"
	"testing"
)

// TestRoutes holds that the decision listener serves Kamailio and FreeSWITCH, each
// with its own limit, from the same rules.
func TestRoutes(t *testing.T) {
	d := launch(t, nil)
	post := func(path, body string) (int, string) {
		t.Helper()
		answer, err := d.web.Post("http://"+d.p.Addr().String()+path, "application/x-www-form-urlencoded", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, d.read(answer)
	}
	call := url.Values{
		"section": {"dialplan"}, "Caller-Direction": {"inbound"}, "Hunt-Context": {"public"}, "Hunt-Destination-Number": {callee},
		"variable_sip_call_id": {newCallID()}, "variable_sip_network_ip": {"192.0.2.1"}, "variable_sip_full_from": {"<sip:" + spam + "@example.net>"},
		"variable_sip_req_user": {callee}, "variable_sip_req_host": {"example.net"}, "variable_sip_req_uri": {callee + "@example.net"},
	}.Encode()
	long := call + "&variable_sip_h_X-Padding=" + strings.Repeat("%7B", 100_000)
	for _, c := range []struct {
		path, body string
		code       int
		want       string
	}{
		{"/freeswitch/call?" + call, "", 200, "\x1fringfence_status=603\x1fringfence_phrase=Network Blocked\x1f"},
		{"/freeswitch/dialplan", call, 200, `<action application="respond" data="603 Network Blocked"/>`},
		{"/freeswitch/dialplan", long, 200, `<action application="respond" data="603 Network Blocked"/>`},
		{"/freeswitch/elsewhere", "", 404, "ringfence: no such path"},
		{"/kamailio/call", long, 413, "ringfence: the request is larger"},
		{"/kamailio/elsewhere", "", 404, "ringfence: no such path"},
	} {
		if code, got := post(c.path, c.body); code != c.code || !strings.Contains(got, c.want) {
			t.Errorf("%.40s with %d bytes: %d %.300q, want %d %q", c.path, len(c.body), code, got, c.code, c.want)
		}
	}
	if got, want := d.p.Status().Calls, (CallCounts{Blocked: 3}); got != want {
		t.Errorf("calls %+v, want %+v", got, want)
	}
	if _, metrics := d.get("/metrics"); !strings.Contains(metrics, `ringfence_calls_total{action="block",adapter="freeswitch-http"} 3`) {
		t.Error("the metrics do not count them")
	}
}
