package sidecar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	counters "ringfence/rules/state"
)

var countedShape = counters.Shape{Attempts: true, Passed: true, Finished: true, Tallies: []string{"answered", "talk"}, Distinct: true, Keep: 24 * time.Hour}

var countedWants = []counters.Want{
	{Ask: counters.Attempts, Window: counters.Span(time.Hour)}, {Ask: counters.Finished, Tally: 1, Window: counters.Span(time.Hour)},
	{Ask: counters.Distinct, Window: counters.Span(time.Hour)}, {Ask: counters.First}, {Ask: counters.Idle},
}

func countedKey(n int) counters.Key {
	return counters.Key{Hi: uint64(n+1) * 0x9e3779b97f4a7c15, Lo: uint64(n+1) * 0xd6e8feb86659fd93}
}

// counted is a store and the files that it was restored from. Nothing saves by
// itself.
type counted struct {
	*stateFiles
	store *counters.Store
	kind  *counters.Kind
	log   *lockedBuffer
}

func count(t testing.TB, folder string, bytes int64, before ...counters.Shape) *counted {
	t.Helper()
	c := &counted{log: new(lockedBuffer)}
	c.stateFiles = openState(folder, slog.New(slog.NewTextHandler(c.log, nil)), func() time.Time { return noon })
	c.store = counters.New(bytes, c.Seed())
	t.Cleanup(c.store.Close)
	kindOf := func(s counters.Shape) *counters.Kind {
		k, err := c.store.Kind(s)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	for _, s := range before { // numbers are others
		kindOf(s)
	}
	c.kind = kindOf(countedShape)
	c.restore(c.store, false)
	c.stateFiles.store = c.store
	t.Cleanup(c.shut)
	return c
}

// shut closes the files without saving, as the end of a process does.
func (c *counted) shut() {
	for i := range c.parts {
		if f := c.parts[i].file; f != nil {
			_ = f.Close() // closed twice is no harm
		}
	}
}

func (c *counted) call(n int, at time.Time) {
	c.store.Attempt(countedKey(n), c.kind, at, uint64(1+n%7), nil, nil)
	c.store.Pass(countedKey(n), c.kind, at, true, true)
	c.store.Finish(countedKey(n), c.kind, at, []uint32{1, 30}, true)
}

func (c *counted) calls(keys, calls int) {
	r := rand.New(rand.NewPCG(1, uint64(calls)))
	for i := range calls {
		c.call(r.IntN(keys), noon.Add(-time.Hour).Add(time.Duration(i)*time.Second/10))
	}
}

func (c *counted) mustSave(t testing.TB) {
	t.Helper()
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
}

func (c *counted) read(n int) []counters.Got {
	got := make([]counters.Got, len(countedWants))
	c.store.Read(countedKey(n), c.kind, noon, countedWants, got)
	return got
}

func same(t *testing.T, a, b *counted, keys int) {
	t.Helper()
	for n := range keys {
		if x, y := a.read(n), b.read(n); !slices.Equal(x, y) {
			t.Fatalf("key %d: %v, restored %v", n, x, y)
		}
	}
	if a, b := a.store.Stats().Keys, b.store.Stats().Keys; a != b {
		t.Fatalf("%d keys, restored %d", a, b)
	}
}

func TestStateComesBack(t *testing.T) {
	folder := t.TempDir()
	a := count(t, folder, 1<<26)
	a.calls(500, 5000)
	a.mustSave(t)
	a.calls(300, 1000)
	a.mustSave(t)
	a.shut() // killed
	b := count(t, folder, 1<<26, counters.Shape{Attempts: true}, counters.Shape{Distinct: true})
	same(t, a, b, 500)
	if b.Seed() != a.Seed() || b.lost.Load()+b.unkept.Load()+b.errors.Load() != 0 {
		t.Errorf("another seed, or a fault: %s", b.log)
	}
	b.calls(700, 1000) // with shapes of other numbers, in the same files
	b.mustSave(t)
	b.shut()
	same(t, b, count(t, folder, 1<<26), 700)
}

// A shape comes back with all that it says.
func TestStateShape(t *testing.T) {
	want := counters.Shape{Attempts: true, Passed: true, Finished: true, Tallies: []string{"a", "b c"}, Distinct: true, Runs: time.Minute, Keep: time.Hour}
	for v, i := reflect.ValueOf(want), 0; i < v.NumField(); i++ {
		if f := v.Type().Field(i); f.IsExported() && v.Field(i).IsZero() {
			t.Errorf("the test leaves out %s", f.Name)
		}
	}
	r := newFrameReader(bytes.NewReader(appendShape(nil, 7, &want)))
	if ok, err := r.next(); !ok || err != nil || r.shape != 7 || r.kind != shapeFrame {
		t.Fatalf("%v, %v: %+v", ok, err, r)
	}
	got, ok := r.asShape()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(want)); !ok || diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A stop saves and syncs all, in the goroutine that owns the files.
func TestStateStops(t *testing.T) {
	folder := t.TempDir()
	a := count(t, folder, 1<<26)
	a.start(a.store)
	a.calls(500, 5000)
	a.Close()
	same(t, a, count(t, folder, 1<<26), 500)
	if a.saved.Load() != noon.UnixNano() {
		t.Error("the time of the last save is not told")
	}
}

// Wherever a file is torn, what is whole comes back, and what is written behind
// the cut does so as well.
func TestStateTorn(t *testing.T) {
	folder := t.TempDir()
	a := count(t, folder, 1<<26)
	for n := range 24 {
		a.call(n, noon)
	}
	a.mustSave(t)
	if err := a.rewrite(0); err != nil { // each record once
		t.Fatal(err)
	}
	a.shut()
	name := a.parts[0].name
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	frames := frameEnds(t, whole)
	if len(frames) < 3 {
		t.Fatalf("%d frames are too few", len(frames))
	}
	for cut := range len(whole) + 1 {
		good := 0
		for _, end := range append([]int{headerBytes}, frames...) {
			if end <= cut {
				good = end
			}
		}
		r := newFrameReader(bytes.NewReader(whole[min(headerBytes, cut):cut]))
		for ok := true; ok; {
			if ok, err = r.next(); err != nil {
				t.Fatal(err)
			}
		}
		if cut >= headerBytes && (r.good != int64(good) || r.read != int64(cut) || r.lost != 0) {
			t.Fatalf("cut at %d: read until %d, good until %d, want %d", cut, r.read, r.good, good)
		}
		if cut%37 != 0 {
			continue
		}
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		b := count(t, folder, counters.LeastBytes)
		if torn := b.lost.Load(); cut >= headerBytes && torn != uint64(cut-good) || b.errors.Load() > 0 {
			t.Fatalf("cut at %d: %d bytes are lost, want %d\n%s", cut, torn, cut-good, b.log)
		}
		for n := range 24 {
			b.call(n, noon)
		}
		b.mustSave(t)
		b.shut()
		c := count(t, folder, counters.LeastBytes)
		same(t, b, c, 24)
		if c.lost.Load() != 0 {
			t.Fatalf("cut at %d: the torn end is still there", cut)
		}
		c.shut()
	}
}

func frameEnds(t *testing.T, file []byte) (ends []int) {
	t.Helper()
	for at := headerBytes; at < len(file); {
		at += frameBytes + int(binary.LittleEndian.Uint32(file[at+4:]))
		ends = append(ends, at)
	}
	return ends
}

// A bit that has flipped costs the record in which it is, or those of the shape.
func TestStateFlipped(t *testing.T) {
	folder := t.TempDir()
	a := count(t, folder, 1<<26)
	for n := range 24 {
		a.call(n, noon)
	}
	a.mustSave(t)
	if err := a.rewrite(0); err != nil { // each record once
		t.Fatal(err)
	}
	a.shut()
	name := a.parts[0].name
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	frames := frameEnds(t, whole)
	for at := range whole {
		if at%7 != 0 && at > frames[0] {
			continue // the first frames are whole, of the others some are enough
		}
		flipped := slices.Clone(whole)
		flipped[at] ^= 1 << (at % 8)
		if err := os.WriteFile(name, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		b := count(t, folder, counters.LeastBytes)
		missing := a.store.Stats().Keys - b.store.Stats().Keys
		want := int64(1)
		if at < frames[0] { // header or shape
			want = int64(len(frames) - 1)
		}
		if missing != want || (b.errors.Load() > 0) != (at < headerBytes) || b.log.String() == "" {
			t.Fatalf("byte %d flipped: %d keys are missing, want %d\n%s", at, missing, want, b.log)
		}
		b.shut()
	}
}

// A file of another format, or of another state, does not fail a start and is kept.
func TestStateSetsAside(t *testing.T) {
	other := t.TempDir()
	x := count(t, other, 1<<26)
	x.calls(100, 100)
	x.mustSave(t)
	x.shut()
	of := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	next := of(x.parts[3].name)
	binary.LittleEndian.PutUint32(next[len(stateMagic):], stateVersion+1)
	binary.LittleEndian.PutUint32(next[headerBytes-4:], crc32.Checksum(next[:headerBytes-4], castagnoli))
	for why, file := range map[string][]byte{
		"version 2":        next,
		"no state file":    []byte(strings.Repeat("a letter, not a state\n", 10)),
		"of another state": of(x.parts[3].name),
	} {
		folder := t.TempDir()
		a := count(t, folder, 1<<26)
		a.calls(100, 100)
		a.mustSave(t)
		a.shut()
		if err := os.WriteFile(a.parts[3].name, file, 0o600); err != nil {
			t.Fatal(err)
		}
		b := count(t, folder, 1<<26)
		if b.errors.Load() != 1 || !strings.Contains(b.log.String(), why) || b.store.Stats().Keys < 50 {
			t.Errorf("%s: %d keys, %d errors, log %q", why, b.store.Stats().Keys, b.errors.Load(), b.log)
		}
		if got := of(a.parts[3].name + asideSuffix); !slices.Equal(got, file) {
			t.Errorf("%s: the file is not kept as it was", why)
		}
		b.mustSave(t)
		b.shut()
		same(t, b, count(t, folder, 1<<26), 100)
	}
}

// Calls go on while it is saved and written anew: what comes back are records that
// were once there, and after the last save all of them.
func TestStateSavesUnderLoad(t *testing.T) {
	folder := t.TempDir()
	a := count(t, folder, 1<<24)
	var calling sync.WaitGroup
	for g := range 2 {
		calling.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range 30_000 {
				a.call(r.IntN(20_000), noon.Add(time.Duration(i)*time.Millisecond))
			}
		})
	}
	over := make(chan struct{})
	go func() {
		calling.Wait()
		close(over)
	}()
	anew := 0
	for going := true; going; anew++ {
		select {
		case <-over:
			going = false
		default:
		}
		a.mustSave(t)
		if err := a.compact(0); err != nil {
			t.Fatal(err)
		}
		b := count(t, folder, 1<<24) // beside it, as after a kill
		if b.lost.Load()+b.unkept.Load() != 0 {
			t.Fatalf("what was saved is damaged: %s", b.log)
		}
		b.shut()
	}
	a.mustSave(t)
	a.shut()
	b := count(t, folder, 1<<24)
	same(t, a, b, 20_000)
	if a.bytes.Load() == 0 || anew < 2 {
		t.Errorf("%d bytes, written anew %d times", a.bytes.Load(), anew)
	}
}

