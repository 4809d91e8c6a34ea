package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ringfence/rules"
)

// benchEngine measures the engine alone, in this process: callers that do not
// repeat, the scenario's list, 10, 1,000 and 10,000 rules, with and without cache.
func benchEngine(_ plan, dir string) error {
	if err := writeScenario(dir, 10); err != nil {
		return err
	}
	for _, n := range []int{10, benchRules, 10_000} {
		for _, cache := range []int64{0, 64 << 20} {
			name := fmt.Sprintf("decide_%d_rules", n)
			if cache == 0 {
				name += "_no_cache"
			}
			result, err := measureEngine(dir, n, cache)
			if err != nil {
				return err
			}
			figure(name, float64(result.T.Nanoseconds())/float64(result.N), "ns")
			if n == benchRules && cache > 0 {
				figure("decide_allocs", float64(result.AllocsPerOp()), "allocations")
			}
		}
	}
	return nil
}

func measureEngine(dir string, n int, cache int64) (testing.BenchmarkResult, error) {
	none := testing.BenchmarkResult{}
	file := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(file, []byte(ruleFile(n)), 0o600); err != nil {
		return none, err
	}
	set, err := rules.Compile(rules.Settings{
		Redress: rules.Redress{URL: "https://redress.example.com/calls", Location: "RLN"},
		Trunks:  []rules.Trunk{{Name: "carrier-a", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Country: "US", Trusted: true}},
		Files:   []string{file},
	})
	if err != nil {
		return none, err
	}
	engine, err := rules.NewEngine(rules.Options{CacheBytes: cache, Pending: 1 << 16})
	if err != nil {
		return none, err
	}
	defer engine.Close()
	engine.Swap(set)

	// The calls are made ahead: their strings are not the engine's cost.
	calls := make([]rules.Call, 1<<17)
	who := callers{listed: 10}
	at := time.Now()
	for i := range calls {
		digits := []byte(callerMark)
		who.next(digits, []int{0})
		user := "+1" + string(digits)
		id := rules.Identity{User: user, Host: "sip.example.net", Display: "Example Caller"}
		calls[i] = rules.Call{
			At: at, Source: netip.AddrFrom4([4]byte{127, 0, 0, 9}),
			RequestURI: "sip:+12125557100@127.0.0.1", RequestUser: "+12125557100", Domain: "127.0.0.1",
			From: id, Asserted: [2]rules.Identity{id},
		}
	}
	return testing.Benchmark(func(b *testing.B) {
		var v rules.Verdict
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			engine.Decide(&calls[i&(len(calls)-1)], &v)
		}
	}), nil
}
