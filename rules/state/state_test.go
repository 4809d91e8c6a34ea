package state

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func keyOf(n int) Key {
	return Key{uint64(n+1) * 0x9e3779b97f4a7c15, uint64(n+1) * 0xd6e8feb86659fd93}
}

func newStore(t testing.TB, bytes int64) *Store {
	s := New(bytes, Seed{1, 2})
	t.Cleanup(s.Close)
	return s
}

func kind(t testing.TB, s *Store, shape Shape) *Kind {
	t.Helper()
	k, err := s.Kind(shape)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var everything = Shape{Attempts: true, Passed: true, Finished: true, Tallies: []string{"answered", "talk"}, Distinct: true, Keep: 24 * time.Hour}

// plain keeps everything exactly.
type plain map[Key]*plainKey

type plainKey struct {
	attempts, passed, finished []time.Time
	tallies                    [][]uint32
	with                       map[uint64]time.Time
	open                       int
}

func (p plain) of(k Key) *plainKey {
	if p[k] == nil {
		p[k] = &plainKey{with: map[uint64]time.Time{}}
	}
	return p[k]
}

// What many keys do at random is what a plain reading says, within the error
// that streams have.
func TestStoreAgainstPlain(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	s := newStore(t, 1<<26)
	k := kind(t, s, everything)
	p := plain{}
	at := noon
	zipf := rand.NewZipf(r, 1.2, 1, 2000)
	wants := []Want{{Ask: Attempts}, {Ask: Finished, Tally: -1}, {Ask: Finished, Tally: 0}, {Ask: Finished, Tally: 1}, {Ask: Distinct}, {Ask: Going}, {Ask: Passed}, {Ask: Idle}}
	got := make([]Got, len(wants))
	for i := range 200_000 {
		at = at.Add(time.Duration(r.ExpFloat64() * float64(time.Second)))
		key := keyOf(int(zipf.Uint64()))
		e := p.of(key)
		switch r.IntN(4) {
		case 0, 1:
			with := 1 + r.Uint64N(3000)
			s.Attempt(key, k, at, with, nil, nil)
			e.attempts, e.with[with] = append(e.attempts, at), at
			if r.IntN(3) > 0 {
				s.Pass(key, k, at, true, false)
				e.passed = append(e.passed, at)
			}
		case 2:
			s.Pass(key, k, at, false, true)
			e.open++
		case 3:
			tallies := []uint32{uint32(r.IntN(2)), uint32(r.IntN(600))}
			s.Finish(key, k, at, tallies, true)
			e.finished, e.tallies, e.open = append(e.finished, at), append(e.tallies, tallies), max(e.open-1, 0)
		}
		if i%97 != 0 {
			continue
		}
		window := time.Duration(r.Int64N(int64(20 * time.Hour)))
		for j := range wants {
			wants[j].Window = Span(window)
		}
		s.Read(key, k, at, wants, got)
		attempts, distinct := uint64(0), uint64(0)
		inside := func(then time.Time) bool {
			return tickOf(then).age(tickOf(at)) <= Span(window)
		}
		for _, then := range e.attempts {
			if inside(then) {
				attempts++
			}
		}
		passed := uint64(0)
		for _, then := range e.passed {
			if inside(then) {
				passed++
			}
		}
		for _, then := range e.with {
			if inside(then) {
				distinct++
			}
		}
		if a := got[0].Count; a < attempts || float64(a) > float64(attempts)*(1+1./sameSize) {
			t.Fatalf("%d attempts, exactly %d", a, attempts)
		}
		if p := got[6].Count; p < passed || p > got[0].Count || float64(p) > float64(passed)+float64(attempts)/sameSize {
			t.Fatalf("%d attempts were let pass, exactly %d of %d", p, passed, attempts)
		}
		idle := uint64(Never)
		if n := len(e.passed); n > 0 {
			idle = uint64(at.Unix() - e.passed[n-1].Unix())
		}
		if got[7].Count != idle {
			t.Fatalf("idle for %d s, exactly %d", got[7].Count, idle)
		}
		if d := got[4].Count; d != distinct {
			t.Fatalf("%d values, exactly %d", d, distinct)
		}
		if got[5].Count != uint64(e.open) {
			t.Fatalf("%d calls go on, exactly %d", got[5].Count, e.open)
		}
		if got[1].Count != got[2].Count || got[2].Sum > got[2].Count {
			t.Fatalf("%+v: a share over 1", got)
		}
	}
	if st := s.Stats(); st.Keys != int64(len(p)) || st.Evicted+st.Refused+st.Trimmed > 0 {
		t.Errorf("%d keys: %+v", len(p), st)
	}
}

// Up to the size of the largest set a count is exact, but for hashes that are the
// same; beyond it the error is at most 3 % at the 95th percentile.
func TestDistinctOfMany(t *testing.T) {
	for _, n := range []int{1, 4, 100, 7_000, 10_000, 100_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var errs []float64
			for seed := range 20 {
				s := newStore(t, 1<<26)
				k := kind(t, s, Shape{Distinct: true, Keep: time.Hour})
				r := rand.New(rand.NewPCG(uint64(seed), uint64(n)))
				for i := range n {
					s.Attempt(keyOf(1), k, noon.Add(time.Duration(i)*time.Millisecond), r.Uint64()>>20, nil, nil)
				}
				got := make([]Got, 1)
				s.Read(keyOf(1), k, noon.Add(time.Duration(n)*time.Millisecond), []Want{{Ask: Distinct, Window: Span(time.Hour)}}, got)
				errs = append(errs, math.Abs(float64(got[0].Count)/float64(n)-1))
			}
			slices.Sort(errs)
			most := 0.03
			if n <= 7_000 {
				most = 0.001
			}
			if p95 := errs[len(errs)*95/100-1]; p95 > most {
				t.Errorf("error at the 95th percentile %.4f", p95)
			}
		})
	}
}

