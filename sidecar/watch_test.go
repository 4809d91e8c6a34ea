package sidecar

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// watched is a watcher of one file, and the file.
func watched(t *testing.T, settle time.Duration, log io.Writer) (*watcher, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "spam.csv")
	write(t, filepath.Dir(file), map[string]string{"spam.csv": listText})
	find := func() sources { return sources{files: []string{file}, folders: []string{filepath.Dir(file)}} }
	w, err := newWatcher(slog.New(slog.NewTextHandler(log, nil)), settle, find, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	return w, file
}

// The time of modification is what the writer of a file likes it to be: it must
// not keep the daemon loading.
func TestFutureFileLoadsOnce(t *testing.T) {
	w, file := watched(t, time.Hour, io.Discard)
	began := time.Now()
	future := began.Add(time.Hour)
	if err := os.Chtimes(file, future, future); err != nil {
		t.Fatal(err)
	}
	w.load(func() {})
	if w.waiting || w.rested() {
		t.Error("a file from the future is loaded again")
	}
	past := began.Add(-time.Hour)
	w.load(func() {
		if err := os.Chtimes(file, past, past); err != nil {
			t.Fatal(err)
		}
	})
	if !w.waiting || !w.rested() {
		t.Error("a file that changed while it was loaded is not loaded again")
	}
	w.remember(began.Add(-time.Second), w.find()) // the clock of file times has ticks
	if !w.rested() {
		t.Error("a file that changed since the load began is not loaded again, for its time is in the past")
	}
}

// What a load has missed appears before the load has ended.
func TestMissingFileThatAppearsIsLoaded(t *testing.T) {
	w, file := watched(t, time.Hour, io.Discard)
	w.load(func() { write(t, filepath.Dir(file), map[string]string{"more.csv": listText}) })
	if !w.waiting || !w.rested() {
		t.Error("what was written since the load began is not loaded")
	}
}

// What only a load has found may have come while it ran, with the time of the tick
// before: it was not looked at before the load.
func TestWhatALoadFindsAndCameMeanwhileIsLoaded(t *testing.T) {
	w, file := watched(t, time.Hour, io.Discard)
	stamped := func(name string) time.Time {
		stat, ok := statOf(name)
		if !ok {
			t.Fatal(name)
		}
		return time.Unix(stat.Ctim.Unix())
	}
	inFile, inFolder := stamped(file).Add(fileTick/2), stamped(filepath.Dir(file)).Add(fileTick/2)
	known := w.find()
	for _, one := range []struct {
		name   string
		before sources
		began  time.Time
		names  bool
		again  bool
	}{
		{"known", known, inFile, true, false},
		{"a new file", sources{folders: known.folders}, inFile, false, true},
		{"a new file of long ago", sources{folders: known.folders}, inFile.Add(time.Minute), false, false},
		{"a new folder", sources{files: known.files}, inFolder, true, true},
		{"a new folder, and no name is missing", sources{files: known.files}, inFolder, false, false},
	} {
		now := sources{files: known.files, folders: known.folders, names: one.names}
		if one.before.folders == nil { // of the folder alone: the file may have come later
			now.files = nil
		}
		w.find = func() sources { return now }
		w.waiting = false
		w.remember(one.began, one.before)
		if w.waiting != one.again {
			t.Errorf("%s: loaded again %v, want %v", one.name, w.waiting, one.again)
		}
	}
}

// What is written beside the files without a pause does not put a load off.
func TestBusyFolderStillReloads(t *testing.T) {
	d := launch(t, nil)
	busy, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-busy:
				return
			case <-time.After(time.Millisecond):
				_ = os.WriteFile(filepath.Join(d.dir, "rules/lists/busy.log"), []byte("x"), 0o600) // a miss only makes it less busy
			}
		}
	}()
	defer func() { close(busy); <-done }()
	d.replace("rules/lists/spam.csv", listText+"+12025550188,,\n")
	d.blocks("+12025550188", "603")
}

