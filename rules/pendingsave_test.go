package rules

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func engineOf(t *testing.T, pending int) *Engine {
	t.Helper()
	e, err := NewEngine(Options{Pending: pending})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// An outcome that comes after a restart finds its call, once.
func TestPendingOutlivesARestart(t *testing.T) {
	for _, calls := range []int{0, 1, 700, 1500} { // the ring takes 1000
		before := engineOf(t, 1000)
		trunk := before.names.number("pbx")
		var ids []ID
		for i := range calls {
			id := newID(noon)
			before.pending.Add(&id, &pendingCall{At: noon.UnixNano(), Caller: Number{uint64(12025550000 + i)}, Callee: Number{12025551234}, Origin: 7, Trunk: trunk, Plain: true, Withheld: i%2 == 0, Told: i%5 == 0})
			ids = append(ids, id)
			switch i % 3 {
			case 1:
				before.pending.observe(&Outcome{ID: id, Code: 200})
			case 2:
				before.pending.observe(&Outcome{ID: id, Code: 404})
			}
		}
		var file bytes.Buffer
		if err := before.SavePending(&file); err != nil {
			t.Fatal(err)
		}
		after := engineOf(t, 1000)
		after.names.number("another")
		restored, err := after.RestorePending(bytes.NewReader(file.Bytes()), noon.Add(time.Minute))
		if a, b := before.pending.Stats(), after.pending.Stats(); err != nil || restored != a.Open || b.Open != a.Open || b.Length != a.Length {
			t.Fatalf("%d restored, %v: %+v, want %+v", restored, err, b, a)
		}
		for i, id := range ids {
			want, wantTurn, wantSeen := before.pending.observe(&Outcome{ID: id, Code: 200, Ended: true})
			call, which, seen := after.pending.observe(&Outcome{ID: id, Code: 200, Ended: true})
			if i%3 == 2 {
				wantSeen = Unknown // of those that are over nothing is kept
			}
			if seen != wantSeen || which != wantTurn {
				t.Fatalf("call %d: %v %+v, want %v %+v", i, seen, which, wantSeen, wantTurn)
			}
			if seen == Counted && (call.Caller != want.Caller || call.At != want.At || !call.Plain || call.Withheld != want.Withheld || call.Told != want.Told || after.names.name(call.Trunk) != "pbx" || call.Origin == 7) {
				t.Fatalf("call %d: %+v, want %+v", i, call, want)
			}
		}
		for range 3000 { // and the rings go round
			id := newID(noon)
			after.pending.Add(&id, &pendingCall{})
		}
		if got := after.pending.Stats(); got.Open != 1000 || got.Length != 1000 {
			t.Errorf("%+v", got)
		}
	}
}

func TestPendingOfAnotherSizeIsLeftOut(t *testing.T) {
	before, after := engineOf(t, 1000), engineOf(t, 1001)
	before.pending.added(1, pendingCall{})
	var file bytes.Buffer
	if err := before.SavePending(&file); err != nil {
		t.Fatal(err)
	}
	if n, err := after.RestorePending(&file, noon); n != 0 || !errors.Is(err, ErrPendingSize) {
		t.Errorf("%d calls, %v", n, err)
	}
}

// Whatever the file holds, the rings stay whole.
func FuzzRestorePending(f *testing.F) {
	before, err := NewEngine(Options{Pending: 10})
	if err != nil {
		f.Fatal(err)
	}
	defer before.Close()
	for i := range 7 {
		before.pending.added(i, pendingCall{At: noon.UnixNano(), Caller: Number{12025550142}})
	}
	var file bytes.Buffer
	if err := before.SavePending(&file); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add(file.Bytes()[:file.Len()/2])
	f.Add(file.Bytes()[:file.Len()-1])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		after := engineOf(t, 10)
		n, err := after.RestorePending(bytes.NewReader(b), noon)
		got := after.pending.Stats()
		if got.Open != n || got.Length > got.Capacity || err != nil && n+got.Length != 0 && !errors.Is(err, ErrPendingSize) {
			t.Fatalf("%d, %v: %+v", n, err, got)
		}
		for i := range 30 {
			id := after.pending.added(i, pendingCall{})
			if _, _, seen := after.pending.observe(&Outcome{ID: id, Code: 404}); seen != Counted {
				t.Fatalf("call %d: %v", i, seen)
			}
		}
	})
}
