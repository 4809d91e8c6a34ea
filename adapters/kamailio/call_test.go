package kamailio

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/rules"
)

var callOptions = cmp.Options{
	cmpopts.IgnoreUnexported(rules.Call{}),
	cmpopts.EquateComparable(netip.Addr{}),
}

// want is the call of invite(clean) with everything that a request can hold.
func fullCall() rules.Call {
	return rules.Call{
		At:          testTime,
		CallID:      "5b1f0c77e2a94d0f8a3c1e6b@192.0.2.10",
		FromTag:     "8f1b2c3d",
		CSeq:        101,
		Source:      netip.MustParseAddr("192.0.2.7"),
		SourcePort:  5062,
		TrunkName:   "carrier-a",
		Upstream:    "carrier-b",
		Account:     "acme+7",
		RequestURI:  "sip:+12025550143@b.example;user=phone",
		RequestUser: "+12025550143",
		Domain:      "b.example",
		To:          rules.Identity{User: "+12025550142", Host: "sbc.example.net"},
		From:        rules.Identity{User: clean, Host: "carrier.example.com", Display: "Example Caller"},
		Asserted:    [2]rules.Identity{{User: "+12025550101", Host: "a.example", Display: "One, two"}, {User: "+12025550102", Tel: true, Verstat: "TN-Validation-Passed-A"}},
		RemoteParty: rules.Identity{User: "+12025550103", Host: "x"},
		Privacy:     "id;user",
		Diversion:   "+12025550104",
		UserAgent:   "Phone 1.0",
		Priority:    "urgent",
		Attestation: "A,B",
	}
}

const fullQuery = "?src=192.0.2.7&port=5062&ruri=sip:%2B12025550143%40b.example%3Buser%3Dphone&account=acme%2B7&trunk=carrier-a&upstream=carrier-b&other=%zz"

var fullRaw = invite(clean,
	`P-Asserted-Identity: "One, two" <sip:+12025550101@a.example>, <tel:+12025550102;verstat=TN-Validation-Passed-A>`,
	"P-Attestation-Indicator: A,B",
	"Remote-Party-ID: <sip:+12025550103@x>;party=calling",
	"Privacy: id;user",
	"Diversion: <tel:+12025550104>;reason=no-answer",
	"Identity: eyJ1",
	"User-Agent: Phone 1.0",
	"Priority: urgent",
	"X-Campaign: spring",
	"Authorization: Digest response=\"s3cret\"",
)

var fullForm = url.Values{
	"call_id":                        {"5b1f0c77e2a94d0f8a3c1e6b@192.0.2.10"},
	"cseq":                           {"101"},
	"from":                           {`"Example Caller" <sip:+12025550100@carrier.example.com;user=phone>;tag=8f1b2c3d`},
	"to":                             {"sip:+12025550142@sbc.example.net;user=phone"},
	"pai":                            {`"One, two" <sip:+12025550101@a.example>`, "<tel:+12025550102;verstat=TN-Validation-Passed-A>"},
	"rpid":                           {"+12025550103@x"},
	"privacy":                        {"id;user"},
	"diversion":                      {"<tel:+12025550104>;reason=no-answer"},
	"identity":                       {"eyJ1"},
	"user_agent":                     {"Phone 1.0"},
	"priority":                       {"urgent"},
	"header.X-Campaign":              {"spring"},
	"header.P-Attestation-Indicator": {"A,B"},
	"header.Authorization":           {`Digest response="s3cret"`},
	"unknown":                        {"x"},
}

const fullJSON = `{
	"call_id": "5b1f0c77e2a94d0f8a3c1e6b@192.0.2.10", "from_tag": "8f1b2c3d", "cseq": 101,
	"from": "\"Example Caller\" <sip:+12025550100@carrier.example.com>",
	"to": "sip:+12025550142@sbc.example.net",
	"pai": ["\"One, two\" <sip:+12025550101@a.example>", "tel:+12025550102;verstat=TN-Validation-Passed-A"],
	"rpid": "+12025550103@x", "privacy": "id;user", "diversion": "+12025550104",
	"identity": "eyJ1", "user_agent": "Phone 1.0", "priority": "urgent",
	"headers": {"X-Campaign": "spring", "P-Attestation-Indicator": "A,B", "proxy-authorization": "s3cret"}, "unknown": [1]
}`

