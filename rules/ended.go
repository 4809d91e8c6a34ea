package rules

import "time"

// Ended is a call that was let pass and is over: what its switch reported,
// beside what is remembered of it.
type Ended struct {
	At       time.Time // when it was over, as told
	Began    time.Time // when it was decided
	ID       ID        // of the decision
	Caller   Number
	Callee   Number
	Trunk    string // it came in by, empty for none
	Account  string // authenticated account, empty for none
	Carrier  string // who answered, by trunk name, empty when unknown
	Code     int    // final SIP status from upstream, 200 for an answered call
	Phrase   string // its reason phrase
	Reason   string // value of its Reason header
	Rang     bool
	Ring     time.Duration // INVITE to final answer
	Talk     time.Duration // answer to hang-up
	ByCaller bool          // the caller hung up or cancelled

	Blocked *UpstreamBlock // what a carrier's analytics said that stopped it; nil: none did
}

// Answered tells whether the call was.
func (e *Ended) Answered() bool { return isAnswer(e.Code) }

// ended is the call of an outcome that is its last.
func (e *Engine) ended(o *Outcome, call *pendingCall, carrier string) *Ended {
	over := &Ended{
		At: o.At, Began: call.began(), ID: o.ID, Caller: call.Caller, Callee: call.Callee,
		Trunk: e.names.name(call.Trunk), Account: e.names.name(call.Account), Carrier: carrier,
		Code: o.Code, Phrase: o.Phrase, Reason: o.Reason, Rang: o.Rang, Ring: o.Ring, Talk: o.Talk, ByCaller: o.ByCaller,
	}
	if b, ok := ParseUpstreamBlock(o.Code, o.Phrase, o.Reason, o.Card); ok {
		over.Blocked = &b
	}
	return over
}

// over counts a call that is over, and tells of it.
func (e *Engine) over(c *Ended) {
	if c.Blocked != nil {
		e.noteBlock(c.Caller, c.At)
	}
	if e.onEnded != nil {
		e.onEnded(c)
	}
}
