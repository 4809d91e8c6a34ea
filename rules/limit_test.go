package rules

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLimitIsReadAsWritten(t *testing.T) {
	for text, want := range map[string]string{"2% of trunk per 5m": "", "0.5%  of trunk per 90s": "0.5% of trunk per 1m30s", "100% of trunk per 1d": "", "50 per 1m": ""} {
		if want == "" {
			want = text
		}
		l, fault := parseLimit(text)
		if fault != "" || l.String() != want {
			t.Errorf("%q: %v, %s", text, l, fault)
		}
	}
	for _, text := range []string{"", "2%", "2% per 5m", "0% of trunk per 5m", "0.05% of trunk per 5m", "101% of trunk per 5m", "2% of trunk per 9s", "2% of trunk per 2d", "0 per 1m", "-1 per 1m", "1000001 per 1m", "50 per", "50 of trunk per 1m", "2.% of trunk per 5m"} {
		if l, fault := parseLimit(text); fault == "" {
			t.Errorf("%q is read as %s", text, l)
		}
	}
}

// guarded is an engine with limited rules, whose clock the test steps.
type guardedEngine struct {
	*testing.T
	*Engine
	at     time.Time
	n      uint64
	events []Guarded
}

func guardedBy(t *testing.T, rules string) *guardedEngine {
	g := &guardedEngine{T: t, at: testTime}
	g.Engine = running(t, Options{OnGuard: func(e Guarded) { g.events = append(g.events, e) }}, g.compile(rules))
	return g
}

func (g *guardedEngine) compile(rules string) *Ruleset {
	g.Helper()
	return compiled(g.T, Settings{Trunks: []Trunk{testTrunk(g.T, "a", "192.0.2.0/24", false), testTrunk(g.T, "b", "198.51.100.0/24", false)}}, "rules.yaml", rules)
}

// calls makes n calls over a time by a trunk, and tells how many were stopped.
func (g *guardedEngine) calls(trunk string, bad bool, n int, over time.Duration) (stopped int) {
	v := new(Verdict)
	for range n {
		g.n++
		c := testCall("+12122000000", "+12025550123")
		c.CallID, c.TrunkName, c.At = fmt.Sprint(g.n), trunk, g.at
		if bad {
			c.Account = "bad"
		}
		e := g.Explain(c)
		if g.Decide(c, v); v.Action == Block {
			stopped++
		} else if bad && (len(v.Monitored) != 1 || e.Verdict.Action == "allow" && e.Rules[0].Held == "") {
			g.Fatalf("%s\n%s", words(v), e)
		}
		if again := decided(g.Engine, c); v.Action == Block && again.Action == Allow && len(g.Guarded()) == 0 {
			g.Fatalf("asked again: %s", words(again))
		}
		g.at = g.at.Add(over / time.Duration(n))
	}
	return stopped
}

const limitedRules = "rules:\n  - {id: r, when: 'account == \"bad\"', block: subscriber, limit: %s}\n"

func TestLimitOfCalls(t *testing.T) {
	g := guardedBy(t, fmt.Sprintf(limitedRules, "50 per 1m"))
	// 40 a minute is within it for as long as it lasts, whatever good calls there are.
	if n := g.calls("a", true, 400, 10*time.Minute); n != 400 || len(g.events) != 0 {
		t.Fatalf("%d stopped, %v", n, g.events)
	}
	g.at = g.at.Add(2 * time.Minute)
	// In a burst the 51st passes, and all after it.
	if n := g.calls("a", true, 200, 10*time.Second); n != 50 {
		t.Errorf("%d stopped of a burst", n)
	}
	want := []Guarded{{Rule: "r", Trunk: "a", Since: g.events[0].Since, Limit: "50 per 1m", Stopped: 50, Text: g.events[0].Text}}
	if diff := cmp.Diff(want, g.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, g.Guarded()); diff != "" {
		t.Errorf("guarded (-want +got):\n%s", diff)
	}
	if n := g.calls("b", true, 10, time.Second) + g.calls("", true, 10, time.Second); n != 20 {
		t.Errorf("%d stopped on other trunks", n)
	}
	g.at = g.at.Add(24 * time.Hour)
	if n := g.calls("a", true, 10, time.Second); n != 0 {
		t.Errorf("it acts again by itself: %d", n)
	}
	if n, err := g.Resume("r"); n != 1 || err != nil {
		t.Errorf("resumed on %d: %v", n, err)
	}
	if n, err := g.Resume("r"); n != 0 || err != nil {
		t.Errorf("resumed again on %d: %v", n, err)
	}
	if n := g.calls("a", true, 60, time.Second); n != 50 || len(g.events) != 2 {
		t.Errorf("%d stopped after it was resumed, %d events", n, len(g.events))
	}
	if _, err := g.Resume("q"); err == nil || !strings.Contains(err.Error(), "did you mean r?") && !strings.Contains(err.Error(), "is no rule that runs") {
		t.Errorf("resume of no rule: %v", err)
	}
}