// TestReadings holds that a raw, a form and a JSON request mean the same.
func TestReadings(t *testing.T) {
	routing := `"src": "192.0.2.7", "port": 5062, "ruri": "sip:+12025550143@b.example;user=phone", "account": "acme+7", "trunk": "carrier-a", "upstream": "carrier-b",`
	wrong := `"src": "x", "port": 1, "ruri": "sip:y@z", "account": "w", "trunk": "v", "upstream": "u",`
	withRouting := func(form url.Values) url.Values {
		all := url.Values{"src": {"192.0.2.7"}, "port": {"5062"}, "ruri": {"sip:+12025550143@b.example;user=phone"}, "account": {"acme+7"}, "trunk": {"carrier-a"}, "upstream": {"carrier-b"}}
		for k, v := range form {
			all[k] = v
		}
		return all
	}
	for _, c := range []struct{ name, query, kind, body string }{
		{"raw", fullQuery, sipType, fullRaw},
		{"raw without a type", fullQuery, "", fullRaw},
		{"raw of another type", fullQuery, "message/sip; charset=utf-8", fullRaw},
		{"form", fullQuery, formType, fullForm.Encode()},
		{"form with its own routing", "", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", withRouting(fullForm).Encode()},
		{"form against the query", fullQuery, formType, fullForm.Encode() + "&src=x&port=1&ruri=sip:y@z&account=w&trunk=v&upstream=u"},
		{"JSON", fullQuery, applicationJSON, fullJSON},
		{"JSON with its own routing", "", applicationJSON, strings.Replace(fullJSON, "{", "{"+routing, 1)},
		{"JSON against the query", fullQuery, applicationJSON, strings.Replace(fullJSON, "{", "{"+wrong, 1)},
	} {
		r := newRig(t, Options{})
		r.decider.headers = map[string]string{"Identity": "", "y": "", "x-campaign": "", "from": "", "Authorization": "none", "Proxy-Authorization": "none"}
		if a := r.post(t, callPath+c.query, c.kind, c.body); a.status != 200 {
			t.Errorf("%s: %d %q", c.name, a.status, a.body)
			continue
		}
		if diff := cmp.Diff(fullCall(), r.decider.lastCall(t), callOptions); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
		h := r.decider.headers
		if h["Identity"] != "eyJ1" || h["y"] != "eyJ1" || h["x-campaign"] != "spring" || !strings.Contains(h["from"], clean) {
			t.Errorf("%s: headers %q", c.name, h)
		}
		if h["Authorization"] != "none" || h["Proxy-Authorization"] != "none" {
			t.Errorf("%s: credentials are readable: %q", c.name, h)
		}
	}
}

func TestRouting(t *testing.T) {
	for _, c := range []struct {
		name, query string
		want        func(*rules.Call)
		bad         bool
	}{
		{"nothing", "", func(*rules.Call) {}, false},
		{"empty values", "?src=&port=&ruri=&account=&trunk=&upstream=", func(*rules.Call) {}, false},
		{"IPv6", "?src=2001:db8::1", func(c *rules.Call) { c.Source = netip.MustParseAddr("2001:db8::1") }, false},
		{"IPv6 in brackets", "?src=%5B2001:db8::1%5D", func(c *rules.Call) { c.Source = netip.MustParseAddr("2001:db8::1") }, false},
		{"IPv4 in IPv6", "?src=::ffff:192.0.2.7", func(c *rules.Call) { c.Source = loopback }, false},
		{"a host", "?src=localhost&port=5060", func(c *rules.Call) { c.SourcePort = 5060 }, true},
		{"a bad port", "?src=192.0.2.7&port=-1", func(c *rules.Call) { c.Source = loopback }, true},
		{"a plus in ruri", "?ruri=sip:+12025550143@b", func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "sip:+12025550143@b", "+12025550143", "b"
		}, false},
		{"an escaped user", "?ruri=sip:%252B12025550143%40b", func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "sip:%2B12025550143@b", "+12025550143", "b"
		}, false},
		{"tel", "?ruri=tel:%2B12025550143%3Bx=y", func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "tel:+12025550143;x=y", "+12025550143", ""
		}, false},
		{"urn", "?ruri=urn:service:sos", func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "urn:service:sos", "", ""
		}, false},
		{"a number", "?ruri=911", func(c *rules.Call) { c.RequestURI, c.RequestUser, c.Domain = "911", "911", "" }, false},
		{"a number with parameters", "?ruri=911%3Bphone-context=%2B1", func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "911;phone-context=+1", "911", ""
		}, false},
		{"a number at a host with parameters", "?ruri=911%3Bx@b%3By", func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "911;x@b;y", "911", "b"
		}, false},
		{"an escaped semicolon is the user's", "?ruri=sip:911%253B2025550143@b", func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "sip:911%3B2025550143@b", "911;2025550143", "b"
		}, false},
		{"a number for a host", "?ruri=sip:%2B12025550143", func(c *rules.Call) {
			c.RequestURI, c.RequestUser, c.Domain = "sip:+12025550143", "+12025550143", ""
		}, false},
		{"the first counts", "?trunk=a&trunk=b", func(c *rules.Call) { c.TrunkName = "a" }, false},
		{"a blank", "?account=a+b%20c", func(c *rules.Call) { c.Account = "a b c" }, false},
		{"what a query can't say", "?from=sip:x@y&call_id=z&%73rc=192.0.2.7&&=&src", func(c *rules.Call) { c.Source = loopback }, false},
	} {
		r := newRig(t, Options{})
		if a := r.post(t, callPath+c.query, sipType, invite(clean)); a.status != 200 {
			t.Errorf("%s: %d %q", c.name, a.status, a.body)
			continue
		}
		want := rules.Call{
			At: testTime, CallID: "5b1f0c77e2a94d0f8a3c1e6b@192.0.2.10", FromTag: "8f1b2c3d", CSeq: 101,
			RequestURI: "sip:+12025550142@sbc.example.net;user=phone", RequestUser: "+12025550142", Domain: "sbc.example.net",
			To:   rules.Identity{User: "+12025550142", Host: "sbc.example.net"},
			From: rules.Identity{User: clean, Host: "carrier.example.com", Display: "Example Caller"},
		}
		c.want(&want)
		if diff := cmp.Diff(want, r.decider.lastCall(t), callOptions); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
		if n := r.Counters().BadSource.Load(); (n == 1) != c.bad {
			t.Errorf("%s: %d bad sources counted", c.name, n)
		}
	}
}