// What is older than ticks can tell is not taken for new, however seldom a key is
// seen and whatever else the store does.
func TestAgesBeyondTicks(t *testing.T) {
	const day = 24 * time.Hour
	shape := Shape{Attempts: true, Finished: true, Distinct: true, Runs: time.Hour, Keep: time.Hour}
	wants := []Want{{Ask: Attempts, Window: Span(time.Hour)}, {Ask: Finished, Tally: -1, Window: Span(time.Hour)}, {Ask: Distinct, Window: Span(time.Hour)}, {Ask: Runs, Window: Span(time.Hour)}}
	month := slices.Clone(wants)
	for i := range month {
		month[i].Window = Span(MaxWindow)
	}
	for _, keep := range []time.Duration{time.Hour, MaxWindow} {
		for _, every := range []time.Duration{day, 7 * day, 29 * day, 50 * day, 60 * day, 100 * day} {
			for _, start := range []time.Duration{0, 5 * day, 11 * day} {
				s := newStore(t, 1)
				shape.Keep = keep
				k := kind(t, s, shape)
				begin := noon.Add(start)
				for i := range 3000 {
					s.Attempt(keyOf(1), k, begin, uint64(1000+10*i), nil, nil)
					s.Finish(keyOf(1), k, begin.Add(time.Minute), nil, true)
				}
				got := make([]Got, len(wants))
				for n := time.Duration(1); n*every < 200*day; n++ {
					at := begin.Add(n * every)
					for _, ask := range [...]func(){
						func() { s.Foresee(keyOf(1), k, at, 7, wants, got) },
						func() { s.Attempt(keyOf(1), k, at, 7, wants, got) },
					} {
						if ask(); got[0].Count != 1 || got[1].Count != 0 || got[2].Count != 1 || got[3].Count != 0 {
							t.Fatalf("keep %s, every %s from %s: on day %d %v", keep, every, start, n*every/day, got)
						}
					}
					if s.Read(keyOf(1), k, at, month, got); keep == MaxWindow && n*every > 31*day && (got[0].Count > uint64(MaxWindow/every)+1 || got[2].Count != 1) {
						t.Fatalf("every %s from %s: on day %d %v in a month", every, start, n*every/day, got)
					}
				}
			}
		}
	}
}

