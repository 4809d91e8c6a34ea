package sidecar

import (
	"net/netip"
	"time"

	"ringfence/rules"
)

// Entry is one line of the journal: a call that was stopped, or one that a
// rule in monitor mode would have stopped.
type Entry struct {
	Time      time.Time        `json:"time"` // UTC, when the call came
	ID        string           `json:"id"`   // decision id
	Mode      string           `json:"mode"` // enforce, or monitor: the call passed
	Action    string           `json:"action"`
	Rule      string           `json:"rule"`
	Why       string           `json:"why,omitempty"`
	Code      int              `json:"code,omitempty"`
	Phrase    string           `json:"phrase,omitempty"`
	Reason    string           `json:"reason,omitempty"` // value of the Reason header
	Target    string           `json:"target,omitempty"` // of a divert
	Caller    string           `json:"caller,omitempty"`
	Callee    string           `json:"callee,omitempty"`
	Trunk     string           `json:"trunk,omitempty"`
	Account   string           `json:"account,omitempty"`
	Source    string           `json:"source,omitempty"`
	CallID    string           `json:"call_id,omitempty"`
	Row       *EntryRow        `json:"row,omitempty"`
	Score     int              `json:"score,omitempty"`
	Scores    []rules.Points   `json:"scores,omitempty"`    // what the score is made of
	Measured  []rules.Measured `json:"measured,omitempty"`  // what the rules read of what calls did
	Monitored []string         `json:"monitored,omitempty"` // rules in monitor mode that would have stopped the call
	Known     bool             `json:"known,omitempty"`     // something speaks for the caller of a call in Monitored
}

// EntryRow is the row of a list that matched.
type EntryRow struct {
	List       string    `json:"list"`
	File       string    `json:"file,omitempty"` // empty for a live row
	Line       int       `json:"line,omitempty"`
	Pattern    string    `json:"pattern,omitempty"`
	Subscriber string    `json:"subscriber,omitempty"`
	Source     string    `json:"source,omitempty"`
	Note       string    `json:"note,omitempty"`
	Added      time.Time `json:"added,omitzero"`
	Expires    time.Time `json:"expires,omitzero"`
	Live       bool      `json:"live,omitempty"` // added while the daemon ran
	By         string    `json:"by,omitempty"`   // who added it
}

// record is what a decision hands to the journal: values and its own copies,
// so that the call and the verdict can be reused at once.
type record struct {
	at        time.Time
	id        rules.ID
	action    rules.Action
	why       rules.Why
	code      int
	phrase    string
	reason    []byte
	target    string
	caller    rules.Number
	callee    rules.Number
	trunk     []byte
	source    netip.Addr
	callID    []byte
	rule      *rules.Rule
	list      string
	row       rules.RowRef
	live      *rules.LiveRow
	monitored []*rules.Rule
	known     bool
	score     int
	scores    []rules.Contribution
	measured  []rules.Measured
	account   []byte
	before    *rules.Ruleset // that ran when the decision began
	after     *rules.Ruleset // and when it had ended: one of them decided
}

// callIDLimit bounds what a caller can write into the journal; RFC 3261 sets
// no bound for a Call-ID.
const callIDLimit = 256

func (r *record) fill(c *rules.Call, v *rules.Verdict) {
	r.at, r.id, r.action, r.why, r.code, r.phrase, r.target = c.At, v.ID, v.Action, v.Why, v.Code, v.Phrase, v.Target
	r.caller, r.callee, r.source = v.Caller, v.Callee, c.Source
	r.rule, r.list, r.row, r.live = v.Rule, v.List, v.Row, v.Live
	r.reason = append(r.reason[:0], v.Reason...)
	r.trunk = append(r.trunk[:0], v.Trunk[:min(len(v.Trunk), callIDLimit)]...)
	r.callID = append(r.callID[:0], c.CallID[:min(len(c.CallID), callIDLimit)]...)
	r.monitored, r.known = append(r.monitored[:0], v.Monitored...), v.Known
	r.score, r.scores = v.Score, append(r.scores[:0], v.Scores...)
	r.measured = append(r.measured[:0], v.Measured...)
	r.account = append(r.account[:0], c.Account[:min(len(c.Account), callIDLimit)]...)
}

// entry is r as the journal tells it.
func (r *record) entry() Entry {
	e := Entry{
		Time: r.at.UTC(), ID: r.id.String(), Mode: rules.Enforce.String(), Action: r.action.String(),
		Caller: r.caller.String(), Callee: r.callee.String(), Trunk: string(r.trunk), Account: string(r.account), CallID: string(r.callID), Score: r.score, Known: r.known,
	}
	e.Measured = append(e.Measured, r.measured...)
	for _, c := range r.scores {
		e.Scores = append(e.Scores, c.InWords())
	}
	if r.source.IsValid() {
		e.Source = r.source.String()
	}
	for _, m := range r.monitored {
		e.Monitored = append(e.Monitored, m.ID)
	}
	if r.action == rules.Allow && len(r.monitored) > 0 {
		m := r.monitored[0]
		e.Mode, e.Action, e.Rule, e.Why = rules.Monitor.String(), m.Action.String(), m.ID, m.Why.String()
		e.Target = m.Target
		return e
	}
	if r.rule != nil {
		e.Rule = r.rule.ID
	}
	if r.action == rules.Block {
		e.Why, e.Code, e.Phrase, e.Reason = r.why.String(), r.code, r.phrase, string(r.reason)
	} else {
		e.Target = r.target
	}
	e.Row = r.matched()
	return e
}

// matched is the row that matched, nil when none did.
func (r *record) matched() *EntryRow {
	switch {
	case r.list == "":
		return nil
	case r.live != nil:
		return entryRow(r.list, "", r.live.Row(nil))
	case r.row == 0:
		return nil
	}
	for _, rs := range []*rules.Ruleset{r.after, r.before} {
		if rs == nil || !rs.Holds(r.rule) {
			continue
		}
		if l := rs.List(r.list); l != nil {
			return entryRow(r.list, l.Origin(), l.Row(r.row))
		}
	}
	return &EntryRow{List: r.list}
}

func entryRow(list, file string, row rules.Row) *EntryRow {
	return &EntryRow{List: list, File: file, Line: row.Line, Pattern: row.Pattern, Subscriber: row.Subscriber, Source: row.Source, Note: row.Note,
		Added: row.Added, Expires: row.Expires, Live: row.Live, By: row.By}
}
