package freeswitch

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/adapters/esl"
	"ringfence/adapters/esl/esltest"
	"ringfence/rules"
)

// over is a channel with variables on top of it, as if ringfence had set them.
type over struct {
	Channel
	top channel
}

func (o over) Lookup(name string) (string, bool) {
	if value, ok := o.top.Lookup(name); ok {
		return value, true
	}
	return o.Channel.Lookup(name)
}

var asked = variables("ringfence_verdict: allow", "ringfence_id: 0123456789abcdefghjk")

// recordedOutcomes are those in a recorded session, had ringfence let its calls
// pass.
func recordedOutcomes(t *testing.T, name string, with ...string) (all []rules.Outcome) {
	t.Helper()
	session, err := esltest.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	top := maps.Clone(asked)
	maps.Copy(top, variables(with...))
	d := esl.NewDecoder(bytes.NewReader(session.FromSwitch()), 0)
	for {
		var e esl.Event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		var o rules.Outcome
		if name := e.Name(); (name == "CHANNEL_ANSWER" || name == "CHANNEL_HANGUP_COMPLETE") && ReadOutcome(over{&e, top}, &o) {
			all = append(all, o)
		}
	}
}

const recordedReason = `SIP;cause=603;text="v=analytics1;url=https://carrier.example/redress;tel=+15550001111;id=zz9"`

func TestRecordedOutcomes(t *testing.T) {
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	for _, c := range []struct {
		name string
		with []string
		want []rules.Outcome
	}{
		{"53-bridge-gateway-answered", nil, []rules.Outcome{
			{ID: decisionID, Code: 200, Carrier: "uas1", Rang: true, Ring: us(219988)},
			{ID: decisionID, Code: 200, Carrier: "uas1", Rang: true, Ring: us(219988), Talk: us(1039992), Ended: true, ByCaller: true, Cause: 16},
		}},
		{"54-bridge-gateway-603-network-blocked", nil, []rules.Outcome{
			{ID: decisionID, Code: 603, Phrase: "Network Blocked", Reason: recordedReason, Carrier: "uas1", Ring: us(20008), Ended: true, Cause: 21},
		}},
		{"54-bridge-gateway-603-network-blocked", []string{"ringfence_upstream: 192.0.2.9"}, []rules.Outcome{
			{ID: decisionID, Code: 603, Phrase: "Network Blocked", Reason: recordedReason, Upstream: netip.MustParseAddr("192.0.2.9"), Ring: us(20008), Ended: true, Cause: 21},
		}},
		{"06-call-answered-json", nil, []rules.Outcome{
			{ID: decisionID, Code: 200},
			{ID: decisionID, Code: 200, Talk: us(499996), Ended: true, Cause: 16},
		}},
		{"10-caller-cancel-while-parked", nil, []rules.Outcome{
			{ID: decisionID, Code: 487, Phrase: "Request Terminated", Ring: us(520012), Ended: true, ByCaller: true, Cause: 16},
		}},
		{"07-call-anonymous-park-reject603-json", []string{"ringfence_verdict: block"}, nil},
		{"07-call-anonymous-park-reject603-json", []string{"ringfence_verdict: none"}, []rules.Outcome{
			{CallID: "a41f65f6-uac@127.0.0.1", FromTag: "cadae4", Code: 603, Ring: us(219972), Ended: true, Cause: 21},
		}},
		{"10-caller-cancel-while-parked", []string{"ringfence_verdict: none", "ringfence_id: "}, []rules.Outcome{
			{CallID: "147c713b-uac@127.0.0.1", FromTag: "01f51a", Code: 487, Phrase: "Request Terminated", Ring: us(520012), Ended: true, ByCaller: true, Cause: 16},
		}},
		{"53-bridge-gateway-answered", []string{"ringfence_id: "}, nil},
	} {
		got := recordedOutcomes(t, c.name, c.with...)
		if diff := cmp.Diff(c.want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s with %q: -want +got\n%s", c.name, c.with, diff)
		}
	}
}

