package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ringfence/rules"
)

// How the engine is measured: all sides take turns of so many calls, so that a
// drift of the machine's speed meets all of them. A figure is the processor time
// of the median turn: who else uses the machine does not count.
const (
	engineTurns = 200
	engineTurn  = 5_000
	engineStart = 1_000 // calls of a turn that are not counted: the other sides had the processor's caches
	engineCalls = engineTurns * (engineStart + engineTurn)
	engineCache = 64 << 20 // bytes, where the cache is on
	repeating   = 1_000    // callers and callees of decide_cached_ns
)

// benchEngine measures the engine alone, in this process, with the scenario's
// rules and list. Each figure is a whole Decide.
//
// Cold is a decision that no cache holds: the engine's cache is off, and no
// caller, callee or Call-ID comes twice. Cached is one whose class of candidates
// is cached: callers and callees repeat, Call-IDs do not. Facts of NANP numbers
// come from a table, never from a cache. The rules read the validity and the
// country of both numbers.
func benchEngine(_ plan, dir string) error {
	if err := writeScenario(dir, 10); err != nil {
		return err
	}
	text := newCallText(engineCalls)
	sides := []*engineSide{
		{name: "cold_10_rules", rules: 10},
		{name: "cold_1000_rules", rules: 1_000},
		{name: "cold", rules: benchRules},
		{name: "cached", rules: benchRules, cache: engineCache, repeat: repeating},
		{name: "cached_off", rules: benchRules, repeat: repeating},
		{name: "overlap", rules: benchRules, overlap: true, cache: engineCache, repeat: repeating},
		{name: "overlap_off", rules: benchRules, overlap: true, repeat: repeating},
	}
	for _, s := range sides {
		file := ruleFile(s.rules)
		if s.overlap {
			file += overlapping
		}
		engine, err := newEngine(dir, file, s.cache)
		if err != nil {
			return err
		}
		defer engine.Close()
		s.engine, s.calls = engine, callsOf(text, s.repeat)
	}
	for range engineTurns {
		for _, s := range sides {
			s.turn()
		}
	}
	for _, s := range sides {
		figure("decide_"+s.name+"_ns", median(s.ns), "ns")
		figure("decide_"+s.name+"_least", slices.Min(s.ns), "ns")
		figure("decide_"+s.name+"_most", slices.Max(s.ns), "ns")
	}
	ten, all, cached := sides[0], sides[2], sides[3]
	ratios := make([]float64, engineTurns)
	for i := range ratios {
		ratios[i] = all.ns[i] / ten.ns[i]
	}
	figure("decide_flat", median(ratios), "ratio")
	for _, s := range []*engineSide{all, cached} {
		if got := testing.AllocsPerRun(engineTurn, s.decide); got > 0 {
			return fmt.Errorf("%s allocates %v times", s.name, got)
		}
	}
	figure("decide_allocs", 0, "allocations")
	measureFacts(all.engine, text)
	return measureHits(dir)
}

// engineSide is one engine under one load.
type engineSide struct {
	name    string
	rules   int
	overlap bool
	cache   int64
	repeat  int // callers and callees, 0: none comes twice
	engine  *rules.Engine
	calls   *engineLoad
	v       rules.Verdict
	ns      []float64 // of each turn, a call
}

func (s *engineSide) decide() { s.engine.Decide(s.calls.next(), &s.v) }

func (s *engineSide) turn() {
	for range engineStart {
		s.decide()
	}
	s.ns = append(s.ns, threadTime(func() {
		for range engineTurn {
			s.decide()
		}
	})/engineTurn)
}

// newEngine is an engine with these rules at work.
func newEngine(dir, text string, cache int64) (*rules.Engine, error) {
	file := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	set, err := rules.Compile(rules.Settings{
		Redress: rules.Redress{URL: "https://redress.example.com/calls", Location: "RLN"},
		Trunks:  []rules.Trunk{{Name: "carrier-a", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Country: "US", Trusted: true}},
		Files:   []string{file},
	})
	if err != nil {
		return nil, err
	}
	engine, err := rules.NewEngine(rules.Options{CacheBytes: cache, Pending: 1 << 16})
	if err != nil {
		return nil, err
	}
	engine.Swap(set)
	return engine, nil
}

