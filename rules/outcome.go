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
}
