package esl

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Handler answers calls. Its method runs on a goroutine of the session's own.
type Handler interface {
	// Serve decides the call that the switch describes and answers it by
	// s.Answer, once. A session that ends without an answer is closed, and the
	// call goes on in its dialplan. call is valid until Serve returns; its values
	// stay.
	Serve(s *Session, call *Event)
}

// ServerOptions are what a Server can be told. The zero value is ready for use.
type ServerOptions struct {
	Deadline    time.Duration // of a call, from its connection to the answer; default DefaultDeadline
	Linger      time.Duration // for the switch to close after the answer; default DefaultLinger
	Connections int           // open at once, default DefaultConnections
	MaxMessage  int           // bytes of what the switch tells of a call; default DefaultMaxCall

	Allow  func(net.Addr) bool // who may connect; nil: everyone
	Now    func() time.Time    // for what is logged; default time.Now
	Logger *slog.Logger        // default slog.Default()
}

// The defaults of ServerOptions. A switch tells 7 kB of a call, and up to ten
// times what From holds, percent-encoded: no caller must get past the handler by
// an INVITE that is merely large.
const (
	DefaultDeadline    = 50 * time.Millisecond
	DefaultLinger      = 2 * time.Second
	DefaultConnections = 5000
	DefaultMaxCall     = maxHeader
)

// ServerCounters are what a Server counts. A call is let go on, undecided, for
// each connection counted by Beyond, Exhausted, Late, Early, Garbled and Unwritten.
type ServerCounters struct {
	Open     atomic.Int64  // connections now
	Accepted atomic.Uint64 // connections that were served
	Answered atomic.Uint64 // answers written in time

	Denied    atomic.Uint64 // closed at once: Allow did not
	Beyond    atomic.Uint64 // closed at once: more than Connections were open
	Exhausted atomic.Uint64 // closed at once: no file descriptor was free
	Late      atomic.Uint64 // closed at the deadline
	Early     atomic.Uint64 // ended by the switch before the answer, as when the caller gives up
	Garbled   atomic.Uint64 // what came was not the answer to connect
	Unwritten atomic.Uint64 // the answer could not be written

	AcceptErrors atomic.Uint64
}

// Server is the outbound direction: the socket application of a dialplan
// connects for each call and waits. The application has no timeout of its own, so
// that every bound is kept here: connect is sent the moment a connection is
// accepted, a session is over at its deadline whatever its handler does, and
// what can't be served is closed at once. In each case the dialplan goes on.
type Server struct {
	handler  Handler
	options  ServerOptions
	counters ServerCounters
	events   sync.Pool // of *Event

	listener net.Listener // set by Serve
	spare    spare        // for Serve alone
	logged   time.Time    // when an accept's error was last; likewise
	mu       sync.Mutex
	closed   chan struct{} // by Shutdown
	closing  sync.Once
	ended    chan struct{} // by Serve
	sessions sync.WaitGroup
}

// NewServer returns a Server that asks h.
func NewServer(h Handler, o ServerOptions) *Server {
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	if o.Linger == 0 {
		o.Linger = DefaultLinger
	}
	if o.Connections == 0 {
		o.Connections = DefaultConnections
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = DefaultMaxCall
	}
	if o.Allow == nil {
		o.Allow = func(net.Addr) bool { return true }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Server{
		handler: h,
		options: o,
		events:  sync.Pool{New: func() any { return new(Event) }},
		closed:  make(chan struct{}),
		ended:   make(chan struct{}),
	}
}

// Counters are live: they go on counting.
func (s *Server) Counters() *ServerCounters { return &s.counters }

// ErrServerClosed is how Serve ends after Shutdown.
var ErrServerClosed = errors.New("esl: the server is shut down")

// Serve takes connections from l, which it closes, until Shutdown. Whatever
// else befalls an accept is tried again. It is called once.
func (s *Server) Serve(l net.Listener) error {
	defer close(s.ended)
	if !s.own(l) {
		return ErrServerClosed
	}
	s.spare = newSpare()
	defer s.spare.close()
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			s.accepted(c)
		case errors.Is(err, net.ErrClosed):
			return ErrServerClosed
		default:
			s.failed(l, err)
		}
	}
}

// own makes l what Shutdown closes, unless it has been called already.
func (s *Server) own(l net.Listener) bool {
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	select {
	case <-s.closed:
		_ = l.Close() // nobody has connected
		return false
	default:
		return true
	}
}

func (s *Server) accepted(c net.Conn) {
	n := &s.counters
	switch {
	case !s.options.Allow(c.RemoteAddr()):
		n.Denied.Add(1)
	case n.Open.Load() >= int64(s.options.Connections): // only this goroutine adds
		n.Beyond.Add(1)
	default:
		n.Open.Add(1)
		n.Accepted.Add(1)
		s.sessions.Go(newSession(s, c).run)
		return
	}
	_ = c.Close() // the switch sees it, or is gone
}

const (
	acceptPause    = 5 * time.Millisecond // after an accept that failed: no caller notices
	acceptLogEvery = 10 * time.Second
)

// failed lets go of the calls that wait where none can be accepted, as without a
// free file descriptor: the switch would hold them for as long as that lasts.
func (s *Server) failed(l net.Listener, err error) {
	n := s.counters.AcceptErrors.Add(1)
	if now := s.options.Now(); s.logged.IsZero() || now.Sub(s.logged) >= acceptLogEvery {
		s.logged = now
		s.options.Logger.Error("cannot accept a call's connection: calls go on undecided; raise the limit of open files, or find who holds them", "listener", l.Addr().String(), "err", err, "errors", n)
	}
	s.counters.Exhausted.Add(s.spare.release(l))
	pause := time.NewTimer(acceptPause)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-s.closed:
	}
}

// Shutdown takes no more connections and waits until those that are open have
// ended, or ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.closing.Do(func() { close(s.closed) })
	s.mu.Lock()
	l := s.listener
	s.mu.Unlock()
	var err error
	if l != nil {
		if err = l.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
	}
	done := make(chan struct{})
	go func() {
		if l != nil {
			<-s.ended // no session begins after
		}
		s.sessions.Wait()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
}
