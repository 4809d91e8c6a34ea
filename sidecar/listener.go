package sidecar

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	acceptPause    = 5 * time.Millisecond // after an accept that failed; doubles
	acceptPauseMax = time.Second
	acceptLogEvery = 10 * time.Second
)

// patient is a listener that tries again when an accept fails, as it does while
// the process has no file descriptor left: what is open goes on, and a daemon
// that ended would take that with it.
type patient struct {
	net.Listener
	errors  *atomic.Uint64 // accepts that failed
	log     *slog.Logger
	now     func() time.Time
	logged  time.Time // when the last was; Accept is for one goroutine
	closed  chan struct{}
	closing sync.Once
}

func newPatient(l net.Listener, errors *atomic.Uint64, log *slog.Logger, now func() time.Time) *patient {
	return &patient{Listener: l, errors: errors, log: log, now: now, closed: make(chan struct{})}
}

// Accept waits for the next connection. Its only error is net.ErrClosed.
func (p *patient) Accept() (net.Conn, error) {
	for pause := acceptPause; ; pause = min(2*pause, acceptPauseMax) {
		c, err := p.Listener.Accept()
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, net.ErrClosed):
			return nil, net.ErrClosed
		}
		p.failed(err)
		if !p.wait(pause) {
			return nil, net.ErrClosed
		}
	}
}

// failed counts an accept that failed, and logs it unless it has just done so.
func (p *patient) failed(err error) {
	n := p.errors.Add(1)
	if now := p.now(); p.logged.IsZero() || now.Sub(p.logged) >= acceptLogEvery {
		p.logged = now
		p.log.Error("cannot accept a connection, trying again", "listener", p.Addr().String(), "err", err, "errors", n)
	}
}

// wait tells whether the listener is still open after a pause.
func (p *patient) wait(pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.closed:
		return false
	}
}

// Close ends Accept. It can be called again.
func (p *patient) Close() error {
	p.closing.Do(func() { close(p.closed) })
	if err := p.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// limited is a listener that keeps a number of connections open at most. Those
// beyond it wait, not accepted, until another is closed.
type limited struct {
	net.Listener
	slots   chan struct{}
	closed  chan struct{}
	closing sync.Once
}

func newLimited(l net.Listener, connections int) *limited {
	return &limited{Listener: l, slots: make(chan struct{}, connections), closed: make(chan struct{})}
}

// Accept waits for a free slot, then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slotted{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close ends Accept. It can be called again.
func (l *limited) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// slotted is a connection that frees its slot when it is closed.
type slotted struct {
	net.Conn
	free func()
}

// Close can be called again.
func (s *slotted) Close() error {
	defer s.free()
	return s.Conn.Close()
}

// door is a listener that knows whether somebody still waits at it.
type door struct {
	net.Listener
	left atomic.Int64 // when Accept last gave a connection away, Unix nanoseconds; 0: it waits for one
}

// Accept waits for the next connection.
func (d *door) Accept() (net.Conn, error) {
	d.left.Store(0)
	c, err := d.Listener.Accept()
	if err == nil {
		d.left.Store(time.Now().UnixNano())
	}
	return c, err
}

// stuck tells whether nobody has come back to Accept for longer than limit. Who
// is there and gets no connection for want of file descriptors is not stuck.
func (d *door) stuck(limit time.Duration) bool {
	left := d.left.Load()
	return left != 0 && time.Since(time.Unix(0, left)) > limit
}

// SyscallConn gives access to the socket of a listener that has one.
func (d *door) SyscallConn() (syscall.RawConn, error) {
	c, ok := d.Listener.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return c.SyscallConn()
}
