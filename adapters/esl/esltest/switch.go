package esltest

import (
	"context"
	"errors"
	"net"
	"sync"
)

// Switch listens on the loopback address as a switch's event socket does, and
// plays a script on each connection that it accepts.
type Switch struct {
	address string

	mu       sync.Mutex
	stop     func() // ends the listener and all connections
	accepted int
	errs     []error

	done sync.WaitGroup
}

// Listen starts a Switch on a free port.
func Listen(script Script) (*Switch, error) {
	s := &Switch{address: "127.0.0.1:0"}
	if err := s.Start(script); err != nil {
		return nil, err
	}
	return s, nil
}

// Address is where it listens, host:port, also while it is stopped.
func (s *Switch) Address() string { return s.address }

// Accepted counts the connections since the beginning.
func (s *Switch) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Start listens again after Stop, at the same address.
func (s *Switch) Start(script Script) error {
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = l.Addr().String()
	s.stop = func() {
		l.Close()
		cancel()
	}
	s.done.Go(func() { s.accept(ctx, l, script) })
	return nil
}

func (s *Switch) accept(ctx context.Context, l net.Listener, script Script) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.accepted++
		s.mu.Unlock()
		s.done.Go(func() {
			if err := script.Play(ctx, conn); err != nil {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.errs = append(s.errs, err)
			}
		})
	}
}

// Stop ends all connections at once, without a word, and refuses new ones. The
// error is that of the scripts, but for connections that ended.
func (s *Switch) Stop() error {
	s.mu.Lock()
	stop := s.stop
	s.mu.Unlock()
	stop()
	s.done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.errs...)
}
