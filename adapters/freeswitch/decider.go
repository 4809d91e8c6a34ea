package freeswitch

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"ringfence/rules"
)

// Decider decides calls and learns what became of them. Both methods are safe
// for concurrent use and keep no reference to their arguments.
type Decider interface {
	Decide(c *rules.Call, v *rules.Verdict)
	Observe(o *rules.Outcome) rules.Observed
}

// panics tells of panics that were recovered: one costs a call nothing but the
// screening.
type panics struct {
	at atomic.Int64 // when a stack was last logged, Unix nanoseconds
}

// recovered logs the stack of a panic, at most once a minute: a caller who can
// cause one must not fill the log.
func (p *panics) recovered(log *slog.Logger, now time.Time, what string, cause any) {
	at, last := now.UnixNano(), p.at.Load()
	if last != 0 && at-last < int64(time.Minute) || !p.at.CompareAndSwap(last, at) {
		return
	}
	log.Error("recovered from a panic; a call goes on after one", "in", what, "err", masked(cause), "stack", string(debug.Stack()))
}

// masked is what a panic says in one line and without the digits: they can be a
// number.
func masked(cause any) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case '0' <= r && r <= '9':
			return '#'
		}
		return r
	}, fmt.Sprint(cause))
}
