package sidecar

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/rules"
)

// hours are the sums of a traffic file, by hour and trunk.
func hours(t *testing.T, name string) map[string]uint64 {
	t.Helper()
	all := map[string]uint64{}
	if err := eachHour(name, func(h trafficHour) {
		for trunk, n := range h.Calls {
			all[h.Hour.Format("02T15 ")+trunk] += n
		}
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTraffic(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sub", trafficName)
	now, calls := noon.Add(10*time.Minute), []rules.TrunkCalls{{Trunk: "", Calls: 1}, {Trunk: "a", Calls: 5}}
	open := func() *trafficLog {
		l, err := openTraffic(name, func() []rules.TrunkCalls { return calls }, func() time.Time { return now }, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		close(l.stop) // the test takes
		<-l.done
		return l
	}
	l := open()
	calls = []rules.TrunkCalls{{Trunk: "", Calls: 1}, {Trunk: "a", Calls: 7}}
	l.take()
	l.take() // nothing has come
	now = now.Add(time.Hour)
	calls = []rules.TrunkCalls{{Trunk: "", Calls: 2}, {Trunk: "a", Calls: 7}, {Trunk: "b", Calls: 3}}
	l.take()
	if n := lineCount(t, name); n != 3 {
		t.Errorf("%d lines", n)
	}
	want := map[string]uint64{"01T12 ": 1, "01T12 a": 7, "01T13 ": 1, "01T13 b": 3}
	if diff := cmp.Diff(want, hours(t, name)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// A restart counts from nothing, adds up lines and passes over what is torn.
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("{\"foreign\":1}\n{\"hour\":\"2026-06-"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	calls = []rules.TrunkCalls{{Trunk: "a", Calls: 1}}
	l = open()
	if n := lineCount(t, name); n != 3 { // two hours, and what open took
		t.Errorf("%d lines after a restart", n)
	}
	want["01T13 a"] = 1
	if diff := cmp.Diff(want, hours(t, name)); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	// A file that is gone is made anew, and old hours go.
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	calls = nil
	for i := range 250 {
		calls = append(calls, rules.TrunkCalls{Trunk: fmt.Sprintf("trunk-%03d", i), Calls: 2})
	}
	l.take()
	if n := lineCount(t, name); n != 3 {
		t.Errorf("%d lines of 250 trunks", n)
	}
	now = now.Add(trafficKept + 2*time.Hour)
	calls = []rules.TrunkCalls{{Trunk: "a", Calls: 1}}
	open()
	if got := hours(t, name); len(got) != 1 {
		t.Errorf("kept for good: %v", got)
	}
}