func TestLimitOfShare(t *testing.T) {
	tests := []struct {
		name      string
		good, bad int // each round of a minute
		rounds    int
		want      int // stopped
		calls     uint64
	}{
		{"within the share", 490, 10, 20, 200, 0},
		{"beyond it", 100, 900, 1, 5, 106},
		{"few calls, few stopped", 0, 5, 1, 5, 0},
		{"few calls, one too many", 10, 6, 1, 5, 16},
		{"all calls of a quiet trunk", 0, 1, 20, 5, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := guardedBy(t, fmt.Sprintf(limitedRules, "2% of trunk per 5m"))
			n := 0
			for range tt.rounds {
				g.calls("a", false, tt.good, 0)
				g.calls("b", false, 1000, 0) // another trunk's calls are not this one's
				n += g.calls("a", true, tt.bad, 0)
				g.at = g.at.Add(time.Minute)
			}
			if n != tt.want {
				t.Errorf("%d stopped, want %d: %v", n, tt.want, g.events)
			}
			if tt.calls == 0 && len(g.events) != 0 || tt.calls != 0 && (len(g.events) != 1 || g.events[0].Calls != tt.calls) {
				t.Errorf("events: %+v", g.events)
			}
		})
	}
}

// What the clock does must not make a limit forget or never end.
func TestLimitWithTheClockPutBack(t *testing.T) {
	g := guardedBy(t, fmt.Sprintf(limitedRules, "5% of trunk per 1m"))
	g.calls("a", false, 1000, 0)
	g.calls("a", true, 40, 0)
	g.at = g.at.Add(-time.Hour)
	g.calls("a", false, 200, time.Second)
	if n := g.calls("a", true, 20, time.Second); n != 10 {
		t.Errorf("%d stopped of 200 calls", n)
	}
}

func TestGuardedOverReloads(t *testing.T) {
	text := fmt.Sprintf(limitedRules, "5 per 1m")
	g := guardedBy(t, text)
	g.calls("a", true, 3, 0)
	g.Swap(g.compile("# the same\n" + text))
	if n := g.calls("a", true, 10, 0); n != 2 || len(g.Guarded()) != 1 {
		t.Fatalf("%d stopped after a reload, %v", n, g.Guarded())
	}
	g.Swap(g.compile(strings.Replace(text, "account", "domain == \"example.net\" and account", 1)))
	if n := g.calls("a", true, 1, 0); n != 1 || g.Guarded() != nil {
		t.Errorf("a rule that was changed: %v", g.Guarded())
	}
	g.Swap(g.compile(text))
	g.calls("a", true, 10, 0)
	kept := g.Guarded()

	restarted, err := NewEngine(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer restarted.Close()
	restarted.RestoreGuarded(kept)
	restarted.Swap(g.compile(text))
	if diff := cmp.Diff(kept, restarted.Guarded()); diff != "" || len(kept) != 1 {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	restarted.Swap(g.compile(strings.Replace(text, "5 per", "6 per", 1)))
	if got := restarted.Guarded(); got != nil {
		t.Errorf("a changed limit: %v", got)
	}
}

func TestTraffic(t *testing.T) {
	g := guardedBy(t, fmt.Sprintf(limitedRules, "50 per 1m"))
	g.calls("a", false, 7, 0)
	g.calls("", true, 3, 0)
	g.Swap(g.compile(fmt.Sprintf(limitedRules, "2% of trunk per 5m")))
	g.calls("a", true, 2, 0)
	if diff := cmp.Diff([]TrunkCalls{{"", 3}, {"a", 9}, {"b", 0}}, g.Traffic()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Beside each other calls are counted once each, and no more than the limit is
// stopped.
func TestLimitConcurrently(t *testing.T) {
	var mu sync.Mutex
	events, stopped := 0, 0
	rs := compiled(t, Settings{Trunks: []Trunk{testTrunk(t, "a", "192.0.2.0/24", false)}}, "rules.yaml", "rules:\n"+
		"  - {id: r, when: 'account == \"bad\"', block: subscriber, limit: 100 per 1m}\n  - {id: s, when: 'account == \"bad\"', block: dno, limit: 10% of trunk per 1m}\n")
	e := running(t, Options{OnGuard: func(Guarded) { mu.Lock(); events++; mu.Unlock() }}, rs)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				c := testCall("+12122000000", "+12025550123")
				c.TrunkName, c.Account, c.CallID = "a", "bad", ""
				c.At = testTime.Add(time.Duration(i) * time.Millisecond)
				if v := decided(e, c); v.Action == Block && v.Rule.ID == "r" {
					mu.Lock()
					stopped++
					mu.Unlock()
				}
				if i%50 == 0 {
					e.Guarded()
				}
			}
		})
	}
	all.Wait()
	if stopped != 100 || events != 2 || e.Traffic()[1].Calls != 4000 {
		t.Errorf("%d stopped, %d events, %v", stopped, events, e.Traffic())
	}
}
