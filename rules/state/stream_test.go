package state

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// testStream is a stream with room, beside the exact times of its events.
type testStream struct {
	words  []uint32
	n      int
	stride int
	exact  []uint64 // ticks that never wrap around
}

func newTestStream(stride int) *testStream {
	return &testStream{words: make([]uint32, 1<<14), stride: stride}
}

// add is of an event at so many ticks since some beginning.
func (s *testStream) add(at uint64, tallies ...uint32) {
	now := tick(at) & tickMask
	if old := forget(s.words[:s.n], s.stride, now, span(MaxWindow)); old > 0 {
		s.n = copy(s.words, s.words[old:s.n])
	}
	s.n = addEvent(s.words, s.n, s.stride, now, tallies)
	s.exact = append(s.exact, at)
}

func (s *testStream) count(now uint64, window uint32) uint64 {
	return count(s.words[:s.n], s.stride, tick(now)&tickMask, window)
}

func (s *testStream) exactCount(now uint64, window uint32) (n uint64) {
	for _, at := range s.exact {
		if now-min(at, now) <= uint64(window) {
			n++
		}
	}
	return n
}

func TestFewEventsAreExact(t *testing.T) {
	s := newTestStream(1)
	for i := range sameSize {
		s.add(uint64(i * 160))
		for w := range uint32(sameSize) {
			if got, want := s.count(uint64(i*160), w*160), s.exactCount(uint64(i*160), w*160); got != want {
				t.Fatalf("%d events, window %d: %d, want %d", i+1, w*160, got, want)
			}
		}
	}
	if s.n != sameSize {
		t.Errorf("%d events take %d words", sameSize, s.n)
	}
}

// A count is never too low, and too high by a fortieth at most; by 2 % at the
// 95th percentile of random moments when calls come as Poisson has it.
func TestErrorOfACount(t *testing.T) {
	for _, perSecond := range []float64{0.002, 0.05, 1, 20, 400} {
		for _, bursts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v/s bursts %v", perSecond, bursts), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, math.Float64bits(perSecond)))
				s := newTestStream(1)
				now := float64(tickMask - 5000) // crosses the end of the ticks
				var errs []float64
				for i := range 20_000 {
					if bursts && i%500 < 450 { // 450 at once, then a pause
						now += 0.2
					} else {
						now += r.ExpFloat64() / perSecond * ticks
					}
					s.add(uint64(now))
					if i%37 != 0 {
						continue
					}
					at := uint64(now + r.Float64()*ticks/perSecond)
					window := uint32(r.Float64() * float64(span(MaxWindow)))
					if i%2 == 0 {
						window = uint32(r.Float64() * 2000 / perSecond * ticks)
					}
					window = min(window, span(MaxWindow))
					exact, got := s.exactCount(at, window), s.count(at, window)
					if got < exact || float64(got) > float64(exact)*(1+1./sameSize) {
						t.Fatalf("after %d events, window %d: %d, exactly %d", i+1, window, got, exact)
					}
					if exact > 0 {
						errs = append(errs, float64(got-exact)/float64(exact))
					}
				}
				slices.Sort(errs)
				if p95 := errs[len(errs)*95/100]; p95 > 0.02 {
					t.Errorf("error at the 95th percentile %.4f", p95)
				}
			})
		}
	}
}

// A tally adds up over the same buckets as the count: a share is between 0 and 1,
// and over everything it is exact.
func TestTalliesAreWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	s := newTestStream(2)
	var want uint64
	for i := range 5_000 {
		v := uint32(r.IntN(2))
		s.add(uint64(i*3), v)
		want += uint64(v)
		total, events := sum(s.words[:s.n], 2, tick(i*3), uint32(r.IntN(3*i+1)), 0)
		if total > events {
			t.Fatalf("after %d: %d of %d", i+1, total, events)
		}
	}
	if total, events := sum(s.words[:s.n], 2, 15_000, 20_000, 0); total != want || events != 5_000 {
		t.Errorf("%d of %d, want %d of 5000", total, events, want)
	}
}

// Where a tally has no room, calls before are left out of it and of its count.
func TestTallyDoesNotOverflow(t *testing.T) {
	s := newTestStream(2)
	for range 4 * sameSize {
		s.add(1, 1<<31)
	}
	total, events := sum(s.words[:s.n], 2, 1, 10, 0)
	if events < sameSize || total != events<<31 {
		t.Errorf("a sum of %d over %d", total, events)
	}
	if a, b := sums(s.words[:s.n], 2, 1, 10, 0, 0); a != total || b != total {
		t.Errorf("sums of %d and %d, want %d", a, b, total)
	}
}

// What comes late counts with the newest event; what comes from the future of
// another clock does not make ages negative.
func TestEventsOutOfOrder(t *testing.T) {
	s := newTestStream(1)
	s.add(1000)
	s.add(900)
	if got := s.count(1000, 50); got != 2 {
		t.Errorf("%d events, want the late one with the newest", got)
	}
	if got := s.count(990, 0); got != 2 {
		t.Errorf("%d events seen from before the newest", got)
	}
}

func TestForget(t *testing.T) {
	s := newTestStream(1)
	for i := range 10 {
		s.add(uint64(i * 100))
	}
	if got := forget(s.words[:s.n], 1, 1000, 350); got != 7 {
		t.Errorf("%d words are too old, want 7", got)
	}
}

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want uint32
	}{{time.Second, 16}, {0, 0}, {-time.Hour, 0}, {100 * 24 * time.Hour, 30 * 86400 * 16}} {
		if got := span(c.d); got != c.want {
			t.Errorf("span of %v: %d, want %d", c.d, got, c.want)
		}
	}
}
