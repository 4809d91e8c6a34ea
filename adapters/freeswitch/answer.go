package freeswitch

import (
	"errors"
	"strconv"
	"time"

	"ringfence/rules"
)

// ErrUnwritable says that a verdict can't be put into commands to FreeSWITCH:
// something that it needs is missing, or FreeSWITCH would act on a part of it. The
// call then goes on as one without an answer.
var ErrUnwritable = errors.New("freeswitch: the verdict can't be put into commands")

// Pair is a channel variable and the value that a verdict gives it. Values are
// safe in an argument of an application and in a command.
type Pair struct {
	Name  string
	Value []byte
}

// maxPairs is how many a verdict has at most.
const maxPairs = 10

// Answer is what a verdict does to a channel, the same by whatever way it gets
// there. It may be reused; what it returned is then overwritten.
type Answer struct {
	pairs [maxPairs]Pair
	ends  [maxPairs]int // of the values in text
	n     int
	text  []byte
}

// Set makes a the answer that v is to c. The error is nil or ErrUnwritable.
func (a *Answer) Set(c *rules.Call, v *rules.Verdict) error {
	a.n, a.text = 0, a.text[:0]
	if !isWritable(v) {
		return ErrUnwritable
	}
	a.add("ringfence_id", append(a.text, v.ID[:]...))
	if v.Rule != nil {
		a.add("ringfence_rule", append(a.text, v.Rule.ID...))
	}
	if v.Action == rules.Block {
		a.refuse(v)
	} else {
		a.present(c, v)
	}
	if v.Action == rules.Divert {
		a.add("ringfence_target", appendEscaped(a.text, v.Target))
	}
	a.add("ringfence_verdict", append(a.text, v.Action.String()...))
	start := 0
	for i := range a.n {
		value := a.text[start:a.ends[i]]
		if !isSafe(value) {
			a.n = 0
			return ErrUnwritable
		}
		a.pairs[i].Value, start = value, a.ends[i]
	}
	return nil
}

// isWritable tells whether nothing is missing that the action of v needs.
func isWritable(v *rules.Verdict) bool {
	switch v.Action {
	case rules.Allow:
	case rules.Block:
		if v.Code < 400 || v.Code > 699 || v.Phrase == "" || len(v.Reason) == 0 {
			return false
		}
	case rules.Divert:
		if v.Target == "" {
			return false
		}
	default:
		return false
	}
	return isWord(v.ID[:])
}

// add gives a variable what text has more than a.text.
func (a *Answer) add(name string, text []byte) {
	a.text = text
	a.pairs[a.n].Name, a.ends[a.n] = name, len(text)
	a.n++
}

// present sets what the called party sees of the caller: a mark before the name,
// no number. FreeSWITCH copies headers of the caller to the called side, so a mark
// that is not ours goes, and of a withheld caller all of them. What shows that it
// is withheld (privacy full) the dialplan does where it finds ringfence_withhold.
func (a *Answer) present(c *rules.Call, v *rules.Verdict) {
	switch {
	case v.Withhold:
		a.add("sip_copy_custom_headers", append(a.text, "false"...))
	case v.Label != "":
		a.add(labelHeader, appendName(a.text, v.Label))
	case isMarked(c):
		a.add(labelHeader, a.text)
	}
	if v.Withhold {
		a.add("effective_caller_id_number", append(a.text, "anonymous"...))
		a.add("ringfence_withhold", append(a.text, "true"...))
	}
	if v.Withhold || v.Label != "" {
		a.add("effective_caller_id_name", appendShown(a.text, c, v))
	}
}

const labelHeader = "sip_h_X-Ringfence-Label"

// isMarked tells whether a caller brings a mark of their own.
func isMarked(c *rules.Call) bool {
	h, ok := c.Headers.(headers)
	if ok {
		_, ok = h.channel.Lookup("variable_" + labelHeader)
	}
	return ok
}

// appendShown appends the name that the called party sees.
func appendShown(dst []byte, c *rules.Call, v *rules.Verdict) []byte {
	name := c.From.Display
	if v.Withhold {
		name = "Anonymous"
	}
	if v.Label == "" {
		return append(dst, name...)
	}
	dst = append(appendName(append(dst, '['), v.Label), ']')
	if name != "" {
		dst = appendName(append(dst, ' '), name)
	}
	return dst
}

// refuse sets what goes out with the answer of a block. FreeSWITCH puts a Reason
// of its own into an answer without sip_reason, and none at all where the
// configuration has disable_q850_reason.
func (a *Answer) refuse(v *rules.Verdict) {
	a.add("ringfence_why", append(a.text, v.Why.String()...))
	a.add("ringfence_status", strconv.AppendInt(a.text, int64(v.Code), 10))
	a.add("ringfence_phrase", append(a.text, v.Phrase...))
	a.add("disable_q850_reason", append(a.text, "false"...))
	a.add("sip_reason", appendEscaped(a.text, v.Reason))
	if v.Retry > 0 {
		a.add("sip_rh_Retry-After", strconv.AppendInt(a.text, int64((v.Retry+time.Second-1)/time.Second), 10))
	}
}

// Pairs are the variables to set, in order: ringfence_verdict is the last, so
// that who sees it sees all of them.
func (a *Answer) Pairs() []Pair { return a.pairs[:a.n] }

// AppendMultiset appends the argument of the application multiset that sets all
// of them at once.
func (a *Answer) AppendMultiset(dst []byte) []byte {
	dst = append(dst, "^^"...)
	for i := range a.n {
		dst = append(dst, multisetSeparator)
		dst = append(append(dst, a.pairs[i].Name...), '=')
		dst = append(dst, a.pairs[i].Value...)
	}
	return dst
}

// multisetSeparator parts variables: a control character, which no value has.
const multisetSeparator = 0x1f

// AppendRespond appends the argument of the application respond, such as
// "603 Network Blocked". Only a block has one.
func (a *Answer) AppendRespond(dst []byte) []byte {
	for i := range a.n {
		switch p := &a.pairs[i]; p.Name {
		case "ringfence_status":
			dst = append(dst, p.Value...)
		case "ringfence_phrase":
			dst = append(append(dst, ' '), p.Value...)
		}
	}
	return dst
}
