//go:build !race

package rules

import "testing"

func TestLiveAllocs(t *testing.T) {
	e := liveEngine(t, Options{})
	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+1404*", "+12122000007", "+14055550100-+14055550199"}})
	mustChange(t, e, LiveChange{List: "spam", Action: LiveRemove, Entries: []string{"+1303555*", "+12122000001"}})
	v := new(Verdict)
	for _, number := range []string{"+14045551234", "+12122000007", "+14055550150", "+13035551234", "+12122000001", "+12122000003"} {
		c := testCall(number, "+12125550123")
		e.warm(func() { e.Decide(c, v) })
		if n := testing.AllocsPerRun(1000, func() { e.Decide(c, v) }); n > 0 {
			t.Errorf("%s: %v allocations", number, n)
		}
	}
}
