package freeswitch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringfence/adapters/esl"
	"ringfence/rules"
)

// connection is one to a Switch. One goroutine reads its events, decides and
// answers; another looks after it.
type connection struct {
	*Switch
	conn    *esl.Conn
	answers answers
	outcome rules.Outcome
	clock   clock

	lagged chan struct{} // events were dropped; with room for one
	late   chan string   // channels to be looked up

	absent map[string]bool // channels of calls that were not there when they were last told of
}

// lateQueue is how many announcements wait to be looked up.
const lateQueue = 1 << 10

func newConnection(s *Switch, conn *esl.Conn) *connection {
	s.missed(s.heard.Load())
	c := &connection{Switch: s, conn: conn, lagged: make(chan struct{}, 1), late: make(chan string, lateQueue)}
	c.clock.start = s.options.Now()
	c.answers.connection = c
	return c
}

// missed begins another epoch: since then, in Unix nanoseconds, events were
// missed.
func (s *Switch) missed(since int64) {
	s.before.Store(since)
	s.epoch.Add(1)
}

// send has a command answered. A refusal is an error.
func (c *connection) send(ctx context.Context, command string) (*esl.Event, error) {
	within, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	e, err := c.conn.Send(within, command)
	switch {
	case e != nil:
		c.heard.Store(time.Now().UnixNano())
	case within.Err() != nil && ctx.Err() == nil:
		return nil, errSilent
	}
	return e, err
}

var errSilent = fmt.Errorf("no answer within %s", commandTime)

// read reads events until the connection ends.
func (c *connection) read(ctx context.Context) error {
	for {
		e, err := c.conn.ReadEvent(ctx)
		switch {
		case err == nil:
			c.event(e)
		case errors.Is(err, esl.ErrLagged):
			c.missed(time.Now().UnixNano())
			select {
			case c.lagged <- struct{}{}:
			default: // it is about to be looked after
			}
		default:
			return err
		}
	}
}

// checkEvent is the subclass of the event by which a call announces itself.
const checkEvent = "ringfence::check"

// event does what follows from one event. A panic costs its call nothing but the
// screening.
func (c *connection) event(e *esl.Event) {
	now := c.options.Now()
	defer c.guard(e.Name(), now)
	c.heard.Store(now.UnixNano())
	switch channel := e.Get("Unique-ID"); e.Name() {
	case "CUSTOM":
		if e.Get("Event-Subclass") == checkEvent {
			c.announced(e, channel, Window, now)
		}
	case "CHANNEL_PARK":
		c.announced(e, channel, Park, now)
	case "CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE":
		c.told(e, channel, now)
	}
}

// guard is deferred around what is done for one call.
func (s *Switch) guard(what string, now time.Time) {
	if cause := recover(); cause != nil {
		s.counters.Panics.Add(1)
		s.panics.Recovered(s.options.Logger, now, what, cause)
	}
}
