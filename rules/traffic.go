package rules

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// TrunkCalls are the calls of a trunk that rules were asked about, each attempt
// once, since the engine was made. Trunk is empty for calls without one.
type TrunkCalls struct {
	Trunk string
	Calls uint64
}

// trunkCalls counts the calls of a trunk. All is counted by every call; what the
// count was at the beginning of a stretch of time is marked by the first call in
// it, so that the calls of a window are a difference.
type trunkCalls struct {
	all   *counter
	marks []*callMarks // by window of the ruleset
}

// stretches are what a window is divided into: a count over a window is one
// over it and up to a tenth of it more, never less.
const stretches = 10

// callMarks are the marks for one length of window.
type callMarks struct {
	width int64        // of a stretch, in nanoseconds
	at    atomic.Int64 // the stretch that was marked last
	mu    sync.Mutex
	ring  [stretches + 1]mark
}

// mark is how many calls had been counted when a stretch began.
type mark struct {
	stretch int64
	calls   uint64
}

func newCallMarks(window time.Duration) *callMarks {
	m := &callMarks{width: int64(window) / stretches}
	m.at.Store(-1)
	return m
}

// add counts a call.
func (t *trunkCalls) add(at time.Time, stripe uint32) {
	for _, m := range t.marks {
		if s := at.UnixNano() / m.width; s != m.at.Load() {
			m.begin(s, t.all)
		}
	}
	t.all.add(stripe)
}

// begin marks the beginning of a stretch. A call that comes a moment late begins
// none; when the clock was put back all begins anew.
func (m *callMarks) begin(stretch int64, all *counter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := m.at.Load()
	switch {
	case stretch < last-stretches:
		m.ring = [stretches + 1]mark{}
	case stretch <= last:
		return
	}
	m.ring[stretch%int64(len(m.ring))] = mark{stretch, all.Load()}
	m.at.Store(stretch)
}

// within counts the calls of the window that ends at a time.
func (m *callMarks) within(at time.Time, all *counter) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := all.Load()
	oldest, first := at.UnixNano()/m.width-stretches, now
	for _, k := range m.ring {
		if k.stretch >= oldest && k.stretch != 0 {
			first = min(first, k.calls)
		}
	}
	return now - first
}

// traffic finds or makes the counts of the trunks of rs, by their places. e.swap
// is held.
func (e *Engine) trafficOf(rs *Ruleset) []trunkCalls {
	all := make([]trunkCalls, rs.trunks.places())
	named := func(name string) trunkCalls {
		known := e.traffic[name]
		if known == nil {
			known = &trunkTraffic{marks: map[time.Duration]*callMarks{}}
			e.traffic[name] = known
		}
		t := trunkCalls{all: &known.calls}
		for _, window := range rs.windows {
			if known.marks[window] == nil {
				known.marks[window] = newCallMarks(window)
			}
			t.marks = append(t.marks, known.marks[window])
		}
		for window := range known.marks { // marks that nobody makes would be old when they are asked for again
			if !slices.Contains(rs.windows, window) {
				delete(known.marks, window)
			}
		}
		return t
	}
	all[0] = named("")
	for name, t := range rs.trunks.names {
		all[t.place] = named(name)
	}
	return all
}

// trunkTraffic is what an engine keeps of a trunk over reloads.
type trunkTraffic struct {
	calls counter
	marks map[time.Duration]*callMarks
}

// Traffic are the calls of each trunk that was ever configured, by name.
func (e *Engine) Traffic() []TrunkCalls {
	e.swap.Lock()
	defer e.swap.Unlock()
	all := make([]TrunkCalls, 0, len(e.traffic))
	for name, t := range e.traffic {
		all = append(all, TrunkCalls{name, t.calls.Load()})
	}
	slices.SortFunc(all, func(a, b TrunkCalls) int { return strings.Compare(a.Trunk, b.Trunk) })
	return all
}

// places is how many places trunks have; place 0 is that of calls without one.
func (t *trunks) places() int { return len(t.names) + 1 }

// place is that of the trunk that c came by.
func (c *Call) place() int {
	if c.trunk == nil {
		return 0
	}
	return c.trunk.place
}
