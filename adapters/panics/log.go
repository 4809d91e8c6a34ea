// Package panics tells of panics that an adapter recovered from: one costs a call
// nothing but the screening.
package panics

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
)

// Log tells of panics, at most once a minute: a caller who can cause one must not
// fill the log. It is safe for concurrent use.
type Log struct {
	at atomic.Int64 // when a stack was last logged, Unix nanoseconds
}

// Recovered logs the stack of a panic. It is called by the function that
// recovered it.
func (l *Log) Recovered(log *slog.Logger, now time.Time, what string, cause any) {
	at, last := now.UnixNano(), l.at.Load()
	if last != 0 && at-last < int64(time.Minute) || !l.at.CompareAndSwap(last, at) {
		return
	}
	log.Error("recovered from a panic; a call is allowed after one", "in", what, "err", masked(cause), "stack", string(debug.Stack()))
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
