package freeswitch

import (
	"errors"
	"strings"
	"time"

	"ringfence/adapters/esl"
	"ringfence/rules"
)

// Mode is how a call waits for its answer.
type Mode uint8

// The modes: in Window the call sleeps and goes on by itself when its time is
// over; in Park it is sent on, or by a timer of its dialplan.
const (
	Window Mode = iota
	Park
)

func (m Mode) String() string { return [...]string{"window", "park"}[m] }

// The variables that say how far a call has come.
const (
	verdictVariable = "variable_ringfence_verdict"
	idVariable      = "variable_ringfence_id"
	unasked         = "none" // of ringfence_verdict
)

// announced decides a call that waits for its answer. Answering one that has
// gone on would cut into what it does now, so one that did not announce itself
// just now is looked up first.
func (c *connection) announced(e *esl.Event, channel string, m Mode, now time.Time) {
	if e.Get(verdictVariable) != unasked || channel == "" {
		return // parked by others
	}
	if e.Get(idVariable) != "" || !c.calls.claim(channel, c.epoch.Load()) {
		c.counters.Repeated.Add(1)
		return
	}
	if !c.clock.onTime(e, now) {
		c.counters.Late.Add(1)
		select {
		case c.late <- strings.Clone(channel):
		default: // it goes on by itself
			c.counters.GoneOn.Add(1)
			c.calls.end(channel)
		}
		return
	}
	c.answers.decide(e, channel, m, now)
}

// answers decides calls and writes what their channels are told. Each goroutine
// has its own.
type answers struct {
	*connection
	call     rules.Call
	verdict  rules.Verdict
	answer   Answer
	command  []byte
	commands []byte
	count    int
}

// decide decides the call of a channel that was claimed, and answers it by one
// write.
func (a *answers) decide(ch Channel, channel string, m Mode, now time.Time) {
	a.call.Reset()
	ReadCall(ch, &a.call)
	a.call.At = now
	a.decider.Decide(&a.call, &a.verdict)
	err := a.write(channel)
	if err != nil {
		a.counters.Unwritable.Add(1)
		a.commands, a.count = a.commands[:0], 0
	}
	if err = a.release(channel, m); err != nil { // the name of a channel that is none
		a.calls.end(channel)
		return
	}
	switch {
	case a.count == 1, a.verdict.Action == rules.Block:
		defer a.calls.end(channel) // not before who looks it up would find the verdict
	case !a.calls.confirm(channel, a.verdict.ID, a.epoch.Load()):
		a.counters.Untracked.Add(1)
	}
	switch err := a.conn.Post(a.commands, a.count, a.replied); {
	case err != nil:
		a.counters.Unsent.Add(1)
	case a.count > 1: // it has a verdict
		a.counters.Decided[m][a.verdict.Action].Add(1)
	}
}

// write makes commands of the verdict.
func (a *answers) write(channel string) error {
	a.commands, a.count = a.commands[:0], 0
	if err := a.answer.Set(&a.call, &a.verdict); err != nil {
		return err
	}
	for _, p := range a.answer.Pairs() {
		a.command = append(appendChannel(append(a.command[:0], "api uuid_setvar "...), channel), ' ')
		a.command = append(append(append(a.command, p.Name...), ' '), p.Value...)
		if err := a.append(); err != nil {
			return err
		}
	}
	return nil
}

// release has the call go on: with what was written before, else as one without
// a verdict.
func (a *answers) release(channel string, m Mode) error {
	a.command = a.command[:0]
	switch m {
	case Window:
		a.command = appendChannel(append(a.command, "api uuid_break "...), channel)
	case Park:
		a.command = append(appendChannel(append(a.command, "api uuid_transfer "...), channel), " parked XML ringfence"...)
	}
	return a.append()
}

func (a *answers) append() (err error) {
	a.commands, err = esl.AppendCommand(a.commands, string(a.command))
	a.count++
	return err
}

// replied takes the answer to one of the commands.
func (c *connection) replied(e *esl.Event) {
	err := e.Reply()
	if err == nil {
		return
	}
	if isGone(err) {
		c.counters.Gone.Add(1)
		return
	}
	if n := c.counters.Refused.Add(1); n == 1 || n%1000 == 0 {
		c.options.Logger.Warn("the switch refuses a command", "err", err, "refused", n)
	}
}

// isGone tells whether the switch refused a command because the call is over,
// which is no fault.
func isGone(err error) bool {
	var refused *esl.ReplyError
	return errors.As(err, &refused) && (strings.HasPrefix(refused.Text, "-ERR No such channel") || strings.HasPrefix(refused.Text, "-ERR invalid session id"))
}

// told takes what became of a call, whoever decided it.
func (c *connection) told(e *esl.Event, channel string, now time.Time) {
	c.outcome.At = now
	if ReadOutcome(e, &c.outcome) {
		asked := c.outcome.ID != rules.ID{} // else perhaps not
		if seen := c.decider.Observe(&c.outcome); asked || seen != rules.Unknown {
			c.counters.Outcomes[seen].Add(1)
		}
	}
	if e.Name() == "CHANNEL_HANGUP_COMPLETE" {
		c.calls.end(channel)
		return
	}
	id, ok := rules.ParseID(e.Get(idVariable))
	if ok && e.Get("Call-Direction") == "inbound" && !c.calls.run(channel, id, now, c.epoch.Load()) {
		c.counters.Untracked.Add(1)
	}
}
