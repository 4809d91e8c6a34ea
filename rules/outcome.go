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
	Upstream netip.Addr    // who answered; zero when unknown
	Carrier  string        // who answered, by trunk name; wins over Upstream
	Rang     bool          // a 18x came before
	Ring     time.Duration // INVITE to final answer
	Talk     time.Duration // answer to hang-up, 0 when unanswered or still talking
	Ended    bool          // the call is over: a hang-up after an answer, or a failure
	ByCaller bool          // the caller hung up or cancelled
	Cause    uint8         // Q.850 cause of the end, 0 when unknown
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

func (o *Outcome) answered() bool { return o.Code >= 200 && o.Code <= 299 }

// clamp takes out what no clock should have measured.
func (o *Outcome) clamp() { o.Ring, o.Talk = max(o.Ring, 0), max(o.Talk, 0) }

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

// observe tells what the switch reported to those who remember: the call must
// be one of p's, and its first final answer teaches. Durations below zero
// become zero in o.
func observe(o *Outcome, p *Pending, l *LearnedLists, t *trunks) Observed {
	if !o.final() {
		return Ignored
	}
	o.clamp()
	call, first, seen := p.observe(o)
	if seen == Counted && first {
		l.observe(o, call, o.from(t))
	}
	return seen
}
