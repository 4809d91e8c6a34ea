package rules

import (
	"math/rand/v2"
	"testing"
	"time"
)

var eventsBegin = time.Date(2026, 6, 3, 12, 0, 0, 0, time.UTC)

// TestNumberEventsCount holds the counts against a plain list of all events.
func TestNumberEventsCount(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	e := newNumberEvents(1<<20, 24*time.Hour)
	type said struct {
		n     Number
		party uint64
		at    time.Time
	}
	var all []said
	at := eventsBegin
	for range 2000 {
		at = at.Add(time.Duration(r.IntN(120)-10) * time.Second) // clocks differ
		one := said{Number{key: 13035550260 + r.Uint64N(20)}, r.Uint64N(12), at}
		e.add(one.n, one.party, one.at)
		for i := range all {
			if one.party != 0 && all[i].n == one.n && all[i].party == one.party {
				all = append(all[:i], all[i+1:]...)
				break
			}
		}
		all = append(all, one)
		for _, window := range []time.Duration{time.Second, time.Hour, 24 * time.Hour} {
			want := 0
			for _, s := range all {
				if s.n == one.n && s.at.After(at.Add(-window)) {
					want++
				}
			}
			if got := e.count(one.n, at, window); got != min(want, eventsPerNumber) {
				t.Fatalf("%s in %s: %d, want %d", one.n, window, got, want)
			}
		}
	}
}

func TestNumberEventsBound(t *testing.T) {
	t.Parallel()
	e := newNumberEvents(eventShards*eventsPerNumber, time.Hour)
	regular := Number{key: 13035550000}
	at := eventsBegin
	for i := range 100_000 {
		at = at.Add(10 * time.Millisecond)
		e.add(Number{key: 13040000000 + uint64(i)}, 0, at)
		if i%10 == 0 {
			e.add(regular, 0, at)
		}
	}
	if got := e.count(regular, at, time.Hour); got != eventsPerNumber {
		t.Errorf("the number that is spoken of all the time has %d events, want %d", got, eventsPerNumber)
	}
	stats := e.stats()
	if stats.Length > stats.Capacity || stats.Length < stats.Capacity/2 || stats.Evicted == 0 {
		t.Errorf("%+v", stats)
	}
	sum := 0
	for i := range e.shards {
		events := 0
		for _, h := range e.shards[i].numbers {
			events += len(h.events)
		}
		if events != e.shards[i].length {
			t.Errorf("shard %d counts %d events, has %d", i, e.shards[i].length, events)
		}
		sum += events
	}
	if sum != stats.Length {
		t.Errorf("%d events, stats say %d", sum, stats.Length)
	}
	// What has expired goes without being an eviction.
	at = at.Add(2 * time.Hour)
	for i := range 10_000 {
		e.add(Number{key: 13050000000 + uint64(i)}, 0, at)
	}
	if later := e.stats(); later.Evicted-stats.Evicted > 10_000-uint64(later.Length) || e.count(regular, at, 24*time.Hour) != 0 {
		t.Errorf("%+v, then %+v", stats, later)
	}
}

func TestNumberEventsRemove(t *testing.T) {
	t.Parallel()
	e := newNumberEvents(1000, time.Hour)
	n := Number{key: 13035550260}
	for party := range uint64(3) {
		e.add(n, party+1, eventsBegin)
	}
	if gone := e.remove(n, 2); gone != 1 || e.count(n, eventsBegin, time.Minute) != 2 {
		t.Errorf("one of three is gone: %d, %d are left", gone, e.count(n, eventsBegin, time.Minute))
	}
	if gone := e.remove(n, 2); gone != 0 {
		t.Errorf("gone twice: %d", gone)
	}
	if gone := e.remove(n, 0); gone != 2 || e.count(n, eventsBegin, time.Minute) != 0 || e.stats().Length != 0 {
		t.Errorf("%d are gone, %+v", gone, e.stats())
	}
	if gone := e.remove(n, 0); gone != 0 {
		t.Errorf("gone of nothing: %d", gone)
	}
}

func TestNumberEventsDoNotAllocate(t *testing.T) {
	e := newNumberEvents(1000, time.Hour)
	n := Number{key: 13035550260}
	e.add(n, 0, eventsBegin)
	counted := 0
	if allocs := testing.AllocsPerRun(100, func() { counted += e.count(n, eventsBegin, time.Minute) }); allocs != 0 || counted == 0 {
		t.Errorf("counting allocates %v times, counted %d", allocs, counted)
	}
}
