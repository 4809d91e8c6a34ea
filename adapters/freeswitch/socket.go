package freeswitch

import (
	"cmp"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ringfence/adapters/esl"
	"ringfence/adapters/panics"
	"ringfence/rules"
)

// SocketOptions are what a Socket can be told. The zero value is ready for use.
type SocketOptions struct {
	Deadline    time.Duration       // of a call, default esl.DefaultDeadline
	Connections int                 // open at once, default esl.DefaultConnections
	Allow       func(net.Addr) bool // which switches may ask; nil: everyone
	Now         func() time.Time    // default time.Now
	Logger      *slog.Logger        // default slog.Default()
}

// SocketCounters are what a Socket counts beside its server.
type SocketCounters struct {
	Allowed, Blocked, Diverted atomic.Uint64 // calls answered

	Unwritable atomic.Uint64 // verdicts that can't be put into commands; the call went on
	Panics     atomic.Uint64 // recovered; the call went on
}

// Socket decides the calls whose dialplan runs the application socket without
// async: one connection a call, on which the dialplan waits. A block is answered
// there; any other call goes on in the dialplan, with the verdict in its variables.
type Socket struct {
	decider  Decider
	now      func() time.Time
	log      *slog.Logger
	server   *esl.Server
	counters SocketCounters
	panics   panics.Log

	exchanges sync.Pool // of *exchange
}

// NewSocket returns a Socket that asks d.
func NewSocket(d Decider, o SocketOptions) *Socket {
	k := &Socket{
		decider:   d,
		now:       o.Now,
		log:       cmp.Or(o.Logger, slog.Default()),
		exchanges: sync.Pool{New: func() any { return new(exchange) }},
	}
	if k.now == nil {
		k.now = time.Now
	}
	k.server = esl.NewServer(k, esl.ServerOptions{
		Deadline:    o.Deadline,
		Connections: o.Connections,
		Allow:       o.Allow,
		Now:         k.now,
		Logger:      k.log,
	})
	return k
}

// Server serves the connections of switches.
func (k *Socket) Server() *esl.Server { return k.server }

// Counters are live: they go on counting.
func (k *Socket) Counters() *SocketCounters { return &k.counters }

// exchange is what one decision needs. It is pooled.
type exchange struct {
	call     rules.Call
	verdict  rules.Verdict
	answer   Answer
	argument []byte
	commands []byte
}

// release lets go of the call's text and keeps the room.
func (x *exchange) release() {
	x.call.Reset()
	x.verdict.Reset()
}

// Serve implements esl.Handler.
func (k *Socket) Serve(s *esl.Session, call *esl.Event) {
	defer func() {
		if cause := recover(); cause != nil {
			k.counters.Panics.Add(1)
			k.panics.Recovered(k.log, k.now(), "socket", cause)
			_ = s.Answer(letGo) // its counters tell
		}
	}()
	x := k.exchanges.Get().(*exchange)
	count := k.decide(x, call)
	if s.Answer(x.commands) == nil { // else its counters tell
		count.Add(1)
	}
	x.release()
	k.exchanges.Put(x) // not after a panic
}

// letGo has the dialplan go on without a verdict.
var letGo = []byte("exit\n\n")

// decide puts the commands that answer a call into x, and says which counter
// they are for.
func (k *Socket) decide(x *exchange, call Channel) *atomic.Uint64 {
	x.call.At = k.now()
	ReadCall(call, &x.call)
	k.decider.Decide(&x.call, &x.verdict)
	if err := x.write(); err != nil {
		x.commands = append(x.commands[:0], letGo...)
		return &k.counters.Unwritable
	}
	switch x.verdict.Action {
	case rules.Block:
		return &k.counters.Blocked
	case rules.Divert:
		return &k.counters.Diverted
	}
	return &k.counters.Allowed
}

// write makes commands of the verdict, as few as can be: the switch runs one
// after the other and tells the world of each. The last one ends the session: a
// call that respond did not end is not held, but stopped by the dialplan.
func (x *exchange) write() (err error) {
	if err = x.answer.Set(&x.call, &x.verdict); err != nil {
		return err
	}
	x.argument = x.answer.AppendMultiset(x.argument[:0])
	if x.commands, err = esl.AppendExecute(x.commands[:0], "", "multiset", x.argument, false); err != nil {
		return err
	}
	if x.verdict.Action == rules.Block {
		x.argument = x.answer.AppendRespond(x.argument[:0])
		if x.commands, err = esl.AppendExecute(x.commands, "", "respond", x.argument, false); err != nil {
			return err
		}
	}
	x.commands = append(x.commands, letGo...)
	return nil
}
