package rules

import (
	"fmt"
	"runtime"
	"testing"
)

// settle waits until what was missed is in the cache.
func (c *candidateCache) settle() {
	for len(c.queue) > 0 {
		runtime.Gosched()
	}
	c.cache.Wait()
}

// warm makes calls until the classes of all of them are cached: what makes them
// so beside the calls allocates.
func (e *Engine) warm(calls func()) {
	for {
		misses := e.Stats().Cache.Misses
		calls()
		if e.cache == nil || e.Stats().Cache.Misses == misses {
			return
		}
		e.cache.settle()
	}
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
		key := classKey(l.generation, []uint32{0})
		e.cache.front[key&uint64(len(e.cache.front)-1)].Store(wrong)
		e.cache.cache.Set(key, wrong, 1)
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

// What stands before ristretto takes an eighth of the bytes at most, and a class
// with many rules does not get there.
func TestCacheFrontIsBounded(t *testing.T) {
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("{id: r%d, when: 'account == \"alice\" and user_agent contains \"u%d\"', label: L}", i, i))
	}
	rs := compiled(t, Settings{}, "rules.yaml", rulesOf(many...))
	for size, places := range map[int64]int{1: 0, 1 << 16: 4, 1 << 20: 64, 64 << 20: 1 << (frontBits - 1)} {
		e := running(t, Options{CacheBytes: size}, rs)
		if n := len(e.cache.front); n != places || int64(n*frontBytes) > size/16 {
			t.Errorf("%d bytes: %d places, want %d", size, n, places)
		}
	}
	e := running(t, Options{CacheBytes: 1 << 20}, rs)
	c := testCall("+12122000000", "+12025550123")
	for _, account := range []string{"alice", "bob"} {
		c.Account = account
		for e.Stats().Cache.Hits == 0 {
			decided(e, c)
			e.cache.settle()
		}
		held := 0
		for i := range e.cache.front {
			if e.cache.front[i].Load() != nil {
				held++
			}
		}
		if want := map[string]int{"alice": 0, "bob": 1}[account]; held != want {
			t.Errorf("%s: %d classes before ristretto, want %d", account, held, want)
		}
		e = running(t, Options{CacheBytes: 1 << 20}, rs)
	}
}

func TestCacheOff(t *testing.T) {
	rs := compiled(t, Settings{}, "rules.yaml", rulesOf("{id: a, when: 'account == \"alice\"', label: A}"))
	e := running(t, Options{}, rs)
	c := testCall("+12122000000", "+442079460000")
	c.Account = "alice"
	for range 3 {
		if got := words(decided(e, c)); got != "allow [A]" {
			t.Errorf("got %q", got)
		}
	}
	if e.cache != nil || e.facts.cache != nil || e.Stats().Cache != (CacheStats{}) || e.Stats().Facts.Hits != 0 {
		t.Errorf("there is a cache: %+v", e.Stats())
	}
}
