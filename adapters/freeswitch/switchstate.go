package freeswitch

import (
	"errors"
	"math/rand/v2"
	"time"

	"ringfence/adapters/esl"
)

// SwitchState is how far a Switch has come.
type SwitchState uint8

// The states, in their order. In Waiting nothing of the switch is known until
// the next attempt; in Resyncing its events are read already.
const (
	Connecting SwitchState = iota
	Subscribing
	Resyncing
	Ready
	Waiting
)

// SwitchStates are all of them.
var SwitchStates = [...]SwitchState{Connecting, Subscribing, Resyncing, Ready, Waiting}

func (s SwitchState) String() string {
	return [...]string{"connecting", "subscribing", "resyncing", "ready", "waiting"}[s]
}

// SwitchStatus is how a Switch is now.
type SwitchStatus struct {
	State SwitchState
	Since time.Time // when it came to State
	Error string    // why the last connection or attempt ended, until the next is Ready
	Retry time.Time // of the next attempt, in Waiting
	Heard time.Time // when the last message came; zero: never
	Calls int       // that run

	esl.Stats // of all connections; its queues are those of now
}

// Status is how the switch is now.
func (s *Switch) Status() SwitchStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now
	now.Calls = s.calls.running()
	now.Stats = s.stats()
	if heard := s.heard.Load(); heard != 0 {
		now.Heard = time.Unix(0, heard)
	}
	return now
}

// connected notes the connection that there is, nil for none any more.
func (s *Switch) connected(conn *esl.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past = s.stats()
	s.past.Queued, s.past.Outstanding, s.past.Jobs = 0, 0, 0
	s.conn = conn
}

// stats adds up all connections. The lock is held.
func (s *Switch) stats() esl.Stats {
	all := s.past
	if s.conn != nil {
		now := s.conn.Stats()
		all.Events += now.Events
		all.Dropped += now.Dropped
		all.Skipped += now.Skipped
		all.Unreadable += now.Unreadable
		all.Queued, all.Outstanding = now.Queued, now.Outstanding
	}
	return all
}

// Reading tells whether the switch's events are read.
func (s SwitchStatus) Reading() bool { return s.State == Resyncing || s.State == Ready }

// logged is what the log was last told.
type logged struct {
	err string
	at  time.Time
}

// logAgain is how often the log is told of a switch that stays away.
const logAgain = 10 * time.Minute

// enter notes that the switch has come to a state.
func (s *Switch) enter(to SwitchState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.State == to {
		return
	}
	s.now.State, s.now.Since, s.now.Retry = to, time.Now(), time.Time{}
	if to == Ready {
		s.now.Error, s.logged = "", logged{}
		s.options.Logger.Info("events of the switch are read", "calls", s.calls.running())
	}
}

// lost notes why the switch is away, and tells when it is tried again. Attempts
// that fail as the one before are logged only now and then. A switch that leaves
// as soon as it is ready is one of which attempts fail.
func (s *Switch) lost(err error) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.now.State == Ready && now.Sub(s.now.Since) > longestRetry {
		s.retry.reset()
	}
	wait = s.retry.next(err)
	s.now.State, s.now.Since, s.now.Retry, s.now.Error = Waiting, now, now.Add(wait), err.Error()
	if s.now.Error == s.logged.err && now.Sub(s.logged.at) < logAgain {
		return wait
	}
	s.logged = logged{s.now.Error, now}
	s.options.Logger.Warn("no events of the switch", "err", err, "retry", wait.Round(time.Millisecond))
	return wait
}

// backoff says how long to wait before the next attempt: about twice as long
// after each, so that a switch that restarts is found soon and one that is away
// is not bothered. Only its Switch's goroutine uses it.
type backoff struct{ failures int }

// The first wait and the longest, and the one after a refusal, which only an
// operator can cure.
const (
	firstRetry   = 250 * time.Millisecond
	longestRetry = 5 * time.Second
	refusedRetry = 30 * time.Second
)

// next is between half of the time and all of it, so that not all daemons come
// back to a switch at the same moment.
func (b *backoff) next(err error) time.Duration {
	wait := min(firstRetry<<min(b.failures, 16), longestRetry)
	b.failures++
	var refused refusal
	if errors.As(err, &refused) {
		wait = refusedRetry
	}
	return wait/2 + rand.N(wait/2)
}

func (b *backoff) reset() { b.failures = 0 }
