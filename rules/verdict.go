package rules

import "time"

// Action is what the switch does with a call.
type Action uint8

// The actions, in the words of the switch protocol.
const (
	Allow Action = iota
	Block
	Divert
)

func (a Action) String() string { return [...]string{"allow", "block", "divert"}[a] }

// ID names one decision: 8 digits of time and 12 of randomness, in lower-case
// Crockford base 32, so that ids sort by time and fit the id item of a 603+
// Reason. Of a call that was let pass, whose id stays with the switch, the last
// 6 digits say where its outcome is waited for. An ID can be read over the phone
// and says nothing of the subscriber.
type ID [20]byte

func (id ID) String() string { return string(id[:]) }

// Verdict is the answer to one call. A Verdict may be reused for another
// Decide; Reason, Monitored, Scores and Measured are then
// overwritten.
type Verdict struct {
	ID       ID
	Action   Action
	Why      Why           // of a block
	Code     int           // SIP status of a block, else 0
	Phrase   string        // SIP reason phrase of a block
	Reason   []byte        // value of the Reason header of a block, without "Reason: "; owned by the Verdict
	Retry    time.Duration // Retry-After of a block, 0 for none; whole seconds
	Target   string        // SIP URI of a divert
	Label    string        // mark for the called party, empty for none
	Withhold bool          // remove the caller's number
	Score    int           // what rules gave, as the last of them left it

	Rule      *Rule          // the rule that ended the evaluation, nil when none did
	List      string         // list whose row matched in Rule, empty for none
	Row       RowRef         // that row, 0 when it is a live one
	Live      *LiveRow       // that row when it was added while the daemon ran
	Monitored []*Rule        // rules that block or divert and matched, in monitor mode or of a daemon in it
	Known     bool           // of a call in Monitored: something speaks for the caller
	Guard     Guard          // why no rule was asked, if so
	Scores    []Contribution // what the score is made of, in order
	Measured  []Measured     // what Rule and Monitored read of what calls did
	Caller    Number
	Callee    Number
	Trunk     string
}

// Reset makes v ready for another call, with the room that it has.
func (v *Verdict) Reset() {
	*v = Verdict{Reason: v.Reason[:0], Monitored: v.Monitored[:0], Scores: v.Scores[:0], Measured: v.Measured[:0]}
}

// Guard says why a call passed without being asked about.
type Guard uint8

// The guards, all of which pass the call.
const (
	Unguarded Guard = iota
	Emergency       // the Request-URI is an emergency number or service
	Callback        // Priority: psap-callback from a trusted trunk (RFC 7090)
)
