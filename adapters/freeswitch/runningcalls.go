package freeswitch

import (
	"strings"
	"sync"
	"time"

	"ringfence/rules"
)

// runningCalls are the calls of one switch that are being decided or run, by
// their channels: so many at most. It is safe for concurrent use.
//
// An epoch is a time in which no event was missed. What was heard of a call in an
// earlier one may no longer be so.
type runningCalls struct {
	mu    sync.Mutex
	limit int
	calls map[string]runningCall
	ided  int // of them, those with an id
}

// runningCall is one of them.
type runningCall struct {
	id       rules.ID // zero: being decided, or looked up
	answered time.Time
	epoch    uint64 // in which it was last heard of
}

func newRunningCalls(limit int) *runningCalls {
	return &runningCalls{limit: limit, calls: make(map[string]runningCall)}
}

// running is how many are known to run.
func (r *runningCalls) running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ided
}

// known are the ids of those that have one, by their channels.
func (r *runningCalls) known() map[string]rules.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := make(map[string]rules.ID, r.ided)
	for channel, c := range r.calls {
		if c.id != (rules.ID{}) {
			known[channel] = c.id
		}
	}
	return known
}

// claim takes a channel for who wants to decide or look it up; false when
// another has, in the same epoch. The answer of an earlier one may never have
// reached the switch.
func (r *runningCalls) claim(channel string, epoch uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.calls[channel]
	if ok && c.epoch == epoch {
		return false
	}
	c.epoch = epoch
	r.put(channel, c)
	return true
}

// meet is claim for a call that runs: false, too, for one that is known.
func (r *runningCalls) meet(channel string, epoch uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.calls[channel]
	known := ok && (c.id != rules.ID{} || c.epoch == epoch)
	c.epoch = epoch
	r.put(channel, c)
	return !known
}

// put keeps c, if there is room. The lock is held.
func (r *runningCalls) put(channel string, c runningCall) bool {
	old, ok := r.calls[channel]
	switch {
	case ok:
	case len(r.calls) >= r.limit:
		return false
	default:
		channel = strings.Clone(channel) // of an event, which would stay as long
	}
	r.calls[channel] = c
	r.ided += b2i(c.id != rules.ID{}) - b2i(old.id != rules.ID{})
	return true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// run notes that a call goes on; false when there is no room.
func (r *runningCalls) run(channel string, id rules.ID, answered time.Time, epoch uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.put(channel, runningCall{id, answered, epoch})
}

// confirm is run for a channel that was claimed; it does nothing for one that has
// ended since.
func (r *runningCalls) confirm(channel string, id rules.ID, epoch uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.calls[channel]; ok {
		return r.put(channel, runningCall{id, c.answered, epoch})
	}
	return len(r.calls) < r.limit
}

// forget lets go of a channel that was claimed, unless its call is known.
func (r *runningCalls) forget(channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls[channel].id == (rules.ID{}) {
		delete(r.calls, channel)
	}
}

// end lets go of a channel, and tells what was known of it.
func (r *runningCalls) end(channel string) (runningCall, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.calls[channel]
	if ok {
		delete(r.calls, channel)
		r.ided -= b2i(c.id != rules.ID{})
	}
	return c, ok
}

// missing are the channels that are not among those present, but for those that
// were heard of in this epoch.
func (r *runningCalls) missing(present map[string]bool, epoch uint64) (channels []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for channel, c := range r.calls {
		if !present[channel] && c.epoch != epoch {
			channels = append(channels, channel)
		}
	}
	return channels
}
