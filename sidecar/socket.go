package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"ringfence/adapters/esl"
	"ringfence/adapters/freeswitch"
)

// socket is the listener of FreeSWITCH's socket application. It does its own
// accepting: what waits there holds a call.
type socket struct {
	*freeswitch.Socket
	asked    asked
	listener net.Listener
}

// listenSocket binds the listener, if one is configured.
func (p *Program) listenSocket() error {
	c := p.config.Socket
	if c.Listen == "" {
		return nil
	}
	bound := net.ListenConfig{KeepAlive: -1} // a connection lives for a moment
	l, err := bound.Listen(context.Background(), "tcp", c.Listen)
	if err != nil {
		return unbound("socket.listen", err)
	}
	k := &socket{asked: asked{service: p.service}, listener: p.door(l)}
	k.Socket = freeswitch.NewSocket(&k.asked, freeswitch.SocketOptions{
		Deadline:    c.Deadline,
		Connections: c.Connections,
		Allow:       p.networks.allowed,
		Now:         p.now,
		Logger:      p.log.Logger,
	})
	p.socket = k
	p.ends = append(p.ends, func() { _ = l.Close() }) // closed already after a stop in order
	return nil
}

// serveSocket serves it and returns what stops it.
func (p *Program) serveSocket() (stop func(context.Context)) {
	k := p.socket
	if k == nil {
		return func(context.Context) {}
	}
	p.log.Info("FreeSWITCH's socket is served", "address", k.listener.Addr().String(), "deadline", p.config.Socket.Deadline, "connections", p.config.Socket.Connections)
	var running sync.WaitGroup
	running.Go(func() {
		if err := k.Server().Serve(k.listener); !errors.Is(err, esl.ErrServerClosed) {
			p.failed <- fmt.Errorf("socket.listen: %w", err)
		}
	})
	return func(ctx context.Context) {
		if err := k.Server().Shutdown(ctx); err != nil {
			p.unended.Store(true)
			p.log.Warn("stopped before all calls on the socket were over", "err", err)
		}
		running.Wait()
	}
}

// SocketAddr is where FreeSWITCH's socket application connects, once started; nil
// when that is off.
func (p *Program) SocketAddr() net.Addr {
	if p.socket == nil {
		return nil
	}
	return p.socket.listener.Addr()
}

// SocketStatus is the state of the listener of FreeSWITCH's socket application.
type SocketStatus struct {
	Listen    string            `json:"listen"`
	Open      int64             `json:"open"`      // connections now
	Accepted  uint64            `json:"accepted"`  // connections that were served
	Undecided map[string]uint64 `json:"undecided"` // calls that went on without a verdict, by cause; none without any
}

func (k *socket) status() *SocketStatus {
	n := k.Server().Counters()
	s := &SocketStatus{Listen: k.listener.Addr().String(), Open: n.Open.Load(), Accepted: n.Accepted.Load(), Undecided: map[string]uint64{}}
	for cause, count := range k.undecided {
		if count > 0 {
			s.Undecided[cause] = count
		}
	}
	return s
}

// undecided yields how many calls went on without a verdict, by cause.
func (k *socket) undecided(yield func(cause string, count uint64) bool) {
	n, c := k.Server().Counters(), k.Counters()
	_ = yield("deadline", n.Late.Load()) &&
		yield("hung-up", n.Early.Load()) &&
		yield("garbage", n.Garbled.Load()) &&
		yield("connections", n.Beyond.Load()) &&
		yield("descriptors", n.Exhausted.Load()) &&
		yield("unsent", n.Unwritten.Load()) &&
		yield("unwritable", c.Unwritable.Load()) &&
		yield("panic", c.Panics.Load())
}