// The files do not grow by history.
func TestStateIsWrittenAnew(t *testing.T) {
	a := count(t, t.TempDir(), 1<<26)
	for range 100 {
		a.calls(100, 1000)
		a.mustSave(t)
		if err := a.compact(10_000); err != nil {
			t.Fatal(err)
		}
	}
	for range a.parts { // each has its turn
		if err := a.compact(10_000); err != nil {
			t.Fatal(err)
		}
	}
	for i := range a.parts {
		if p := &a.parts[i]; p.living == 0 || p.size > 2*p.living+10_000 {
			t.Errorf("%s: %d bytes, %d of them when it was last written anew", p.name, p.size, p.living)
		}
	}
}

// While the disk is full calls go on, the log says it once, and nothing of what was
// counted meanwhile is missing when there is room again.
func TestStateDiskFull(t *testing.T) {
	folder := t.TempDir()
	a := count(t, folder, 1<<26)
	a.mustSave(t)
	room := 1000
	a.write = func(f *os.File, b []byte) (int, error) {
		n, err := f.Write(b[:min(len(b), room)])
		if room -= n; err == nil && n < len(b) {
			err = syscall.ENOSPC
		}
		return n, err
	}
	for range 5 {
		a.calls(500, 5000)
		err := a.save()
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		a.tell(err)
	}
	for i := range a.parts {
		if got := len(a.parts[i].out); got > 2*saveBuffer {
			t.Errorf("%d bytes wait", got)
		}
	}
	if got := strings.Count(a.log.String(), "cannot save"); got != 1 || a.errors.Load() != 5 {
		t.Errorf("%d errors, log %q; want 5 and one line", a.errors.Load(), a.log)
	}
	room = 1 << 30
	err := a.save()
	a.tell(err)
	if err != nil || strings.Count(a.log.String(), "saved again") != 1 {
		t.Errorf("%v, log %q", err, a.log)
	}
	a.shut()
	same(t, a, count(t, folder, 1<<26), 500)
}

