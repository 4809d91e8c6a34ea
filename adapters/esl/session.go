package esl

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// ErrLate is the error of an answer after the deadline: the call has gone on.
var ErrLate = errors.New("esl: the call's deadline has passed")

// The states of a Session.
const (
	undecided uint32 = iota
	answered         // an answer is being written, or is
	ended            // too late for one
)

// Session is one connection that a switch has made for a call.
type Session struct {
	server  *Server
	conn    net.Conn
	decoder Decoder
	timer   *time.Timer // closes conn: at the deadline, and after the linger time
	state   atomic.Uint32
	rest    [256]byte // for what is not read any more
}

func newSession(s *Server, c net.Conn) *Session {
	n := &Session{server: s, conn: c}
	n.decoder.Reset(c, s.options.MaxMessage)
	n.timer = time.AfterFunc(s.options.Deadline, n.expire)
	return n
}

// expire closes the connection from aside: a handler that hangs must not hold
// the call, and a read ends by it, too.
func (s *Session) expire() {
	if s.state.CompareAndSwap(undecided, ended) {
		s.server.counters.Late.Add(1)
	}
	_ = s.conn.Close() // the switch sees it, or is gone
}

// run serves the connection until it is closed.
func (s *Session) run() {
	if err := s.ask(); err != nil {
		s.fail(err)
	} else if s.state.Load() == answered {
		s.await()
	}
	s.state.CompareAndSwap(undecided, ended) // the handler gave no answer, and knows why
	s.timer.Stop()
	_ = s.conn.Close()
	s.server.counters.Open.Add(-1)
}

var connect = []byte("connect\n\n")

// ask has the switch describe the call, and the handler decide it. The error is
// that of the former.
func (s *Session) ask() error {
	if _, err := s.conn.Write(connect); err != nil {
		return err
	}
	if err := s.decoder.Wait(); err != nil {
		return err
	}
	call := s.server.events.Get().(*Event)
	if err := s.read(call); err != nil {
		s.server.events.Put(call)
		return err
	}
	s.server.handler.Serve(s, call)
	call.Reset()
	s.server.events.Put(call)
	return nil
}

// read reads the answer to connect.
func (s *Session) read(call *Event) error {
	if err := s.decoder.Decode(call); err != nil {
		return err
	}
	switch {
	case call.Type() == DisconnectNotice:
		return io.EOF
	case call.Type() != CommandReply:
		return &FrameError{"the answer to connect is " + call.Type().String()}
	}
	return call.Reply()
}

// fail counts why a call goes on undecided.
func (s *Session) fail(err error) {
	if !s.state.CompareAndSwap(undecided, ended) {
		return // at the deadline, which closed the connection
	}
	var network net.Error
	n := &s.server.counters
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		n.Early.Add(1)
	default:
		n.Garbled.Add(1)
	}
}

// Answer writes commands, in one piece, and lifts the deadline. It is called
// once. The error is ErrLate after the deadline.
func (s *Session) Answer(commands []byte) error {
	if !s.state.CompareAndSwap(undecided, answered) {
		return ErrLate
	}
	if _, err := s.conn.Write(commands); err != nil {
		s.server.counters.Unwritten.Add(1)
		return err
	}
	s.server.counters.Answered.Add(1)
	s.timer.Reset(s.server.options.Linger)
	return nil
}

// await reads what the switch says to the answer, and throws it away, until it
// closes or the linger time is over: closing first would reset the connection,
// and the answer with it.
func (s *Session) await() {
	for {
		if _, err := s.conn.Read(s.rest[:]); err != nil {
			return
		}
	}
}
