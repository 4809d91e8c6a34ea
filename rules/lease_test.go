package rules

import (
	"bytes"
	"testing"
	"time"
)

// lapse is how many calls Heal ends.
func (e *Engine) lapse(at time.Time) int {
	before := e.pending.Stats().Expired
	e.Heal(at)
	return int(e.pending.Stats().Expired - before)
}

// A call that its switch told of ends when it is told of no more; one of which no
// switch tells, when it is too old.
func TestLease(t *testing.T) {
	e := idle(t, nil, Options{Pending: 10_000, CallAge: time.Hour})
	var leased, other []ID
	for i := range 1000 {
		id := e.pending.added(2*i, pendingCall{At: noon.UnixNano()})
		leased = append(leased, id)
		other = append(other, e.pending.added(2*i+1, pendingCall{At: noon.UnixNano()}))
	}
	over := e.pending.added(5000, pendingCall{At: noon.UnixNano()})
	e.pending.observe(&Outcome{ID: over, Code: 404})
	e.pending.observe(&Outcome{ID: leased[0], Code: 200}) // answered, and goes on

	told := append([]ID{over, callID(7000)}, leased...)
	for _, step := range []struct {
		at       time.Duration
		told     []ID
		known    int
		lapsed   int
		openThen int
	}{
		{30 * time.Second, told, 1000, 0, 2000},
		{60 * time.Second, told, 1000, 0, 2000},
		{159 * time.Second, nil, 0, 0, 2000},
		{160 * time.Second, leased[:10], 10, 990, 1010},
		{time.Hour - time.Second, leased[:10], 10, 0, 1010},
		{time.Hour + time.Second, told, 10, 1000, 10},
		{time.Hour - time.Minute, leased[:10], 10, 0, 10}, // a clock that was set back takes no lease
		{time.Hour + 102*time.Second, leased[:1], 1, 9, 1},
		{9 * time.Hour, nil, 0, 1, 0},
	} {
		at := noon.Add(step.at)
		if got := e.Running(step.told, at); got != step.known {
			t.Errorf("%s: %d are known, want %d", step.at, got, step.known)
		}
		if got := e.lapse(at); got != step.lapsed {
			t.Errorf("%s: %d end, want %d", step.at, got, step.lapsed)
		}
		if got := e.pending.Stats(); got.Open != step.openThen {
			t.Errorf("%s: %+v, want %d open", step.at, got, step.openThen)
		}
	}
	if got := e.pending.Stats(); got.Expired != 2000 {
		t.Errorf("%+v", got)
	}
	for _, id := range []ID{leased[0], other[0]} { // an outcome that comes later counts nothing
		if got := e.Observe(&Outcome{ID: id, Code: 200, Ended: true}); got == Counted {
			t.Errorf("%v", got)
		}
	}
}

// A place that is taken anew has no lease.
func TestLeaseOfAPlaceTakenAnew(t *testing.T) {
	e := idle(t, nil, Options{Pending: 1})
	id := e.pending.added(1, pendingCall{At: noon.UnixNano()})
	e.Running([]ID{id}, noon)
	e.pending.observe(&Outcome{ID: id, Code: 404})
	e.pending.added(2, pendingCall{At: noon.UnixNano()})
	if got := e.lapse(noon.Add(time.Hour)); got != 0 {
		t.Errorf("%d end by the lease of another", got)
	}
	if got := e.lapse(noon.Add(4 * time.Hour)); got != 1 {
		t.Errorf("%d end by their age", got)
	}
}

// A restart is no reason to end a call: its switch could not tell of it meanwhile.
func TestLeaseOutlivesARestart(t *testing.T) {
	before, after := engineOf(t, 10), idle(t, nil, Options{Pending: 10})
	id := before.pending.added(1, pendingCall{At: noon.UnixNano()})
	before.Running([]ID{id}, noon)
	var file bytes.Buffer
	if err := before.SavePending(&file); err != nil {
		t.Fatal(err)
	}
	start := noon.Add(10 * time.Minute)
	if _, err := after.RestorePending(&file, start); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at   time.Time
		want int
	}{{start.Add(99 * time.Second), 0}, {start.Add(101 * time.Second), 1}} {
		if got := after.lapse(step.at); got != step.want {
			t.Errorf("%s: %d end, want %d", step.at, got, step.want)
		}
	}
}