// What somebody takes away is written anew; what cannot be is tried again.
func TestStateRemoved(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	a := count(t, folder, 1<<26)
	a.calls(500, 5000)
	a.mustSave(t)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // in the way
		t.Fatal(err)
	}
	if err := a.save(); err == nil {
		t.Fatal("it was saved nowhere")
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := a.save(); !errors.Is(err, errMoved) { // told once
		t.Fatal(err)
	}
	a.mustSave(t)
	a.shut()
	same(t, a, count(t, folder, 1<<26), 500)
}

// A smaller memory takes what it has room for.
func TestStateInLessMemory(t *testing.T) {
	folder := t.TempDir()
	a := count(t, folder, 1<<26)
	a.calls(100_000, 100_000)
	a.mustSave(t)
	a.shut()
	b := count(t, folder, counters.LeastBytes)
	if got := b.store.Stats(); got.Keys == 0 || got.Keys >= a.store.Stats().Keys || got.Bytes > counters.LeastBytes {
		t.Errorf("%+v", got)
	}
}

// Whatever a file holds, reading it does no harm, and what is read can be read again.
func FuzzStateFile(f *testing.F) {
	folder := f.TempDir()
	a := count(f, folder, 1<<26)
	a.calls(30, 100)
	a.mustSave(f)
	a.shut()
	whole, err := os.ReadFile(a.parts[0].name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(whole[:headerBytes])
	f.Add(whole[:headerBytes-1])
	f.Add([]byte{})
	f.Add(append(slices.Clone(whole[:headerBytes+40]), whole[headerBytes:]...))
	f.Add(append(slices.Clone(whole), make([]byte, 100)...))
	f.Fuzz(func(t *testing.T, file []byte) {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, stateName+"0"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		b := count(t, folder, counters.LeastBytes)
		for n := range 24 {
			b.call(n, noon)
		}
		b.mustSave(t)
		b.shut()
		c := count(t, folder, counters.LeastBytes)
		if c.lost.Load() > 0 && b.lost.Load() == 0 || c.errors.Load() > 0 {
			t.Fatalf("what was written cannot be read: %s", c.log)
		}
		c.shut()
	})
}

// A start with a million keys.
func BenchmarkStateRestore(b *testing.B) {
	folder := b.TempDir()
	a := count(b, folder, 1<<30)
	for n := range 1_000_000 {
		a.call(n, noon)
	}
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.2, 40, 1_000_000-1)
	for range 2_000_000 {
		a.call(int(zipf.Uint64()), noon)
	}
	a.mustSave(b)
	a.shut()
	for b.Loop() {
		if c := count(b, folder, 1<<30); c.store.Stats().Keys != 1_000_000 {
			b.Fatal("keys are missing")
		}
	}
	b.ReportMetric(float64(a.bytes.Load())/1e6, "MB")
}