// TestFromTag holds that from_tag counts only for a from without a tag.
func TestFromTag(t *testing.T) {
	for _, c := range []struct{ from, tag, want string }{
		{"+12025550100", "", ""},
		{"+12025550100", "a", "a"},
		{"<sip:+12025550100@b>;tag=b", "", "b"},
		{"<sip:+12025550100@b>;tag=b", "a", "b"},
		{"sip:+12025550100@b;tag=b", "a", "b"},
		{"<sip:+12025550100@b>;tag=", "a", "a"},
	} {
		form := url.Values{"from": {c.from}, "from_tag": {c.tag}, "call_id": {"1"}}.Encode()
		object := fmt.Sprintf(`{"from": %q, "from_tag": %q, "call_id": "1"}`, c.from, c.tag)
		for kind, body := range map[string]string{formType: form, applicationJSON: object} {
			r := newRig(t, Options{})
			if a := r.post(t, callPath, kind, body); a.status != 200 {
				t.Errorf("%s: %d %q", body, a.status, a.body)
				continue
			}
			if got := r.decider.lastCall(t).FromTag; got != c.want {
				t.Errorf("%s: tag %q, want %q", body, got, c.want)
			}
		}
	}
}

// TestBareAddresses holds what a form or JSON client may write for an address.
func TestBareAddresses(t *testing.T) {
	for _, c := range []struct {
		from string
		want rules.Identity
	}{
		{"+12025550100", rules.Identity{User: "+12025550100"}},
		{" 2025550100 ", rules.Identity{User: "2025550100"}},
		{"anonymous", rules.Identity{User: "anonymous"}},
		{"alice@example.com", rules.Identity{User: "alice", Host: "example.com"}},
		{"tel:+12025550100", rules.Identity{User: "+12025550100", Tel: true}},
		{`"A" <sip:b@c>`, rules.Identity{User: "b", Host: "c", Display: "A"}},
		{"x\r\nP-Asserted-Identity: <sip:b@c>", rules.Identity{User: "b", Host: "c", Display: "x  P-Asserted-Identity:"}},
		{"+1202\r\nPrivacy - x", rules.Identity{User: "+1202  Privacy - x"}},
	} {
		r := newRig(t, Options{})
		if a := r.post(t, callPath, formType, url.Values{"from": {c.from}, "call_id": {"1"}}.Encode()); a.status != 200 {
			t.Errorf("%q: %d %q", c.from, a.status, a.body)
			continue
		}
		got := r.decider.lastCall(t)
		if got.From != c.want || got.Asserted[0] != (rules.Identity{}) || got.RequestURI != "" || got.RequestUser != "" {
			t.Errorf("%q is %+v of %+v, want %+v", c.from, got.From, got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	r := newRig(t, Options{})
	for _, c := range []struct{ name, kind, body, want string }{
		{"empty", sipType, "", "not a SIP request"},
		{"cut", sipType, strings.TrimSuffix(invite(clean), "\r\n"), "ends before"},
		{"NUL", sipType, invite(clean) + "\x00", "NUL"},
		{"CR alone", sipType, strings.Replace(invite(clean), "\r\nFrom", "\rFrom", 1), "CR"},
		{"no From", sipType, strings.Replace(invite(clean), "From:", "Form:", 1), "no From"},
		{"no Call-ID", sipType, strings.Replace(invite(clean), "Call-ID:", "Call-XY:", 1), "no Call-ID"},
		{"form without from", formType, "call_id=1", "no From"},
		{"form without call_id", formType, "from=1", "no Call-ID"},
		{"form with a NUL", formType, "from=1&call_id=1&header.X=%00", "NUL"},
		{"raw as a form", formType, invite(clean), "no From"},
		{"JSON without from", applicationJSON, `{"call_id": 1}`, "no From"},
		{"JSON with a NUL", applicationJSON, `{"call_id": "\u0000", "from": "1"}`, "NUL"},
		{"JSON cut", applicationJSON, `{"call_id": 1`, "not a JSON request"},
		{"JSON of another shape", applicationJSON, `{"from": {"a": 1}}`, "not a JSON request"},
		{"JSON array", applicationJSON, `[]`, "not a JSON request"},
	} {
		a := r.post(t, callPath, c.kind, c.body)
		if a.status != 400 || !strings.HasPrefix(a.body, "ringfence: ") || !strings.Contains(a.body, c.want) || strings.Count(a.body, "\n") != 1 || !strings.HasSuffix(a.body, "\n") {
			t.Errorf("%s: %d %q, want 400 with %q", c.name, a.status, a.body, c.want)
		}
	}
	if len(r.decider.calls) > 0 {
		t.Errorf("decided: %+v", r.decider.calls)
	}
}

// TestPoolForgets holds that nothing of one call is left for the next.
func TestPoolForgets(t *testing.T) {
	r := newRig(t, Options{})
	r.post(t, callPath+fullQuery, sipType, fullRaw)
	r.post(t, callPath, applicationJSON, `{"from": "`+busy+`", "call_id": 7}`)
	want := rules.Call{At: testTime, CallID: "7", From: rules.Identity{User: busy}}
	if diff := cmp.Diff(want, r.decider.lastCall(t), callOptions); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if a := r.post(t, callPath, sipType, invite(clean)); a.body != "1 allow\n\n\n"+decisionID.String()+"\n\n\n\n\n\n" {
		t.Errorf("%q", a.body)
	}
}

var loopback = netip.MustParseAddr("192.0.2.7")
