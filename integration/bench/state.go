package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"ringfence/integration/rig"
	"ringfence/rules"
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

// callerShape is what the pack behaviour counts of a caller.
var callerShape = state.Shape{Attempts: true, Distinct: true, Runs: 10 * time.Minute, Finished: true,
	Tallies: []string{"answered", "short:6s", "cancelled:8s", "code:607", "code:608"}, Keep: 24 * time.Hour}

// benchState measures the counting of calls and the reading of what was counted,
// alone, in processor time, and the memory that the pack behaviour takes.
func benchState(_ plan, _ string) error {
	if err := benchMemory(); err != nil {
		return err
	}
	store := state.New(2<<30, state.NewSeed())
	defer store.Close()
	kind, err := store.Kind(callerShape)
	if err != nil {
		return err
	}
	r, zipf := zipfCallers()
	at := time.Now()
	wants := []state.Want{{Ask: state.Attempts, Window: state.Span(time.Minute)}, {Ask: state.Runs, Window: state.Span(10 * time.Minute)}}
	got := make([]state.Got, len(wants))
	call := func(k state.Key, short uint32) {
		store.Attempt(k, kind, at, r.Uint64N(1<<40)+1, wants, got)
		store.Finish(k, kind, at, []uint32{1, short, 0, 0, 0}, false)
		at = at.Add(time.Millisecond)
	}
	eachCaller(func(caller uint64) { call(stateKey(caller), uint32(caller&1)) }, zipf)
	if stats := store.Stats(); stats.Keys != stateCallers || stats.Evicted > 0 {
		return errors.New("the state does not hold all callers")
	}
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
	asked := []state.Want{{Ask: state.Attempts, Window: state.Span(time.Minute)}, {Ask: state.Finished, Window: state.Span(time.Hour)}}
	var updates, reads []float64
	for range stateTurns {
		updates = append(updates, turn(func(k state.Key) { store.Attempt(k, kind, at, 1, wants, got) }))
		reads = append(reads, turn(func(k state.Key) { store.Read(k, kind, at, asked, got) }))
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

// benchMemory has the pack behaviour count calls of all callers, whose callees
// follow Zipf's law, too.
func benchMemory() error {
	rs, err := rules.Compile(rules.Settings{Country: "US", Redress: rules.Redress{URL: "https://redress.example.com/calls", Location: "TN"},
		Files: []string{filepath.Join(rig.Root(), "rules", "packs", "behaviour.yaml")}})
	if err != nil {
		return err
	}
	engine, err := rules.NewEngine(rules.Options{StateBytes: 4 << 30})
	if err != nil {
		return err
	}
	defer engine.Close()
	engine.Swap(rs)
	r, zipf := zipfCallers()
	c := rules.Call{At: time.Now(), FromTag: "1"}
	var v rules.Verdict
	calls := 0
	eachCaller(func(caller uint64) {
		area, exchange, line := national(2 * caller)
		c.From.User = fmt.Sprintf("+1%d%03d%04d", area, exchange, line)
		area, exchange, line = national(2*zipf.Uint64() + 1)
		c.RequestUser = fmt.Sprintf("+1%d%03d%04d", area, exchange, line)
		c.RequestURI = "sip:" + c.RequestUser + "@127.0.0.1"
		c.At, c.CSeq = c.At.Add(time.Millisecond), c.CSeq+1
		engine.Decide(&c, &v)
		if calls++; v.Action == rules.Allow {
			o := rules.Outcome{ID: v.ID, At: c.At, Code: 200, Talk: time.Duration(r.IntN(300)) * time.Second, Ended: true}
			engine.Observe(&o)
		}
	}, zipf)
	stats := engine.State().Stats()
	if stats.Evicted+stats.Refused > 0 {
		return errors.New("the state does not hold all that the pack counts")
	}
	figure("state_keys", float64(stats.Keys), "keys")
	figure("state_calls", float64(calls), "calls")
	figure("state_bytes_per_key", float64(stats.Bytes)/float64(stats.Keys), "bytes")
	return nil
}

func zipfCallers() (*rand.Rand, *rand.Zipf) {
	r := rand.New(rand.NewPCG(1, 2))
	return r, rand.NewZipf(r, 1.2, 40, stateCallers-1)
}

// eachCaller is every caller twice, and then callers by Zipf's law.
func eachCaller(call func(caller uint64), zipf *rand.Zipf) {
	for i := range uint64(stateCallers) {
		for range 2 {
			call(i)
		}
	}
	for range stateCalls - 2*stateCallers {
		call(zipf.Uint64())
	}
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
				store.Attempt(stateKey(r.Uint64N(stateCallers)), kind, at, 1, nil, nil)
			}
		})
	}
	running.Wait()
	return float64(time.Since(start)) / (10 * stateTurn)
}

func stateKey(n uint64) state.Key {
	return state.Key{Hi: (n + 1) * 0x9e3779b97f4a7c15, Lo: (n + 1) * 0xd6e8feb86659fd93}
}
