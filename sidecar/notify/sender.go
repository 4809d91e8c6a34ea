// Package notify tells a service manager how the service is, as sd_notify(3)
// and sd_watchdog_enabled(3) have it: systemd, or what stands in for it.
package notify

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// States that a service tells, each a line of its own in a message.
const (
	Ready     = "READY=1"
	Reloading = "RELOADING=1"
	Stopping  = "STOPPING=1"
	Beat      = "WATCHDOG=1"
)

// What the environment tells of the service manager.
const (
	SocketVariable   = "NOTIFY_SOCKET"
	IntervalVariable = "WATCHDOG_USEC"
	ProcessVariable  = "WATCHDOG_PID"
)

// Sender sends messages to the service manager. It keeps its socket, so that a
// process without a free file descriptor can still say that it lives. It is
// safe for concurrent use.
type Sender struct {
	address string // empty: nobody is told

	mu     sync.Mutex
	conn   *net.UnixConn // nil: not connected
	closed bool
}

// NewSender takes the address from the environment. It opens nothing yet;
// without a service manager it never does.
func NewSender() *Sender { return &Sender{address: os.Getenv(SocketVariable)} }

// Send sends a message of one or more lines, and waits no longer than limit
// for a service manager that does not read. Without one, and once closed, it
// does nothing.
func (s *Sender) Send(message string, limit time.Duration) error {
	if s.address == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	err := s.write(message, limit)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.drop()
		err = s.write(message, limit) // a service manager that was started anew has a new socket
	}
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	return nil
}

func (s *Sender) write(message string, limit time.Duration) error {
	if s.conn == nil {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.address, Net: "unixgram"}) // @: an abstract socket, here as there
		if err != nil {
			return err
		}
		s.conn = conn
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err := s.conn.Write([]byte(message))
	return err
}

func (s *Sender) drop() {
	if s.conn != nil {
		_ = s.conn.Close() // nothing waits in it
		s.conn = nil
	}
}

// Close closes the socket.
func (s *Sender) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.drop()
}