// callText is the text of calls made ahead, in one piece that is read from its
// beginning to its end, as an adapter has just read what it asks about.
type callText string

const callRecord = len("bench-+1" + callerMark + "@127.0.0.9")

func newCallText(n int) callText {
	who := callers{listed: 10}
	digits := []byte(callerMark)
	var b strings.Builder
	b.Grow(n * callRecord)
	for range n {
		who.next(digits, []int{0})
		b.WriteString("bench-+1" + string(digits) + "@127.0.0.9")
	}
	return callText(b.String())
}

func (t callText) id(i int) string { return string(t[i*callRecord : (i+1)*callRecord]) }
func (t callText) number(i int) string {
	return string(t[i*callRecord+len("bench-"):][:len("+1"+callerMark)])
}

// engineLoad gives one call after the other, in the same place.
type engineLoad struct {
	text     callText
	n        int // of calls that text has
	repeat   int
	i        int
	accounts []string
	call     rules.Call
}

func callsOf(text callText, repeat int) *engineLoad {
	l := &engineLoad{text: text, n: len(text) / callRecord, repeat: repeat}
	for i := range 16 {
		l.accounts = append(l.accounts, customer(i*50+4))
	}
	l.call = rules.Call{
		At: time.Now(), Source: netip.AddrFrom4([4]byte{127, 0, 0, 9}), FromTag: "8f2a", CSeq: 1,
		RequestURI: "sip:+12125557100@127.0.0.1", Domain: "127.0.0.1",
		From: rules.Identity{Host: "sip.example.net", Display: "Example Caller"}, Asserted: [2]rules.Identity{{Host: "sip.example.net"}},
	}
	return l
}

// next is the next call; half of them come from customers.
func (l *engineLoad) next() *rules.Call {
	i := l.i % l.n
	caller, callee := i, l.n-1-i
	if l.repeat > 0 {
		caller, callee = i%l.repeat, i%l.repeat+l.repeat
	}
	l.i++
	c := &l.call
	c.CallID = l.text.id(i)
	c.From.User = l.text.number(caller)
	c.Asserted[0].User = c.From.User
	c.RequestUser = l.text.number(callee)
	if c.Account = ""; i%2 == 1 {
		c.Account = l.accounts[i/2%len(l.accounts)]
	}
	return c
}

// measureFacts prints what it takes to know a NANP number that was never seen.
func measureFacts(e *rules.Engine, text callText) {
	numbers := make([]rules.Number, len(text)/callRecord)
	for i := range numbers {
		numbers[i], _ = rules.ParseNumber(text.number(i))
	}
	var ns []float64
	for turn := range slices.Chunk(numbers, engineTurn) {
		ns = append(ns, threadTime(func() {
			for _, n := range turn {
				e.Facts(n)
			}
		})/float64(len(turn)))
	}
	figure("number_facts_ns", median(ns), "ns")
}

// measureHits prints how often a class of calls was cached when callers, callees
// and customers come as often as Zipf's law says, from the first call on.
func measureHits(dir string) error {
	engine, err := newEngine(dir, ruleFile(benchRules), engineCache)
	if err != nil {
		return err
	}
	defer engine.Close()
	r := rand.New(rand.NewPCG(1, 2))
	people, customers := rand.NewZipf(r, 1.1, 1, subscribers-1), rand.NewZipf(r, 1.1, 1, benchRules-1)
	load := callsOf(newCallText(1), 0)
	var v rules.Verdict
	for range engineCalls / 4 {
		c := load.next()
		c.From.User, c.RequestUser = number(people.Uint64()), number(people.Uint64())
		c.Asserted[0].User, c.CallID = c.From.User, ""
		c.Account = customer(int(customers.Uint64()))
		engine.Decide(c, &v)
	}
	s := engine.Stats().Cache
	figure("cache_hit_ratio", float64(s.Hits)/float64(s.Hits+s.Misses), "ratio")
	figure("cache_dropped", float64(s.Dropped), "misses")
	return nil
}
