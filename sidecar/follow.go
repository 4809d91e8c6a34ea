package sidecar

import (
	"context"
	"errors"
	"sync"
	"time"
)

// follow starts the goroutine that reloads.
func (p *Program) follow() error {
	w, err := newWatcher(p.log.Logger, p.settle, p.reloader.sources, p.reloader.own)
	if err != nil {
		return err
	}
	p.reloader.watch = w
	w.remember(p.first.began, p.reloader.sources())
	p.first = loaded{}
	ctx, cancel := context.WithCancelCause(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.reloader.run(ctx) })
	p.admin.status = p.Status
	p.admin.ready = p.ready
	p.admin.waiting = p.waiting
	p.admin.reload = func(request context.Context) (Reload, error) {
		request, done := context.WithCancelCause(request)
		defer context.AfterFunc(ctx, func() { done(errStopping) })()
		return p.reloader.ask(request, "request")
	}
	p.ends = append(p.ends, func() {
		cancel(errStopping)
		if !p.wait(&running, "a reload") {
			p.unended.Store(true)
		}
	})
	p.fetch()
	return nil
}

// fetch starts the goroutine that fetches lists.
func (p *Program) fetch() {
	ctx, cancel := context.WithCancelCause(context.Background())
	p.feeds.ruleset = p.engine.Ruleset
	p.feeds.reload = func(ctx context.Context) error {
		result, err := p.reloader.ask(ctx, "feed")
		if err == nil && !result.OK {
			err = errors.New("its new copy waits until the rules load again (see the last reload)")
		}
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { p.feeds.run(ctx) })
	p.ends = append(p.ends, func() {
		cancel(errStopping)
		p.wait(&running, "a fetch")
	})
}

// wait waits for a goroutine that was told to end, but not long: what it still
// loads is not used any more. It tells whether it has ended.
func (p *Program) wait(running *sync.WaitGroup, what string) bool {
	done := make(chan struct{})
	go func() { running.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(p.config.Timeouts.Stop / 4):
		p.log.Warn("stopped in the middle of " + what)
		return false
	}
}
