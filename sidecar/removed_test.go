package sidecar

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringfence/rules"
)

// takings are what can happen to a file under the daemon.
var takings = map[string]func(name string) error{
	"removed":         os.Remove,
	"moved":           func(name string) error { return os.Rename(name, name+".1") },
	"folder removed":  func(name string) error { return os.RemoveAll(filepath.Dir(name)) },
	"folder replaced": func(name string) error { return replaceFolder(filepath.Dir(name)) },
	"replaced": func(name string) error {
		if err := os.Remove(name); err != nil {
			return err
		}
		return os.WriteFile(name, []byte("{\"list\":\"other\"}\n"), 0o600)
	},
}

func replaceFolder(dir string) error {
	if err := os.Rename(dir, dir+".old"); err != nil {
		return err
	}
	return os.Mkdir(dir, 0o700)
}

// A change that is acknowledged is kept, also when the file has gone meanwhile;
// so are those before it.
func TestLiveFileIsTaken(t *testing.T) {
	all := map[string]func(string) error{"emptied": func(name string) error { return os.Truncate(name, 0) }}
	for what, take := range takings {
		all[what] = take
	}
	for what, take := range all {
		t.Run(what, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "state", "lists.jsonl")
			e, l, log := liveEngine(t, name)
			p := &Program{engine: e, live: l, log: &Log{Logger: l.log}, now: func() time.Time { return noon }}
			for i, entry := range []string{"+12122000001", "+12122000002"} {
				if i == 1 {
					if err := take(name); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := p.ChangeList(liveAdd(entry)); err != nil {
					t.Fatal(err)
				}
			}
			if l.errors.Load() != 1 || !strings.Contains(log.String(), "the file was removed, replaced or emptied, it is written anew") {
				t.Errorf("%d errors, log %s", l.errors.Load(), log)
			}
			if what == "replaced" {
				if kept, err := os.ReadFile(name + damagedSuffix); err != nil || string(kept) != "{\"list\":\"other\"}\n" {
					t.Errorf("kept %q, %v", kept, err)
				}
			}
			l.Close()
			e, l, _ = liveEngine(t, name)
			defer l.Close()
			if !holds(t, e, "+12122000001") || !holds(t, e, "+12122000002") {
				t.Error("a change is lost")
			}
		})
	}
}

// A change is refused when the file is gone and none can be made.
func TestLiveFileCannotBeMadeAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	e, l, _ := liveEngine(t, filepath.Join(dir, "lists.jsonl"))
	defer l.Close()
	p := &Program{engine: e, live: l, log: &Log{Logger: l.log}, now: func() time.Time { return noon }}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // in the way
		t.Fatal(err)
	}
	if _, err := p.ChangeList(liveAdd("+12122000001")); err == nil || !strings.Contains(err.Error(), "the change is not made, for it cannot be kept: ") {
		t.Errorf("got %v", err)
	}
	if holds(t, e, "+12122000001") || l.errors.Load() != 2 {
		t.Errorf("made, or %d errors", l.errors.Load())
	}
}

// What was learned is written anew.
func TestLearnedFileIsTaken(t *testing.T) {
	for what, take := range takings {
		t.Run(what, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "state", "learned.jsonl")
			log := new(lockedBuffer)
			l, err := openLearned(name, 0, slog.New(slog.NewTextHandler(log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			l.lists, l.now = rules.NewLearnedLists(100, l.Changed), func() time.Time { return noon }
			l.lists.Restore([]rules.LearnedEntry{learnedEntry(t, 1, noon.Add(time.Hour)), learnedEntry(t, 2, noon.Add(time.Hour))}, noon)
			l.add(learnedEntry(t, 1, noon.Add(time.Hour)))
			l.keep()
			if err := take(name); err != nil {
				t.Fatal(err)
			}
			l.add(learnedEntry(t, 2, noon.Add(time.Hour)))
			l.keep()
			l.keep()
			if got, err := readLearned(name); err != nil || len(got) != 2 {
				t.Errorf("kept %v, %v", got, err)
			}
			if n := strings.Count(log.String(), "removed or replaced"); n != 1 || l.errors.Load() != 1 {
				t.Errorf("%d errors, log %s", l.errors.Load(), log)
			}
			l.lists = nil // nothing has started
			l.Close()
		})
	}
}

// The first line after the file has gone is in the new one.
func TestJournalFileIsTaken(t *testing.T) {
	for what, take := range takings {
		t.Run(what, func(t *testing.T) {
			r := rotated{name: filepath.Join(t.TempDir(), "state", "journal.jsonl"), limit: 1 << 20, keep: 2}
			for i, line := range []string{"{\"id\":\"a\"}\n", "{\"id\":\"b\"}\n"} {
				if i == 1 {
					if err := take(r.name); err != nil {
						t.Fatal(err)
					}
				}
				if err := r.append([]byte(line)); err != nil {
					t.Fatal(err)
				}
				if err := r.flush(); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.close(); err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(r.name); err != nil || !strings.HasSuffix(string(data), "{\"id\":\"b\"}\n") {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
}

// A change by HTTP outlives the loss of the whole state folder.
func TestStateFolderIsTaken(t *testing.T) {
	d := launch(t, nil)
	if err := os.RemoveAll(d.p.config.State); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.p.AdminAddr().String()+"/lists/spam", strings.NewReader(`{"action":"add","entries":["+12122000001"]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("Content-Type", "application/json")
	resp, err := d.web.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if body := d.read(resp); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if data, err := os.ReadFile(filepath.Join(d.p.config.State, liveName)); err != nil || !strings.Contains(string(data), "+12122000001") {
		t.Errorf("kept %q, %v", data, err)
	}
}
