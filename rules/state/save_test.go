package state

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

type savedRecord struct {
	key   Key
	shape int
	words []uint32
}

func save(t testing.TB, s *Store, all bool) (out []savedRecord) {
	t.Helper()
	from := s.Save
	if all {
		from = s.All
	}
	for part := range Parts {
		if err := from(part, func(k Key, shape int, words []uint32) error {
			out = append(out, savedRecord{k, shape, slices.Clone(words)})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// busy is a store in which many keys did much.
func busy(t testing.TB) (*Store, *Kind, time.Time) {
	s := newStore(t, 1<<26)
	k := kind(t, s, everything)
	r := rand.New(rand.NewPCG(9, 9))
	at := noon
	for range 20_000 {
		at = at.Add(100 * time.Millisecond)
		key := keyOf(r.IntN(500))
		s.Attempt(key, k, at, r.Uint64N(100), nil, nil)
		s.Pass(key, k, at, true, true)
		s.Finish(key, k, at, []uint32{1, 30}, true)
	}
	return s, k, at
}

var questions = []Want{
	{Ask: Attempts, Window: Span(time.Minute)}, {Ask: Attempts, Window: Span(time.Hour)}, {Ask: Finished, Tally: 1, Window: Span(time.Hour)},
	{Ask: Distinct, Window: Span(time.Hour)}, {Ask: First}, {Ask: Idle}, {Ask: Going},
}

func TestSaveAndRestore(t *testing.T) {
	s, k, at := busy(t)
	saved := save(t, s, true)
	if len(saved) != 500 || len(save(t, s, false)) != 500 || len(save(t, s, false)) != 0 {
		t.Fatalf("%d records, or they changed without a call", len(saved))
	}
	again := newStore(t, 1<<26)
	other := kind(t, again, Shape{Attempts: true}) // numbers are others
	shapes := s.Shapes()
	for _, r := range saved {
		if err := again.Restore(r.key, kind(t, again, shapes[r.shape]), r.words, at, false); err != nil {
			t.Fatal(err)
		}
	}
	if other == kind(t, again, shapes[0]) {
		t.Fatal("two shapes are one kind")
	}
	for i := range 500 {
		a, b := make([]Got, len(questions)), make([]Got, len(questions))
		s.Read(keyOf(i), k, at, questions, a)
		again.Read(keyOf(i), kind(t, again, everything), at, questions, b)
		if !slices.Equal(a, b) {
			t.Fatalf("key %d: %v, restored %v", i, a, b)
		}
	}
}

// Calls go on over a restart when it is known what becomes of them.
func TestRestoreGoing(t *testing.T) {
	s := newStore(t, 1<<26)
	k := kind(t, s, everything)
	for range 3 {
		s.Pass(keyOf(1), k, noon, false, true)
	}
	for going, want := range map[bool]uint64{true: 3, false: 0} {
		again, got := newStore(t, 1<<26), make([]Got, 1)
		for _, r := range save(t, s, true) {
			if err := again.Restore(r.key, kind(t, again, everything), r.words, noon, going); err != nil {
				t.Fatal(err)
			}
		}
		again.Read(keyOf(1), kind(t, again, everything), noon, []Want{{Ask: Going}}, got)
		if got[0].Count != want {
			t.Errorf("%v: %d calls go on, want %d", going, got[0].Count, want)
		}
	}
}

// Times are kept modulo 97 days: what comes back later than any window reaches
// would seem new.
func TestRestoreLeavesOutWhatIsOver(t *testing.T) {
	s, _, at := busy(t)
	saved := save(t, s, true)
	again := newStore(t, 1<<26)
	for _, r := range saved {
		if err := again.Restore(r.key, kind(t, again, everything), r.words, at.Add(60*24*time.Hour), false); err != nil {
			t.Fatal(err)
		}
	}
	if got := again.Stats(); got.Keys != 0 || got.Expired != 500 {
		t.Errorf("%+v, want all expired", got)
	}
}

// Only what changed is saved again; what could not be is the next time.
func TestSaveWhatChanged(t *testing.T) {
	s, k, at := busy(t)
	save(t, s, false)
	for i := range 3 {
		s.Attempt(keyOf(i), k, at, 1, nil, nil)
	}
	s.Read(keyOf(9), k, at, questions, make([]Got, len(questions))) // changes nothing
	full := errors.New("disk is full")
	for part := range Parts {
		if err := s.Save(part, func(Key, int, []uint32) error { return full }); err != nil && !errors.Is(err, full) {
			t.Fatal(err)
		}
	}
	if got := save(t, s, false); len(got) != 3 {
		t.Errorf("%d records, want the 3 that changed", len(got))
	}
}

// A key whose record has another shape keeps what both count. Calls that were over
// before a tally was counted are not among those it is a share of.
func TestReshape(t *testing.T) {
	s := newStore(t, 1<<26)
	k := kind(t, s, Shape{Attempts: true, Finished: true, Tallies: []string{"a", "b"}, Keep: time.Hour})
	for range 9 {
		s.Attempt(keyOf(1), k, noon, 0, nil, nil)
		s.Finish(keyOf(1), k, noon, []uint32{1, 5}, true)
	}
	k = kind(t, s, Shape{Attempts: true, Finished: true, Tallies: []string{"c", "b", "d"}, Keep: time.Hour})
	s.Finish(keyOf(1), k, noon, []uint32{2, 5, 2}, true)
	got := make([]Got, 6)
	wants := []Want{{Ask: Attempts}, {Ask: Finished, Tally: 0}, {Ask: Finished, Tally: 1}, {Ask: Finished, Tally: 2}, {Ask: Part, Tally: 0, Among: 1}, {Ask: Part, Tally: 1, Among: 0}}
	s.Read(keyOf(1), k, noon, wants, got)
	if want := []Got{{Count: 9}, {1, 2}, {10, 50}, {1, 2}, {5, 2}, {2, 5}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for range 3 * sameSize { // buckets from before become one with others
		s.Finish(keyOf(1), k, noon, []uint32{1, 1, 1}, true)
	}
	if s.Read(keyOf(1), k, noon, wants, got); got[1] != (Got{3 * sameSize, 3 * sameSize}) || got[4] != got[1] || got[2].Count != 3*sameSize+10 {
		t.Errorf("%v", got)
	}
}

// What is no record is refused, and what is not refused does no harm.
func FuzzRestore(f *testing.F) {
	s, _, _ := busy(f)
	for _, r := range save(f, s, true)[:3] {
		var b []byte
		for _, w := range r.words {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStore(t, 1)
		k := kind(t, s, everything)
		words := make([]uint32, len(b)/4)
		for i := range words {
			words[i] = binary.LittleEndian.Uint32(b[4*i:])
		}
		key := keyOf(1)
		if len(words) > 1 {
			key.Lo = uint64(words[0]) | uint64(words[1])<<32
		}
		if s.Restore(key, k, words, noon, true) != nil {
			return
		}
		for i := range 100 {
			s.Attempt(key, k, noon.Add(time.Duration(i)*time.Second), uint64(i), nil, nil)
			s.Finish(key, k, noon, []uint32{1, 2}, true)
		}
		s.Read(key, k, noon, questions, make([]Got, len(questions)))
		save(t, s, true)
	})
}

// What All does not see because calls move it, Save hands out afterwards.
func TestAllWhileRecordsMove(t *testing.T) {
	const small = LeastBytes + shards*slotBytes*1024
	for _, bytes := range []int64{small, 1 << 24} { // in the one records go, in the other the table grows
		for round := range uint64(100) {
			allWhileRecordsMove(t, bytes, round)
		}
	}
}

func allWhileRecordsMove(t *testing.T, bytes int64, round uint64) {
	s := New(bytes, Seed{1, 2})
	defer s.Close()
	k := kind(t, s, everything)
	r := rand.New(rand.NewPCG(3, round))
	more := func(count int) { // in the first shard
		for range count {
			s.Attempt(Key{Hi: r.Uint64() & (1<<32 - 1), Lo: r.Uint64()}, k, noon, 1, nil, nil)
		}
	}
	more(760)
	save(t, s, false)
	seen := map[Key]bool{}
	saw := func(k Key, _ int, _ []uint32) error {
		seen[k] = true
		return nil
	}
	if err := s.All(0, func(k Key, shape int, words []uint32) error {
		if len(seen) < 1500 {
			more(1)
		}
		return saw(k, shape, words)
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(0, saw); err != nil {
		t.Fatal(err)
	}
	all := save(t, s, true)
	for _, r := range all {
		if !seen[r.key] {
			t.Fatalf("round %d, %d bytes: a record of %d is missing", round, bytes, len(all))
		}
	}
	if len(all) < 500 {
		t.Fatalf("%d bytes: %d records", bytes, len(all))
	}
}
