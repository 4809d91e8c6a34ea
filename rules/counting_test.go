package rules

import (
	"fmt"
	"path/filepath"
	"strings"
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

// What is counted is bounded, and the rule that is too much is named.
func TestBoundsOfSubjects(t *testing.T) {
	for _, tt := range []struct {
		signal string
		most   int
		want   string
	}{
		{`rate(prefix(%s, %d), "1m") > 1`, maxSubjects, `counts calls by one more value, and with the rules before by more than 64`},
		{`concurrent(prefix(%s, %d)) > 1`, maxKept, `asks how calls ended, or go on, by one more value, and with the rules before by more than 8`},
		{`answer_ratio(prefix(%s, %d), "1h", 5) < 0.1`, maxKept, `asks how calls ended, or go on, by one more value, and with the rules before by more than 8`},
	} {
		for _, n := range []int{tt.most, tt.most + 1, tt.most + 2} {
			var text strings.Builder
			text.WriteString("rules:\n")
			for i := range n {
				of := []string{"caller", "callee", "network", "presentation", "diverted_by"}[i/maxGlobal]
				fmt.Fprintf(&text, "  - {id: r%d, label: x, when: '%s'}\n", i, fmt.Sprintf(tt.signal, of, i%maxGlobal+1))
			}
			text.WriteString("  - {id: off, label: x, mode: off, when: 'concurrent(domain) > 1'}\n")
			s := designSettings(t)
			file := filepath.Join(writeFiles(t, "rules.yaml", text.String()), "rules.yaml")
			s.Files = []string{file}
			_, err := Compile(s)
			want := ""
			if n > tt.most {
				want = fmt.Sprintf("%s:%d:10: rule \"r%d\": %s (ask by values that others ask by, or take out what is hardly asked about)", file, tt.most+2, tt.most, tt.want)
			}
			if err == nil && want != "" || err != nil && err.Error() != want {
				t.Errorf("%s, %d times: %v, want %s", tt.signal, n, err, want)
			}
		}
	}
}
