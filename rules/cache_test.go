package rules

import (
	"fmt"
	"testing"
)

// settle waits until what was missed is in the cache.
func (c *candidateCache) settle() {
	for len(c.queue) > 0 {
	}
	c.cache.Wait()
}

// A reload never serves what was found before it: the same class of calls
// stands for other rules then.
func TestReloadServesNothingOld(t *testing.T) {
	ruleset := func(i int) *Ruleset {
		return compiled(t, Settings{}, "rules.yaml", rulesOf(
			fmt.Sprintf("{id: a%d, when: 'account == \"alice\"', label: L%d}", i, i),
			fmt.Sprintf("{id: b%d, when: 'account == \"bob\" or callee startsWith \"+1202\"', block: %s}", i, []string{"dno", "subscriber"}[i%2])))
	}
	e := running(t, Options{CacheBytes: 1 << 20}, nil)
	c := testCall("+12122000000", "+13055550123")
	c.Account = "alice"
	blocked := testCall("+12122000000", "+12025550123")
	for i := range 50 {
		e.Swap(ruleset(i))
		for range 4 {
			if got, want := words(decided(e, c)), fmt.Sprintf("allow [L%d]", i); got != want {
				t.Fatalf("reload %d: got %q, want %q", i, got, want)
			}
			want := fmt.Sprintf("block b%d %s", i, []string{"603 Decline", "607 Unwanted"}[i%2])
			if got := words(decided(e, blocked)); got != want {
				t.Fatalf("reload %d: got %q, want %q", i, got, want)
			}
			e.cache.settle()
		}
	}
	if s := e.Stats().Cache; s.Hits == 0 || s.Misses == 0 {
		t.Errorf("the cache was not asked: %+v", s)
	}
}

// Two classes with the same hash do not serve each other.
func TestCacheChecksTheWholeKey(t *testing.T) {
	rs := compiled(t, Settings{}, "rules.yaml", rulesOf("{id: a, when: 'account == \"alice\"', label: A}", "{id: b, when: 'account == \"bob\"', label: B}"))
	e := running(t, Options{CacheBytes: 1 << 20}, rs)
	l := e.live.Load()
	for _, wrong := range []*candidates{
		{generation: l.generation, hits: []uint32{1}, rules: []int32{1}},
		{generation: l.generation + 1, hits: []uint32{0}, rules: []int32{1}},
	} {
		e.cache.cache.Set(classKey(l.generation, []uint32{0}), wrong, 1)
		e.cache.cache.Wait()
		c := testCall("+12122000000", "+12025550123")
		c.Account = "alice"
		if got := words(decided(e, c)); got != "allow [A]" {
			t.Errorf("with a false entry: %q", got)
		}
		e.cache.settle()
	}
}

// What cannot be handed off is counted and the call goes on.
func TestCacheDrops(t *testing.T) {
	rs := compiled(t, Settings{}, "rules.yaml", rulesOf("{id: a, when: 'account == \"alice\"', label: A}"))
	e, err := NewEngine(Options{CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	e.Swap(rs)
	busy := &candidateCache{cache: e.cache.cache, queue: make(chan class, 1)}
	own := e.cache
	e.cache = busy
	c := testCall("+12122000000", "+12025550123")
	c.Account = "alice"
	for range 3 {
		if got := words(decided(e, c)); got != "allow [A]" {
			t.Errorf("got %q", got)
		}
	}
	if s := e.Stats().Cache; s != (CacheStats{Misses: 3, Dropped: 2, Queue: 1}) {
		t.Errorf("stats %+v", s)
	}
	e.cache = own
	e.Close()
}
