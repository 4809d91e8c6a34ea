package esl

import (
	"context"
	"sync"
)

// queue holds the events that ReadEvent has not taken. To put one never waits:
// what finds it full is dropped, and whoever reads is told so where it is missing.
type queue struct {
	mu      sync.Mutex
	events  ring[*Event]
	read    uint64 // events taken
	dropped uint64
	lagging bool   // a gap is to be told
	gap     uint64 // after as many events read
	lastGap uint64 // where the newest one is
	err     error  // what follows the events

	ready chan struct{} // has one when there may be something to take
}

func newQueue(size int) *queue {
	return &queue{events: newRing[*Event](size), ready: make(chan struct{}, 1)}
}

func (q *queue) put(e *Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.events.full() {
		q.events.push(e)
		q.signal()
		return
	}
	q.dropped++
	q.lastGap = q.read + uint64(q.events.len)
	if !q.lagging {
		q.lagging, q.gap = true, q.lastGap
	}
}

// close lets err follow the events that are there.
func (q *queue) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
		q.signal()
	}
}

// take gives the next event, or ErrLagged where some are missing.
func (q *queue) take(ctx context.Context) (*Event, error) {
	for {
		if e, err := q.next(); e != nil || err != nil {
			return e, err
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// next gives what can be had without waiting; nothing if nothing can.
func (q *queue) next() (*Event, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lagging && q.gap == q.read {
		// The gaps since then are told as one, at the newest.
		q.lagging = q.lastGap > q.gap
		q.gap = q.lastGap
		q.signal()
		return nil, ErrLagged
	}
	if q.events.len > 0 {
		q.read++
		q.signal()
		return q.events.pop(), nil
	}
	if q.err != nil {
		q.signal()
	}
	return nil, q.err
}

// signal wakes one who waits; he signals in turn if there may be more.
func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// length gives how many events wait, and how many were dropped.
func (q *queue) length() (waiting int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.events.len, q.dropped
}
