package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
)

func (p *Program) listen(key, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, unbound(key, err)
	}
	l = newPatient(l, &p.unheard, p.log.Logger, p.now)
	p.ends = append(p.ends, func() { _ = l.Close() }) // closed already after a stop in order
	return l, nil
}

// unbound is why a listener could not be bound, with the cure.
func unbound(key string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %w (ss -ltnp tells who has it; end that, or set another %s)", key, err, key)
	}
	return fmt.Errorf("%s: %w", key, err)
}

func (p *Program) serveAdmin(l net.Listener) {
	server := p.admin.server(newRegistry(p))
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(newLimited(l, adminConnections)); !errors.Is(err, http.ErrServerClosed) {
			p.failed <- fmt.Errorf("admin.listen: %w", err)
		}
	})
	p.ends = append(p.ends, func() {
		ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeouts.Stop/4)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			p.unended.Store(true)
			_ = server.Close()
		}
		running.Wait()
	})
}

// serve serves the listeners that switches ask.
func (p *Program) serve() {
	stops := [...]func(context.Context){p.serveDecisions(), p.serveSocket()}
	p.ends = append(p.ends, func() {
		ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeouts.Stop/2)
		defer cancel()
		var stopping sync.WaitGroup
		for _, stop := range stops {
			stopping.Go(func() { stop(ctx) })
		}
		stopping.Wait()
	})
}

// serveDecisions serves the decision listener and returns what stops it.
func (p *Program) serveDecisions() (stop func(context.Context)) {
	server := p.handler.Server()
	routes := decisionRoutes{freeswitch: p.freeswitchHTTP, other: server.Handler}
	server.Handler, server.HeaderReceived = routes.handle, routes.limits
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(p.clients); err != nil && !p.stopping.Load() {
			p.failed <- fmt.Errorf("listen: %w", err)
		}
	})
	return func(ctx context.Context) {
		_ = p.clients.Close() // Shutdown does it only once Serve has begun
		if err := server.ShutdownWithContext(ctx); err != nil {
			p.unended.Store(true)
			p.log.Warn("stopped before all that was in flight was answered", "err", err)
		}
		running.Wait()
	}
}
