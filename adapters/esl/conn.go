package esl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Options.
const (
	DefaultQueue        = 4096
	DefaultOutstanding  = 1024
	DefaultDialTimeout  = 5 * time.Second
	DefaultWriteTimeout = 5 * time.Second
)

// maxUnsent is how many bytes of commands may wait to be written.
const maxUnsent = 4 << 20

// Options are those of a Conn. What is zero is the default.
type Options struct {
	Password     string
	MaxMessage   int           // bytes of one message; DefaultMaxMessage
	Queue        int           // events that wait for ReadEvent, at 15 kB each; beyond it they are dropped
	Outstanding  int           // commands that wait for their reply, and jobs for their end; beyond it ErrBusy
	DialTimeout  time.Duration // to connect and be let in
	WriteTimeout time.Duration // for the switch to take what is written; then the connection ends

	// Dial makes the connection; nil: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (o *Options) setDefaults() {
	setDefault(&o.Queue, DefaultQueue)
	setDefault(&o.Outstanding, DefaultOutstanding)
	setDefault(&o.DialTimeout, DefaultDialTimeout)
	setDefault(&o.WriteTimeout, DefaultWriteTimeout)
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
}

func setDefault[T int | time.Duration](option *T, value T) {
	if *option <= 0 {
		*option = value
	}
}

// Conn is a connection to a switch, which we dialled. Its methods may be called
// by several goroutines at once.
//
// One goroutine reads and one writes; neither waits for a caller. Replies are
// matched with commands by their order, in which a caller whose context ends
// keeps his place. When the connection ends, all that wait are told the same
// error, and it does not come back: dial another.
type Conn struct {
	address string
	conn    net.Conn
	decoder *Decoder
	options Options

	events                        *queue
	received, skipped, unreadable atomic.Uint64

	mu      sync.Mutex
	err     error                  // why the connection ended
	unsent  []byte                 // commands that the writer has not taken yet
	waiting ring[func(*Event)]     // who gets the next replies, in order
	jobs    map[string]chan *Event // who gets the BACKGROUND_JOB of a Job-UUID

	wake  chan struct{} // has one when there is something unsent
	ended chan struct{} // closed when err is set
	done  sync.WaitGroup
}

// Dial connects to the event socket of a switch at address, host:port, and logs
// in. It fails with ErrPassword or ErrACL if the switch refuses to let us in.
func Dial(ctx context.Context, address string, o Options) (*Conn, error) {
	o.setDefaults()
	ctx, cancel := context.WithTimeout(ctx, o.DialTimeout)
	defer cancel()
	conn, err := o.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("esl: %w%s", err, cure(err))
	}
	c := &Conn{
		address: address,
		conn:    conn,
		decoder: NewDecoder(conn, o.MaxMessage),
		options: o,
		events:  newQueue(o.Queue),
		waiting: newRing[func(*Event)](o.Outstanding),
		jobs:    make(map[string]chan *Event),
		wake:    make(chan struct{}, 1),
		ended:   make(chan struct{}),
	}
	if err := c.logIn(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("esl: %s: %w", address, err)
	}
	c.done.Go(c.read)
	c.done.Go(c.write)
	return c, nil
}

// Close ends the connection and waits for its goroutines.
func (c *Conn) Close() error {
	c.end(net.ErrClosed)
	c.done.Wait()
	return nil
}

// ReadEvent waits for the next event. Events that came while more waited than
// Options.Queue were dropped: where they are missing the error is ErrLagged, and
// the next call goes on behind the gap. Further gaps by then are told as one,
// where the last of them is. After the connection has ended, the events that
// came before are given, and then why it ended.
func (c *Conn) ReadEvent(ctx context.Context) (*Event, error) { return c.events.take(ctx) }

// Stats is what a Conn has counted, and how long its queues are.
type Stats struct {
	Events      uint64 // read for ReadEvent, those dropped among them
	Dropped     uint64 // because ReadEvent was not called often enough
	Skipped     uint64 // messages of a type that is not read: XML, log lines, unknown ones
	Unreadable  uint64 // events whose body was not what it should be
	Queued      int    // events that wait for ReadEvent
	Outstanding int    // commands that wait for their reply
	Jobs        int    // BgAPI commands that wait for their end
}

// Stats gives the numbers of now.
func (c *Conn) Stats() Stats {
	s := Stats{Events: c.received.Load(), Skipped: c.skipped.Load(), Unreadable: c.unreadable.Load()}
	s.Queued, s.Dropped = c.events.length()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Outstanding, s.Jobs = c.waiting.len, len(c.jobs)
	return s
}

// end ends the connection, for the first err only.
func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = fmt.Errorf("esl: %s: %w", c.address, err)
	close(c.ended)
	c.conn.Close()
	c.events.close(c.err)
}

// failure gives why the connection ended.
func (c *Conn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// read hands out messages until the connection ends.
func (c *Conn) read() {
	var e Event
	for {
		err := c.decode(&e)
		var lost *BodyError
		switch {
		case err == nil:
			err = c.take(&e)
		case errors.As(err, &lost):
			c.unreadable.Add(1)
			continue
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

func (c *Conn) decode(e *Event) error {
	err := c.decoder.Decode(e)
	if err == io.EOF {
		return errClosedBySwitch
	}
	return err
}

// take gives a copy of e to whom it is for. An error ends the connection.
func (c *Conn) take(e *Event) error {
	switch e.typ {
	case CommandReply, APIResponse:
		return c.reply(e.Clone())
	case EventPlain, EventJSON:
		if e = e.Clone(); !c.endJob(e) {
			c.received.Add(1)
			c.events.put(e)
		}
	case DisconnectNotice:
		if e.Get("Content-Disposition") != "linger" {
			return &DisconnectError{Text: strings.TrimSpace(e.Body())}
		}
	case RudeRejection:
		return ErrACL
	default:
		c.skipped.Add(1)
	}
	return nil
}

// write writes what is unsent until the connection ends.
func (c *Conn) write() {
	var writing []byte
	for {
		select {
		case <-c.wake:
		case <-c.ended:
			return
		}
		c.mu.Lock()
		writing, c.unsent = c.unsent, writing[:0]
		c.mu.Unlock()
		if len(writing) == 0 { // it went with what was sent before
			continue
		}
		if err := c.writeNow(writing); err != nil {
			c.end(err)
			return
		}
		if cap(writing) > maxUnsent/16 {
			writing = nil
		}
	}
}

func (c *Conn) writeNow(b []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.options.WriteTimeout)); err != nil {
		return err
	}
	_, err := c.conn.Write(b)
	return err
}
