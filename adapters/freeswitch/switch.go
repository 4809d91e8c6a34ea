package freeswitch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ringfence/adapters/esl"
	"ringfence/adapters/panics"
)

// SwitchOptions are what a Switch is told. Address and Password are needed.
type SwitchOptions struct {
	Name     string                 // in its log
	Address  string                 // of its event socket, host:port
	Password func() (string, error) // asked before each connect
	Now      func() time.Time       // default time.Now
	Logger   *slog.Logger           // default slog.Default()
	Calls    int                    // running calls that are kept account of, default DefaultCalls

	// Dial makes a connection; nil: TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// DefaultCalls is how many running calls of a switch are kept account of; one
// takes about 200 bytes.
const DefaultCalls = 1 << 16

// Switch is a FreeSWITCH whose events are read: those of calls that announce
// themselves or are parked, which it answers, and those that tell what became of
// a call, whoever decided it. Its methods are safe for concurrent use.
//
// Calls announce themselves by
//
//	CUSTOM ringfence::check   and then sleep: the answer ends the sleep
//	CHANNEL_PARK              the answer sends them on
//
// both with the variable ringfence_verdict=none. A call with a ringfence_id has
// been decided and is not decided again.
type Switch struct {
	decider  Decider
	options  SwitchOptions
	counters SwitchCounters
	panics   panics.Log
	calls    *runningCalls
	retry    backoff
	epoch    atomic.Uint64 // of calls
	before   atomic.Int64  // until when the one before it lasted, Unix nanoseconds
	heard    atomic.Int64  // when the last message came, Unix nanoseconds

	mu     sync.Mutex
	now    SwitchStatus
	conn   *esl.Conn // nil: none
	past   esl.Stats // of connections that are over
	logged logged
}

// SwitchCounters are what a Switch counts.
type SwitchCounters struct {
	Connected  atomic.Uint64       // times that its events began to come
	Failed     atomic.Uint64       // attempts to connect that failed, and connections that were lost
	Decided    [2][3]atomic.Uint64 // calls answered with a verdict, by Mode and rules.Action
	Repeated   atomic.Uint64       // announcements of calls that were decided already
	Late       atomic.Uint64       // announcements that came late, or perhaps so, and whose calls were looked up first
	GoneOn     atomic.Uint64       // calls that no longer waited when they could have been answered
	Unwritable atomic.Uint64       // verdicts that would have made a forged or garbled command
	Unsent     atomic.Uint64       // answers that found the connection busy or over
	Panics     atomic.Uint64       // recovered; a call went on without a verdict
	Gone       atomic.Uint64       // commands that came after the end of their call
	Refused    atomic.Uint64       // other commands that the switch refused
	Unseen     atomic.Uint64       // calls whose end was not seen, and of which no outcome is known
	Untracked  atomic.Uint64       // calls beyond SwitchOptions.Calls

	RunningKnown   atomic.Uint64 // calls that were told of as running, again each time
	RunningUnknown atomic.Uint64 // those of them that the Decider knows no more

	Outcomes [4]atomic.Uint64 // by rules.Observed
}

// Counters are live: they go on counting.
func (s *Switch) Counters() *SwitchCounters { return &s.counters }

// NewSwitch returns a Switch that asks d. It does nothing before Run.
func NewSwitch(d Decider, o SwitchOptions) *Switch {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Calls == 0 {
		o.Calls = DefaultCalls
	}
	o.Logger = o.Logger.With("switch", o.Name, "address", o.Address)
	return &Switch{decider: d, options: o, calls: newRunningCalls(o.Calls), now: SwitchStatus{State: Connecting, Since: time.Now()}}
}

// What a connection may take, and how often it is looked after.
const (
	commandTime = 10 * time.Second // for an answer, those to a ping among them
	pingEvery   = 5 * time.Second  // a connection with nobody at its other end is found after at most both
	outstanding = 1 << 15          // commands that wait for their replies; about ten answer a call
	messageSize = 64 << 20         // bytes: show channels as json of 60,000 calls
)

// Run reads the switch's events until ctx ends, connecting as often as it must.
func (s *Switch) Run(ctx context.Context) {
	for {
		err := s.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		s.counters.Failed.Add(1)
		timer := time.NewTimer(s.lost(err))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// subscription asks for no more events than are needed: those of calls that have
// announced themselves and were not blocked since, and of those that were cancelled
// while mod_xml_curl asked about them. Of several filters it is enough to pass one.
var subscription = []string{
	"filter variable_ringfence_verdict none",
	"filter variable_ringfence_verdict allow",
	"filter variable_ringfence_verdict divert",
	"filter variable_sip_hangup_disposition recv_cancel",
	"event json CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE CHANNEL_PARK CUSTOM " + checkEvent,
}

// connect is the life of one connection. The error says why it ended.
func (s *Switch) connect(ctx context.Context) error {
	s.enter(Connecting)
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	s.connected(conn)
	c := newConnection(s, conn)
	ctx, end := context.WithCancelCause(ctx)
	var keeping sync.WaitGroup
	defer func() {
		end(nil)
		_ = conn.Close() // nothing is left to be sent
		keeping.Wait()
		s.connected(nil)
	}()
	s.enter(Subscribing)
	for _, command := range subscription {
		if _, err := c.send(ctx, command); err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
	}
	s.enter(Resyncing)
	s.counters.Connected.Add(1)
	keeping.Go(func() { end(c.keep(ctx)) })
	err = c.read(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return err
}

func (s *Switch) dial(ctx context.Context) (*esl.Conn, error) {
	password, err := s.options.Password()
	if err != nil {
		return nil, refusal{fmt.Errorf("no password: %w", err)}
	}
	conn, err := esl.Dial(ctx, s.options.Address, esl.Options{
		Password: password, Outstanding: outstanding, MaxMessage: messageSize, WriteTimeout: commandTime, Dial: s.options.Dial,
	})
	if errors.Is(err, esl.ErrPassword) || errors.Is(err, esl.ErrACL) {
		err = refusal{err}
	}
	return conn, err
}

// refusal is a fault that only an operator can cure.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }
