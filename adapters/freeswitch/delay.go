package freeswitch

import (
	"strconv"
	"sync/atomic"
	"time"
)

// delay tells which announcements come late. The clocks of the switch and of
// this machine may differ, so the least delay that was seen is taken for none.
// But for least it belongs to the goroutine that reads.
type delay struct {
	least atomic.Int64 // nanoseconds
	known bool
	since time.Time // since when all were late, zero: the last was not
}

// lateAfter is a delay that no call waits through: shorter than the shortest
// useful window, longer than the switch's own 20 ms and a busy machine's.
const lateAfter = 150 * time.Millisecond

// of is how late an announcement comes; 0 when it does not say when it was sent.
func (d *delay) of(ch Channel, now time.Time) time.Duration {
	sent, err := strconv.ParseInt(get(ch, "Event-Date-Timestamp"), 10, 64) // microseconds
	if err != nil {
		return 0
	}
	behind := now.UnixNano() - sent*1000
	if !d.known || behind < d.least.Load() {
		d.known = true
		d.least.Store(behind)
	}
	late := time.Duration(behind - d.least.Load())
	switch {
	case late <= lateAfter:
		d.since = time.Time{}
	case d.since.IsZero():
		d.since = now
	}
	return late
}

// delayLasts is longer than it takes to catch up with what has come in the
// meantime.
const delayLasts = 10 * time.Second

// lasts tells whether all announcements have been late for longer than there can
// be a reason for it but a clock.
func (d *delay) lasts(now time.Time) bool {
	return !d.since.IsZero() && now.Sub(d.since) > delayLasts
}

// allow takes a delay for none from now on.
func (d *delay) allow(late time.Duration) { d.least.Add(int64(late)) }
