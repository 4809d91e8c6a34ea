package rules

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Calls are counted while rules that count by other values come and go, and none
// of them goes on when all are over.
func TestSignalsConcurrentWithReloads(t *testing.T) {
	s := designSettings(t)
	texts := []string{signalRules, `rules:
  - {id: callee, label: x, when: 'concurrent(callee) < 0 or short_ratio(callee, "1h", "9s", 1) > 1 or answer_ratio(callee, "1h", 1) > 1'}
  - {id: caller, label: x, when: 'responses(caller, "1d", 404, 486) < 0 or short_ratio(caller, "1h", "9s", 1) > 1'}
`, signalRules}
	var sets []*Ruleset
	for range 20 {
		for _, text := range texts {
			sets = append(sets, compiled(t, s, "rules.yaml", text))
		}
	}
	e := running(t, Options{Pending: 1 << 16}, sets[0])
	const calls = 2000
	var all sync.WaitGroup
	for g := range 3 {
		all.Go(func() {
			for i := range calls {
				c := testCall("+12122000000", fmt.Sprintf("+1202334%04d", i%50))
				c.CallID, c.At = fmt.Sprint(g, ".", i), testTime.Add(time.Duration(i)*time.Millisecond)
				v := decided(e, c)
				if i%5 == 0 {
					v = decided(e, c)
				}
				e.Running([]ID{v.ID}, c.At)
				if i%3 == 0 {
					e.Observe(&Outcome{ID: v.ID, At: c.At, Code: 200})
				}
				if i%100 == 0 {
					_ = e.Explain(c)
				}
				code := 200
				if i%3 == 1 {
					code = 486
				}
				if got := e.Observe(&Outcome{ID: v.ID, At: c.At, Code: code, Ended: true, Talk: time.Second}); got != Counted {
					t.Errorf("outcome of call %d: %v", i, got)
				}
			}
		})
	}
	all.Go(func() {
		for _, rs := range sets[1:] {
			e.Swap(rs)
			e.Heal(testTime)
		}
	})
	all.Wait()
	c := testCall("+12122000000", "+12023340000")
	c.At = testTime.Add(calls * time.Millisecond)
	told := signalsOf(e, c)
	if told["concurrent(caller)"] != "1" || told["concurrent(trunk)"] != "" || told[`short_ratio(caller, "1h", "6s", 5)`] != "1.000" {
		t.Error(told)
	}
	if got := e.pending.Stats(); got.Open != 0 {
		t.Errorf("%+v", got)
	}
}
