package main

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"ringfence/rules/state"
)

// How the state is measured: so many callers are active, and who calls follows
// Zipf's law.
const (
	stateCallers = 1_000_000
	stateCalls   = 4_000_000 // to begin with; the median caller makes three
	stateTurns   = 100
	stateTurn    = 10_000
)

// benchState measures the counting of calls and the reading of what was counted,
// alone, in processor time.
func benchState(_ plan, _ string) error {
	store := state.New(2 << 30, state.NewSeed())
	defer store.Close()
	kind, err := store.Kind(state.Shape{Attempts: true, Finished: true, Tallies: []string{"answered", "short", "talk"}, Keep: 24 * time.Hour})
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.2, 40, stateCallers-1)
	at := time.Now()
	call := func(k state.Key, talk uint32) {
		store.Attempt(k, kind, at, 0, nil, nil)
		store.Finish(k, kind, at, []uint32{1, 0, talk}, true)
		at = at.Add(time.Millisecond)
	}
	for i := range uint64(stateCallers) {
		for range 2 {
			call(stateKey(i), 20)
		}
	}
	for range stateCalls - 2*stateCallers {
		call(stateKey(zipf.Uint64()), uint32(r.IntN(300)))
	}
	stats := store.Stats()
	if stats.Keys != stateCallers || stats.Evicted > 0 {
		return errors.New("the state does not hold all callers")
	}
	figure("state_keys", float64(stats.Keys), "keys")
	figure("state_bytes_per_key", float64(stats.Bytes)/float64(stats.Keys), "bytes")

	keys := make([]state.Key, stateTurn)
	turn := func(do func(state.Key)) float64 {
		for i := range keys {
			keys[i] = stateKey(r.Uint64N(stateCallers))
		}
		return threadTime(func() {
			for _, k := range keys {
				do(k)
			}
		}) / stateTurn
	}
	wants := []state.Want{{Ask: state.Attempts, Window: state.Span(time.Minute)}, {Ask: state.Finished, Window: state.Span(time.Hour)}}
	got := make([]state.Got, len(wants))
	var updates, reads []float64
	for range stateTurns {
		updates = append(updates, turn(func(k state.Key) { store.Attempt(k, kind, at, 0, nil, nil) }))
		reads = append(reads, turn(func(k state.Key) { store.Read(k, kind, at, wants, got) }))
	}
	figure("state_update_ns", median(updates), "ns")
	figure("state_read_ns", median(reads), "ns")

	var ratios []float64
	for range stateTurns / 10 {
		ratios = append(ratios, written(store, kind, 1)/written(store, kind, 2))
	}
	ratioOf(ratios).figures("state_two_writers")
	return nil
}

// written is how long it takes, a call, until so many writers have written as much
// together.
func written(store *state.Store, kind *state.Kind, writers int) float64 {
	var running sync.WaitGroup
	start := time.Now()
	for w := range writers {
		running.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			at := time.Now()
			for range 10 * stateTurn / writers {
				store.Attempt(stateKey(r.Uint64N(stateCallers)), kind, at, 0, nil, nil)
			}
		})
	}
	running.Wait()
	return float64(time.Since(start)) / (10 * stateTurn)
}

func stateKey(n uint64) state.Key {
	return state.Key{Hi: (n + 1) * 0x9e3779b97f4a7c15, Lo: (n + 1) * 0xd6e8feb86659fd93}
}
