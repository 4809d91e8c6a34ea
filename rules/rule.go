package rules

import (
	"sync/atomic"
	"time"
)

// Rule is one rule as compiled. It does not change once its ruleset runs,
// except for its counts.
type Rule struct {
	ID        string
	File      string
	Line      int
	Column    int
	When      string // the condition as written
	Note      string
	Mode      Mode
	Ends      bool          // block, divert and allow end the evaluation
	Action    Action        // of a rule that ends it
	Why       Why           // of a block; NoWhy when Listed
	Listed    bool          // block: listed, the why of the row that matched
	Failure   Failure       // of a block for IdentityPolicy
	Retry     time.Duration // Retry-After of a block, 0 for none; where opens does not say it
	Target    string        // of a divert
	Label     string
	Withhold  bool
	Points    int    // that it adds to the score
	Reason    string // of the points
	Rollout   Share  // of callers for whom it is enforced, in monitor for the others; 0: all
	Limit     *Limit // of the calls that it stops, nil: none
	partial   bool   // it has a rollout or a limit: whether it is enforced depends on the call
	salt      uint64 // of its rollout
	rolloutAt Position
	limitAt   Position
	Indexed   bool // asked only when the index names it a candidate
	Counts    *RuleCounts
	number    int32 // place in the ruleset
	condition *condition
	pure      []*condition // conjuncts that depend on the call and the lists alone
	signals   []*operand   // that its condition asks for
	stateful  []*condition // conjuncts that ask the clock or what was learned
	eval      func(*frame) bool
	rest      func(*frame) bool                   // what a candidate is asked: without the conjunct that the index has looked at
	answers   []answer                            // by Why when Listed, else one
	opens     []func(*frame, time.Time) time.Time // of the calendars that say when to call again
}

// RuleCounts count the calls that a rule matched. They survive a reload by the
// rule's id.
type RuleCounts struct {
	Matched   atomic.Uint64 // the rule acted
	Monitored atomic.Uint64 // it would have acted, but it or the daemon only monitors
}

// answer is that to a call stopped by r, on a row of the given why.
func (r *Rule) answer(why Why) *answer {
	if r.Listed {
		return &r.answers[why]
	}
	return &r.answers[0]
}
