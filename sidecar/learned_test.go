package sidecar

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/rules"
	"ringfence/sidecar/alert"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func learnedEntry(t *testing.T, n int, until time.Time) rules.LearnedEntry {
	t.Helper()
	number, err := rules.ParseNumber(fmt.Sprintf("+1202555%04d", n))
	if err != nil {
		t.Fatal(err)
	}
	return rules.LearnedEntry{List: "not-found", Number: number, Until: until}
}

// keeper is a log of learned lists and the lists themselves, at noon.
func keeper(t *testing.T, name string) (*learnedLog, *rules.LearnedLists) {
	t.Helper()
	entries, err := readLearned(name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := openLearned(name, len(entries), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	lists := rules.NewLearnedLists(100_000, l.Changed)
	lists.Restore(entries, noon)
	l.start(lists, func() time.Time { return noon }, func(alert.Alert) {})
	return l, lists
}

func TestLearnedIsPlayedAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sub", "learned.jsonl")
	l, _ := keeper(t, name)
	for n := range 3 {
		l.Changed(learnedEntry(t, n, noon.Add(time.Hour)))
	}
	l.Changed(learnedEntry(t, 1, time.Time{}))          // taken off again
	l.Changed(learnedEntry(t, 2, noon.Add(-time.Hour))) // expired by now
	l.Close()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("{\"foreign\": 1}\n{\"list\":\"not-found\",\"number\":\"+1202"); err != nil { // torn by a crash
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	l, lists := keeper(t, name)
	l.Changed(learnedEntry(t, 7, noon.Add(time.Hour))) // behind the torn line
	l.Close()
	if got := lists.Snapshot(noon); len(got) != 1 || got[0] != learnedEntry(t, 0, noon.Add(time.Hour)) {
		t.Errorf("restored %v", got)
	}
	l, lists = keeper(t, name)
	l.Close()
	if got := lists.Snapshot(noon); len(got) != 2 {
		t.Errorf("restored %v, want what came after the torn line, too", got)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// The file does not grow by history.
func TestLearnedCompacts(t *testing.T) {
	name := filepath.Join(t.TempDir(), "learned.jsonl")
	var history strings.Builder
	for n := range compactFrom + 10 {
		fmt.Fprintf(&history, `{"list":"not-found","number":"+12025550%03d","until":"2026-06-01T%02d:00:00Z"}`+"\n", n%100, 13+n%10)
	}
	if err := os.WriteFile(name, []byte(history.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	l, lists := keeper(t, name)
	before := lists.Snapshot(noon)
	l.Close()
	if got := lineCount(t, name); got != 100 || len(before) != 100 {
		t.Errorf("%d lines for %d entries, want 100", got, len(before))
	}
	l, lists = keeper(t, name)
	l.Close()
	for i, e := range lists.Snapshot(noon) {
		if e != before[i] {
			t.Errorf("entry %d is %v, want %v", i, e, before[i])
		}
	}
}

// Changes that the queue could not take are made good from the lists.
func TestLearnedHealsAfterDrops(t *testing.T) {
	name := filepath.Join(t.TempDir(), "learned.jsonl")
	l, err := openLearned(name, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	lists := rules.NewLearnedLists(100_000, l.Changed)
	var entries []rules.LearnedEntry
	for n := range learnedQueue + 500 {
		number, err := rules.ParseNumber(fmt.Sprintf("+1202%07d", 2_000_000+n))
		if err != nil {
			t.Fatal(err)
		}
		e := rules.LearnedEntry{List: "not-found", Number: number, Until: noon.Add(time.Hour)}
		entries = append(entries, e)
		l.Changed(e) // nobody writes yet
	}
	lists.Restore(entries, noon)
	if got := l.dropped.Load(); got != 500 {
		t.Fatalf("%d dropped, want 500", got)
	}
	l.start(lists, func() time.Time { return noon }, func(alert.Alert) {})
	l.Close()
	restored, err := readLearned(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(restored) != len(entries) {
		t.Errorf("%d entries kept, want %d", len(restored), len(entries))
	}
}

// A number that was forgotten stays so, when the change that says it was
// dropped and the one that taught it was not. What is learned after the file
// was written anew is kept.
func TestLearnedDropDoesNotBringBack(t *testing.T) {
	for _, later := range [][]rules.LearnedEntry{{}, {learnedEntry(t, 2, noon.Add(time.Hour))}} {
		name := filepath.Join(t.TempDir(), "learned.jsonl")
		l, err := openLearned(name, 0, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		lists := rules.NewLearnedLists(100_000, l.Changed)
		l.lists, l.now = lists, func() time.Time { return noon }
		for range learnedQueue {
			l.Changed(learnedEntry(t, 1, noon.Add(time.Hour))) // nobody writes yet
		}
		l.Changed(learnedEntry(t, 1, time.Time{})) // dropped; the lists do not have it any more
		l.keep()
		for _, e := range later {
			l.Changed(e)
		}
		l.start(lists, l.now, func(alert.Alert) {})
		l.Close()
		l, restored := keeper(t, name)
		l.Close()
		if diff := cmp.Diff(later, restored.Snapshot(noon), cmpopts.EquateEmpty(), cmp.Comparer(func(a, b rules.LearnedEntry) bool { return a == b })); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
	}
}

// While no new file can be made changes go into the old one, and the log says
// so once.
func TestLearnedAppendsWhileItCannotCompact(t *testing.T) {
	name := filepath.Join(t.TempDir(), "learned.jsonl")
	log := new(lockedBuffer)
	l, err := openLearned(name, compactFrom+1, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l.lists, l.now = rules.NewLearnedLists(100, l.Changed), func() time.Time { return noon }
	if err := os.MkdirAll(name+newSuffix, 0o700); err != nil { // in the way
		t.Fatal(err)
	}
	for n := range 3 {
		l.add(learnedEntry(t, n, noon.Add(time.Hour)))
		l.keep()
		if got := lineCount(t, name); got != n+1 {
			t.Fatalf("%d lines, want %d", got, n+1)
		}
	}
	if got := strings.Count(log.String(), "cannot write"); got != 1 || l.errors.Load() != 3 {
		t.Errorf("%d errors, log %q; want 3 and one line", l.errors.Load(), log)
	}
	if err := os.Remove(name + newSuffix); err != nil {
		t.Fatal(err)
	}
	l.keep()
	l.keep()
	if got := lineCount(t, name); got != 0 { // as the lists have it
		t.Errorf("%d lines after the compaction, want none", got)
	}
	if got := strings.Count(log.String(), "written again"); got != 1 {
		t.Errorf("log %q, want one line about the recovery", log)
	}
	l.lists = nil // nothing has started
	l.Close()
}
