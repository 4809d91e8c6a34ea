package sidecar

import (
	"sync"
	"time"

	"ringfence/rules"
)

// healer ends calls of which nothing more is heard, so that a report that was lost
// does not count a call as going on for ever.
type healer struct {
	stop    chan struct{}
	running sync.WaitGroup
}

func newHealer(e *rules.Engine, now func() time.Time) *healer {
	h := &healer{stop: make(chan struct{})}
	h.running.Go(func() {
		tick := time.NewTicker(healEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				e.Heal(now())
			case <-h.stop:
				return
			}
		}
	})
	return h
}

func (h *healer) close() {
	close(h.stop)
	h.running.Wait()
}