// With the configuration and the journal in the state folder changes are seen,
// too.
func TestStateFolderWithConfigurationReloads(t *testing.T) {
	d := launch(t, map[string]string{"ringfence.yaml": strings.Replace(configText, "state: state", "state: .\njournal: {file: rules/main}", 1)})
	d.replace("rules/lists/spam.csv", listText+"+12025550188,,\n")
	d.blocks("+12025550188", "603")
	d.replace("rules/main.yaml", strings.Replace(rulesText, "id: spam", "id: robots", 1))
	await(t, "the renamed rule", func() bool {
		for _, r := range d.p.Status().Rules {
			if r.ID == "robots" {
				return true
			}
		}
		return false
	})
}

func TestOwnFiles(t *testing.T) {
	r := &reloader{program: &Program{config: &Config{State: "/var/lib/ringfence/", Journal: JournalConfig{File: "/var/log/ringfence//calls.jsonl"}}}}
	for file, want := range map[string]bool{
		"/var/lib/ringfence/lock":              true,
		"/var/lib/ringfence/learned.jsonl":     true,
		"/var/lib/ringfence/learned.jsonl.new": true,
		"/var/lib/ringfence/ringfence.yaml":    false,
		"/var/lib/ringfence/rules/main.yaml":   false,
		"/var/lib/ringfence/journal.jsonl":     false,
		"/var/log/ringfence/calls.jsonl":       true,
		"/var/log/ringfence/calls.jsonl.1":     true,
		"/var/log/ringfence/calls.jsonl.12":    true,
		"/var/log/ringfence/calls.jsonl.":      false,
		"/var/log/ringfence/calls.jsonl.yaml":  false,
		"/var/log/ringfence/calls.jsonlist":    false,
		"/var/log/ringfence/calls.jsonl1":      false,
	} {
		if got := r.own(file); got != want {
			t.Errorf("%s: own %v, want %v", file, got, want)
		}
	}
}

// New rights of a file can cure a load that failed.
func TestNewRightsReload(t *testing.T) {
	d := launch(t, nil)
	if err := os.Chmod(filepath.Join(d.dir, "rules/lists/spam.csv"), 0o640); err != nil {
		t.Fatal(err)
	}
	await(t, "the reload", func() bool { return d.p.Status().Generation > 1 })
}

func TestUnwatchedFoldersAreToldOnce(t *testing.T) {
	log := new(lockedBuffer)
	w, file := watched(t, time.Hour, log)
	dir := filepath.Dir(file)
	gone, late := filepath.Join(dir, "gone"), filepath.Join(dir, "late")
	many := []string{dir, gone, late}
	for len(many) < watchLimit+7 {
		many = append(many, filepath.Join(dir, "gone", strconv.Itoa(len(many))))
	}
	for range 2 {
		w.follow(sources{folders: []string{dir, gone, late}})
	}
	if got := strings.Count(log.String(), "is not watched"); got != 2 || !strings.Contains(log.String(), "folder="+gone) || !strings.Contains(log.String(), "folder="+late) {
		t.Errorf("log %q, want a line for each of two folders", log)
	}
	if err := os.Mkdir(late, 0o700); err != nil {
		t.Fatal(err)
	}
	w.follow(sources{folders: []string{dir, gone, late}})
	if err := os.Remove(late); err != nil {
		t.Fatal(err)
	}
	w.follow(sources{folders: []string{dir, gone, late}})
	if got := strings.Count(log.String(), "folder="+late); got != 2 {
		t.Errorf("log %q, want a second line for the folder that was there and went", log)
	}
	for range 2 {
		w.follow(sources{}.watching(many))
	}
	if got := strings.Count(log.String(), "too many folders"); got != 1 || !strings.Contains(log.String(), "watched=512 not_watched=7") {
		t.Errorf("log %q, want one line about 7 folders too many", log)
	}
}
