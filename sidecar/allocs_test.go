//go:build !race

package sidecar

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"ringfence/rules"
)

// A decision, its count and its record allocate nothing, also of a call that
// is stopped, and also when the journal does not keep up.
func TestDecideDoesNotAllocate(t *testing.T) {
	c, err := LoadConfig(filepath.Join(folder(t, nil), "ringfence.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rs, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := rules.NewEngine(rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	engine.Swap(rs)
	j := newJournal(JournalConfig{Queue: 1}, slog.New(slog.DiscardHandler), nil)
	s := &service{engine: engine, journal: j, now: time.Now}
	for _, caller := range []string{clean, spam, "+12025550177"} {
		call := &rules.Call{At: time.Now(), CallID: "a", From: rules.Identity{User: caller}, RequestURI: "sip:" + callee + "@x", RequestUser: callee}
		var v rules.Verdict
		if n := testing.AllocsPerRun(1000, func() {
			call.CSeq++
			s.Decide(call, &v)
		}); n != 0 {
			t.Errorf("a call from %s: %v allocations", caller, n)
		}
	}
	if j.dropped.Load() == 0 {
		t.Error("the queue was never full")
	}
}
