package rules

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// Calls are decided while rules are swapped: each by one whole ruleset.
func TestDecideDuringSwap(t *testing.T) {
	defer leavesNone(t)()
	var sets []*Ruleset
	for i := range 4 {
		sets = append(sets, compiled(t, Settings{Trunks: []Trunk{testTrunk(t, "carrier", "192.0.2.0/24", true)}}, "rules.yaml",
			"learn:\n  dead: {from: callee, on: [404], upstream: [carrier], for: 1h}\n"+
				rulesOf(fmt.Sprintf("{id: a, when: 'account == \"alice\"', label: L%d}", i),
					fmt.Sprintf("{id: b, when: 'callee startsWith \"+1202\"', divert: 'sip:%d@example.net'}", i))))
	}
	e, err := NewEngine(Options{CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	e.Swap(sets[0])
	var stop atomic.Bool
	var decided atomic.Int64
	var calls sync.WaitGroup
	for g := range 4 {
		calls.Go(func() {
			var v Verdict
			for i := 0; !stop.Load(); i++ {
				c := testCall("+12122000000", fmt.Sprintf("+1202333%04d", i%1000))
				c.Account, c.CallID = "alice", fmt.Sprint(g, i)
				e.Decide(c, &v)
				if want := fmt.Sprintf("sip:%c@example.net", v.Label[1]); v.Target != want {
					t.Errorf("label %s, target %s", v.Label, v.Target)
					return
				}
				decided.Add(1)
				runtime.Gosched() // the swaps have their turn on one processor, too
				if i%16 == 0 {
					e.Observe(&Outcome{At: testTime, ID: v.ID, Code: 404, Upstream: netip.MustParseAddr("192.0.2.1"), Ended: true})
					e.Explain(c)
					e.Stats()
				}
			}
		})
	}
	for i := range 200 {
		e.Swap(sets[i%len(sets)])
		for before := decided.Load(); decided.Load() == before && !t.Failed(); {
			runtime.Gosched()
		}
	}
	stop.Store(true)
	calls.Wait()
	if n := e.Generation(); n != 201 {
		t.Errorf("generation %d", n)
	}
	e.Close()
}