func TestReadOutcome(t *testing.T) {
	hangup := channel{"event-name": "CHANNEL_HANGUP_COMPLETE", "call-direction": "inbound",
		"caller-channel-created-time": "1000000", "caller-channel-hangup-time": "1500000"}
	maps.Copy(hangup, asked)
	maps.Copy(hangup, variables("hangup_cause_q850: 1", "sip_hangup_disposition: send_refuse", "current_application: bridge", "current_application_data: {a=b}sofia/gateway/carrier-a/1",
		"last_bridge_proto_specific_hangup_cause: sip:404", "last_bridge_hangup_cause: UNALLOCATED_NUMBER", "originate_disposition: UNALLOCATED_NUMBER",
		"sip_invite_failure_status: 404", "sip_invite_failure_phrase: Not Found"))
	ended := rules.Outcome{ID: decisionID, Code: 404, Phrase: "Not Found", Carrier: "carrier-a", Ring: 500 * time.Millisecond, Ended: true, Cause: 1}
	for _, c := range []struct {
		name string
		with channel
		want func(*rules.Outcome)
		none bool
	}{
		{"refused by the upstream", nil, func(*rules.Outcome) {}, false},
		{"it rang before", channel{"caller-channel-progress-time": "1100000"}, func(o *rules.Outcome) { o.Rang = true }, false},
		{"early media before", channel{"caller-channel-progress-media-time": "1100000"}, func(o *rules.Outcome) { o.Rang = true }, false},
		{"a gateway of a profile", variables("current_application_data: sofia/gateway/external::carrier-b/1"), func(o *rules.Outcome) { o.Carrier = "carrier-b" }, false},
		{"one of two gateways", variables("current_application_data: sofia/gateway/carrier-a/1|sofia/gateway/carrier-b/1"), func(o *rules.Outcome) { o.Carrier = "" }, false},
		{"no gateway", variables("current_application_data: user/1000"), func(o *rules.Outcome) { o.Carrier = "" }, false},
		{"the dialplan went on", variables("current_application: hangup", "current_application_data: sofia/gateway/carrier-a/1"), func(o *rules.Outcome) { o.Carrier = "" }, false},
		{"the dialplan names the upstream", variables("current_application: hangup", "ringfence_upstream: carrier-c"), func(o *rules.Outcome) { o.Carrier = "carrier-c" }, false},
		{"by its address", variables("ringfence_upstream: [2001:db8::1]"), func(o *rules.Outcome) {
			o.Carrier, o.Upstream = "", netip.MustParseAddr("2001:db8::1")
		}, false},
		{"a later bridge had no answer", variables("originate_disposition: INVALID_GATEWAY", "hangup_cause_q850: 38"), func(o *rules.Outcome) {
			o.Code, o.Phrase, o.Carrier, o.Cause = 503, "", "", 38
		}, false},
		{"the switch gave up", variables("last_bridge_proto_specific_hangup_cause: ", "hangup_cause_q850: 16"), func(o *rules.Outcome) {
			o.Code, o.Phrase, o.Carrier, o.Cause = 480, "", "", 16
		}, false},
		{"the switch itself refused", variables("last_bridge_proto_specific_hangup_cause: ", "current_application: respond"), func(o *rules.Outcome) { o.Phrase, o.Carrier = "", "" }, false},
		{"a status that is no failure", variables("last_bridge_proto_specific_hangup_cause: sip:200"), func(o *rules.Outcome) { o.Phrase, o.Carrier = "", "" }, false},
		{"the phrase of another", variables("sip_invite_failure_status: 486"), func(o *rules.Outcome) { o.Phrase = "" }, false},
		{"a Reason", variables("sip_reason: Q.850;cause=1"), func(o *rules.Outcome) { o.Reason = "Q.850;cause=1" }, false},
		{"the Reason of a 603+ first", variables("sip_reason: Q.850;cause=1", "sip_603plus_reason: SIP;cause=603"), func(o *rules.Outcome) { o.Reason = "SIP;cause=603" }, false},
		{"the Reason of another", variables("sip_invite_failure_status: 603", "sip_603plus_reason: SIP;cause=603"), func(o *rules.Outcome) { o.Phrase = "" }, false},
		{"a very long Reason", variables("sip_reason: " + strings.Repeat("x", 3000)), func(o *rules.Outcome) { o.Reason = strings.Repeat("x", 2048) }, false},
		{"times that no clock has", channel{"caller-channel-hangup-time": "1", "caller-channel-progress-time": "-1"}, func(o *rules.Outcome) { o.Ring = 0 }, false},
		{"times out of bounds", channel{"caller-channel-hangup-time": "9223372036854775807"}, func(o *rules.Outcome) { o.Ring = 0 }, false},
		{"no cause", variables("hangup_cause_q850: 300"), func(o *rules.Outcome) { o.Cause = 0 }, false},
		{"the other leg", channel{"call-direction": "outbound"}, nil, true},
		{"an id that is none", variables("ringfence_id: x"), nil, true},
		{"a diverted call", variables("ringfence_verdict: divert"), nil, true},
		{"an answer that is none", channel{"event-name": "CHANNEL_ANSWER"}, nil, true},
	} {
		ch, at := maps.Clone(hangup), time.Unix(1, 0)
		maps.Copy(ch, c.with)
		got := rules.Outcome{At: at, Code: 1, Talk: 1, ByCaller: true}
		if ok := ReadOutcome(ch, &got); ok == c.none {
			t.Errorf("%s: %v", c.name, ok)
		}
		if c.none {
			continue
		}
		want := ended
		want.At = at
		c.want(&want)
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
	}
}
