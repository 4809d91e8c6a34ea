package rules

// Why is the reason class of a block. The SIP answer follows from it by one
// table (answer.go); a rule never names a SIP code.
type Why uint8

// The reason classes.
const (
	NoWhy          Why = iota
	Analytics          // reputation feed, score, behaviour
	DNO                // do-not-originate: invalid, unallocated, unused, inbound-only caller number
	Administrative     // caller number not authorised for this customer, contract
	Subscriber         // the called party asked for it
	NotFound           // called number unassigned, learned from upstream
	Anonymous          // called party refuses withheld callers
	IdentityPolicy     // STIR policy
	Hours              // outside permitted calling hours
	Pacing             // one caller, account or campaign is too fast
	Overload           // this node protects itself
)

var whyNames = [...]string{"", "analytics", "dno", "administrative", "subscriber", "not-found", "anonymous", "identity", "hours", "pacing", "overload"}

// String is the word that rule files use.
func (w Why) String() string { return whyNames[w] }
