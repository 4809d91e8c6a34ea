package rules

import (
	"fmt"
	"slices"
	"strings"
)

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

// MarshalText writes the word that rule files use.
func (w Why) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (w *Why) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*w = NoWhy
		return nil
	}
	got, ok := ParseWhy(string(text))
	if !ok {
		return fmt.Errorf("unknown why %q, want one of %s", text, strings.Join(Whys(), ", "))
	}
	*w = got
	return nil
}

// ParseWhy reads the word that rule files use.
func ParseWhy(word string) (Why, bool) {
	for w := Analytics; w <= Overload; w++ {
		if whyNames[w] == word {
			return w, true
		}
	}
	return NoWhy, false
}

// Whys are the words that rule files use, in the order of the table.
func Whys() []string { return slices.Clone(whyNames[1:]) }

// ofRow tells whether a row of a list can be the reason: what a number is
// known for, not what this call or this node does.
func (w Why) ofRow() bool {
	switch w {
	case IdentityPolicy, Hours, Pacing, Overload:
		return false
	}
	return true
}
