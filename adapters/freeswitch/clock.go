package freeswitch

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// clock is the clock of a switch by ours, which tells which announcements come
// late. It is compared by commands, not by announcements: the first of a
// connection may be late already. Of our clock only differences count, so that
// its steps do no harm; one of the switch's is healed by the next command.
type clock struct {
	start time.Time    // by ours
	shown atomic.Int64 // by the switch's at start, Unix nanoseconds; 0, not yet known: nothing is on time
}

// What delays mean.
const (
	// lateAfter is a delay that no call waits through: shorter than the shortest
	// useful window, longer than the switch's own 20 ms and a busy machine's.
	lateAfter = 150 * time.Millisecond

	// compareWithin is a round trip short enough to compare the clocks by: half of
	// it may be the error.
	compareWithin = 50 * time.Millisecond
)

// clockCommand is answered by the clock that stamps the events, in Unix
// microseconds.
const clockCommand = "api strmicroepoch"

// compare takes an answer to clockCommand, unless it took too long. What was
// known before then stays.
func (c *clock) compare(answer string, asked, answered time.Time) {
	trip := answered.Sub(asked)
	shown, err := strconv.ParseInt(strings.TrimSpace(answer), 10, 64)
	if err != nil || trip > compareWithin {
		return
	}
	c.shown.Store(shown*1000 - int64(asked.Sub(c.start)+trip/2))
}

// onTime tells whether an event comes at the time at which it was sent; false
// also when that can't be known.
func (c *clock) onTime(ch Channel, now time.Time) bool {
	sent, err := strconv.ParseInt(get(ch, "Event-Date-Timestamp"), 10, 64) // microseconds
	late := now.Sub(c.start) - time.Duration(sent*1000-c.shown.Load())
	return err == nil && late.Abs() <= lateAfter // what comes before its time tells of a step
}
