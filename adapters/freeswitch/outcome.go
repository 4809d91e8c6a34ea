package freeswitch

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ringfence/rules"
)

// ReadOutcome fills o, but for the time, with what became of the call of a
// CHANNEL_ANSWER or CHANNEL_HANGUP_COMPLETE. It is false when that is no event of
// the caller's channel or of a call that ringfence let pass.
//
// A call that has no verdict may have been let pass, too: a caller who cancels while
// ringfence is asked leaves before the answer, and of that one o has no ID.
//
// The upstream is named by the variable ringfence_upstream, an address or the
// name of a trunk, else by the gateway of the bridge; and only when it did answer:
// what FreeSWITCH itself says of a call teaches nothing.
func ReadOutcome(ch Channel, o *rules.Outcome) bool {
	if get(ch, "Call-Direction") != "inbound" {
		return false
	}
	*o = rules.Outcome{At: o.At}
	switch get(ch, verdictVariable) {
	case rules.Allow.String():
		id, ok := rules.ParseID(get(ch, idVariable))
		if !ok {
			return false // an emergency call: nobody was asked
		}
		o.ID = id
	case unasked, "":
		o.CallID, o.FromTag, o.CSeq = readAttempt(ch)
	default:
		return false
	}
	created, answered, ended := stamp(ch, "Created"), stamp(ch, "Answered"), stamp(ch, "Hangup")
	o.Ended = get(ch, "Event-Name") == "CHANNEL_HANGUP_COMPLETE"
	o.Rang = stamp(ch, "Progress") > 0 || stamp(ch, "Progress-Media") > 0
	final := answered
	if answered == 0 {
		final = ended
	}
	o.Ring = max(final-created, 0)
	if o.Ended {
		disposition := get(ch, "variable_sip_hangup_disposition")
		o.ByCaller = disposition == "recv_bye" || disposition == "recv_cancel"
		o.Cause = cause(get(ch, "variable_hangup_cause_q850"))
	}
	if answered > 0 {
		o.Code = 200
		o.Talk = max(ended-answered, 0)
		o.Carrier, o.Upstream = upstream(ch)
		return true
	}
	if !o.Ended {
		return false
	}
	if get(ch, "variable_sip_hangup_disposition") == "recv_cancel" {
		o.Code, o.Phrase = 487, "Request Terminated"
		return true
	}
	if o.Code = bridged(ch); o.Code == 0 {
		o.Code = status(o.Cause)
		return true
	}
	if get(ch, "variable_sip_invite_failure_status") == strconv.Itoa(o.Code) {
		o.Phrase = get(ch, "variable_sip_invite_failure_phrase")
		o.Reason = reason(ch)
	}
	o.Carrier, o.Upstream = upstream(ch)
	return true
}

// bridged is the status that the last bridge of a call ended with, 0 when it got
// none. The variable stays as it is where a later bridge gets no answer.
func bridged(ch Channel) int {
	said, ok := strings.CutPrefix(get(ch, "variable_last_bridge_proto_specific_hangup_cause"), "sip:")
	if !ok || get(ch, "variable_last_bridge_hangup_cause") != get(ch, "variable_originate_disposition") {
		return 0
	}
	if code, err := strconv.Atoi(said); err == nil && code >= 300 && code <= 699 {
		return code
	}
	return 0
}

// reason is the Reason of the upstream's refusal. FreeSWITCH (from 1.11.1) keeps
// that of a 603+ in a variable of its own; in the other a dialplan may have put
// one.
func reason(ch Channel) string {
	said := get(ch, "variable_sip_603plus_reason")
	if said == "" {
		said = get(ch, "variable_sip_reason")
	}
	return said[:min(len(said), maxReason)]
}

const maxReason = 2048 // bytes

// upstream is who answered: an address, else a name; neither where several could
// have.
func upstream(ch Channel) (carrier string, address netip.Addr) {
	name := get(ch, "variable_ringfence_upstream")
	if name == "" && get(ch, "variable_current_application") == "bridge" {
		const gateway = "sofia/gateway/"
		_, rest, _ := strings.Cut(get(ch, "variable_current_application_data"), gateway)
		if !strings.Contains(rest, gateway) {
			name, _, _ = strings.Cut(rest, "/")
			_, profile, ok := strings.Cut(name, "::") // profile::gateway
			if ok {
				name = profile
			}
		}
	}
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return "", a.Unmap().WithZone("")
	}
	return name, netip.Addr{}
}

// stamp is when something happened to the caller's channel, 0 when it has not.
// FreeSWITCH counts microseconds since 1970.
func stamp(ch Channel, what string) time.Duration {
	n, err := strconv.ParseInt(get(ch, "Caller-Channel-"+what+"-Time"), 10, 64)
	if err != nil || n < 0 || n > maxStamp {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

const maxStamp = int64(1<<63-1) / int64(time.Microsecond)

func cause(q850 string) uint8 {
	n, err := strconv.ParseUint(q850, 10, 7)
	if err != nil {
		return 0
	}
	return uint8(n)
}

// status is what FreeSWITCH answers to a Q.850 cause.
func status(cause uint8) int {
	switch cause {
	case 1, 2, 3:
		return 404
	case 17:
		return 486
	case 18:
		return 408
	case 21:
		return 603
	case 22:
		return 410
	case 27:
		return 502
	case 28:
		return 484
	case 34, 38, 41, 42:
		return 503
	case 52, 54, 57:
		return 403
	case 88:
		return 488
	case 102:
		return 504
	}
	return 480
}
