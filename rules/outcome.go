package rules

import (
	"net/netip"
	"time"
)

// Outcome is what became of a call that Decide let pass.
type Outcome struct {
	At       time.Time
	ID       ID            // of the decision; an unknown one is counted and ignored
	Code     int           // final SIP status from upstream: 200 for an answered call, 487 for a cancelled one
	Phrase   string        // its reason phrase
	Reason   string        // value of its Reason header, empty when unknown
	Card     string        // address in the Call-Info of a 608 (RFC 8688), empty when unknown
	Upstream netip.Addr    // who answered; zero when unknown
	Carrier  string        // who answered, by trunk name; wins over Upstream
	Rang     bool          // a 18x came before
	Ring     time.Duration // INVITE to final answer
	Talk     time.Duration // answer to hang-up, 0 when unanswered or still talking
	Ended    bool          // the call is over: a hang-up after an answer, or a failure
	ByCaller bool          // the caller hung up or cancelled
	Cause    uint8         // Q.850 cause of the end, 0 when unknown

	// By these it is found when ID is zero: a call that was over, or went on,
	// before its switch was told the decision. CSeq 0: unknown.
	CallID, FromTag string
	CSeq            uint32
}

// Observed says what became of an Outcome.
type Observed uint8

// What can become of an Outcome.
const (
	Counted   Observed = iota
	Unknown            // no call of that id is remembered
	Duplicate          // the same was told before
	Ignored            // it makes no sense: no final SIP status
)

var observedNames = [...]string{"counted", "unknown", "duplicate", "ignored"}

// String is the word of the outcome protocol.
func (o Observed) String() string { return observedNames[o] }

// final tells whether the code is a final SIP status (RFC 3261 §7.2).
func (o *Outcome) final() bool { return o.Code >= 200 && o.Code <= 699 }

func (o *Outcome) answered() bool { return isAnswer(o.Code) }

func isAnswer(code int) bool { return code >= 200 && code <= 299 }

// clamp takes out what no clock should have measured: a call that is over before
// it began or later than one can be, and times below zero or as long.
func (o *Outcome) clamp(began time.Time) {
	if last := began.Add(longestCall); o.At.After(last) {
		o.At = last
	} else if o.At.Before(began) {
		o.At = began
	}
	o.Ring, o.Talk = min(max(o.Ring, 0), longestCall), min(max(o.Talk, 0), longestCall)
}

// longestCall bounds what is believed of the length of a call.
const longestCall = 30 * 24 * time.Hour

// from is the name of the trunk that answered, empty for none known.
func (o *Outcome) from(t *trunks) string {
	if o.Carrier != "" {
		return o.Carrier
	}
	if trunk := t.at(o.Upstream); trunk != nil {
		return trunk.Name
	}
	return ""
}

// Observe takes what became of a call that Decide let pass. An outcome of a
// call that this engine did not decide teaches nothing. The call's first final
// answer teaches learned lists, its last outcome is counted, of an
// attempt that was asked about again once. Times that no clock
// should have measured are set right in o.
func (e *Engine) Observe(o *Outcome) Observed {
	l := e.live.Load()
	switch {
	case l == nil:
		return Unknown
	case !o.final():
		return Ignored
	case o.ID == ID{}:
		o.ID = e.decided(o.CallID, o.FromTag, o.CSeq)
	}
	call, which, seen := e.pending.observe(o)
	if seen != Counted {
		return seen
	}
	o.clamp(call.began())
	carrier := o.from(l.set.trunks)
	if which.first {
		e.learned.observe(o, call, carrier)
	}
	if which.last && !call.Told {
		l.counting.finish(&call, o)
		e.over(e.ended(o, &call, carrier))
	}
	return Counted
}

// decided is the ID of the decision by which a call attempt was let pass and that
// is not known to be over, zero for none. Who asked may have known no CSeq.
func (e *Engine) decided(callID, fromTag string, cseq uint32) ID {
	for _, cseq := range [...]uint32{cseq, 0} {
		attempt := attemptRef{hash: e.attempts.hash(callID, fromTag, cseq)}
		if attempt.hash == 0 {
			break
		}
		if place, ok := e.attempts.placed(attempt); ok {
			if id := e.pending.goesOn(place, attempt.hash); id != (ID{}) {
				return id
			}
		}
	}
	return ID{}
}

// Running takes from a switch that these calls go on: decisions by their ids. A
// call that a switch has told of so, and does no more, is over; nothing is
// counted of how it ended. It tells how many of them are remembered.
func (e *Engine) Running(ids []ID, at time.Time) (known int) { return e.pending.renew(ids, at) }

// Heal ends the calls of which nothing more was heard: their switch says no more
// that they go on, or they are older than Options.CallAge. It is to be called
// some times a minute.
func (e *Engine) Heal(at time.Time) {
	l := e.live.Load()
	if l == nil {
		return
	}
	e.pending.expire(at, e.callAge, l.counting.end)
}
