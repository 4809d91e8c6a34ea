//go:build !race

package rules

import "testing"

// Asking for what counts for an upstream or a subscriber takes no room.
func TestLearnedScopesDoNotAllocate(t *testing.T) {
	carriers := []Trunk{testTrunk(t, "carrier-a", "192.0.2.0/28", true), {Name: "carrier-b"}, {Name: "carrier-c"}}
	scoped := running(t, Options{}, compiled(t, Settings{Trunks: carriers}, "rules.yaml", scopedRules))
	refused := refusing(t, Options{})
	v := new(Verdict)
	for what, f := range map[string]func(*Call){
		"no upstream":         func(c *Call) { scoped.Probe(c, v) },
		"an upstream":         func(c *Call) { c.Upstream = "carrier-b"; scoped.Probe(c, v) },
		"its address":         func(c *Call) { c.Upstream = "192.0.2.1"; scoped.Probe(c, v) },
		"an unknown upstream": func(c *Call) { c.Upstream = "10.gig.e.1"; scoped.Probe(c, v) },
		"a wrong address":     func(c *Call) { c.Upstream = "1.2.3"; scoped.Probe(c, v) },
		"a subscriber":        func(c *Call) { refused.Probe(c, v) },
	} {
		c := testCall(spam, anna)
		f(c)
		if got := testing.AllocsPerRun(1000, func() { f(c) }); got != 0 {
			t.Errorf("%s: %v allocations", what, got)
		}
	}
}