// When the clock was put back, what was counted in the time to come is forgotten.
func TestClockPutBack(t *testing.T) {
	s := newStore(t, 1)
	k := kind(t, s, everything)
	for range 10 {
		s.Attempt(keyOf(1), k, noon, 7, nil, nil)
		s.Pass(keyOf(1), k, noon, true, true)
		s.Finish(keyOf(1), k, noon, []uint32{1, 10}, false)
	}
	wants := []Want{{Ask: Attempts, Window: Span(time.Minute)}, {Ask: Finished, Tally: -1, Window: Span(time.Minute)}, {Ask: Distinct, Window: Span(time.Minute)}, {Ask: Going}, {Ask: First}, {Ask: Idle}}
	got := make([]Got, len(wants))
	for _, step := range []struct {
		at   time.Duration
		want []Got
	}{
		{-50 * time.Second, []Got{{Count: 11}, {Count: 10}, {Count: 2}, {Count: 10}, {Count: 0}, {Count: 0}}},
		{-time.Hour, []Got{{Count: 1}, {}, {Count: 1}, {Count: 10}, {Count: 0}, {Count: Never}}},
		{-58 * time.Minute, []Got{{Count: 1}, {}, {Count: 1}, {Count: 10}, {Count: 120}, {Count: Never}}},
	} {
		if s.Attempt(keyOf(1), k, noon.Add(step.at), 8+uint64(step.at), wants, got); !slices.Equal(got, step.want) {
			t.Errorf("at %s: %v, want %v", step.at, got, step.want)
		}
	}
}

// Memory stays below its bound whatever comes; who is active stays.
func TestBound(t *testing.T) {
	const bound = 16 << 20
	s := newStore(t, bound)
	k := kind(t, s, everything)
	at := noon
	for i := range 400_000 {
		at = at.Add(10 * time.Millisecond)
		s.Attempt(keyOf(1000+i), k, at, uint64(i), nil, nil)
		if i%3 == 0 {
			s.Attempt(keyOf(0), k, at, uint64(i), nil, nil)
		}
		if i%50 == 0 {
			s.Finish(keyOf(0), k, at, []uint32{1, 10}, true)
		}
	}
	st := s.Stats()
	if st.Bytes > bound || st.Evicted == 0 {
		t.Errorf("%+v", st)
	}
	got := make([]Got, 2)
	s.Read(keyOf(0), k, at, []Want{{Ask: Attempts, Window: Span(time.Minute)}, {Ask: First}}, got)
	if got[0].Count < 2000 || got[1].Count < 3900 {
		t.Errorf("the busiest key is known by %+v", got)
	}
}

// Many goroutines may count, read and save at once; nothing is lost.
func TestConcurrentUse(t *testing.T) {
	s := newStore(t, 1<<26)
	k := kind(t, s, everything)
	var running sync.WaitGroup
	for g := range 4 {
		running.Go(func() {
			got := make([]Got, len(questions))
			for i := range 2_000 {
				at := noon.Add(time.Duration(i) * time.Millisecond)
				s.Attempt(keyOf(i%20), k, at, uint64(i), nil, nil)
				s.Pass(keyOf(i%20), k, at, true, true)
				s.Finish(keyOf(i%20), k, at, []uint32{1, 1}, true)
				s.Read(keyOf(i%20), k, at, questions, got)
				if i%500 == g {
					_ = s.Stats()
				}
			}
		})
	}
	for part := range Parts {
		running.Go(func() { _ = s.Save(part, func(Key, int, []uint32) error { return nil }) })
	}
	running.Wait()
	var total uint64
	for i := range 20 {
		got := make([]Got, 2)
		s.Read(keyOf(i), k, noon.Add(2*time.Second), []Want{{Ask: Finished, Tally: -1, Window: Span(time.Minute)}, {Ask: Going}}, got)
		total += got[0].Count
		if got[1].Count != 0 {
			t.Errorf("%d calls of key %d go on", got[1].Count, i)
		}
	}
	if total < 8_000 || float64(total) > 8_000*(1+1./sameSize) {
		t.Errorf("%d calls were over, want 8000", total)
	}
}
