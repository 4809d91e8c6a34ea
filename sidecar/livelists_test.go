package sidecar

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ringfence/rules"
)

// liveEngine has the changes of a file, and rules with an empty list "spam".
func liveEngine(t *testing.T, name string) (*rules.Engine, *liveLog, *lockedBuffer) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"rules.yaml": "lists:\n  spam: {file: spam.csv, empty: true}\nrules:\n  - {id: spam, when: 'callers in list(\"spam\")', block: subscriber}\n", "spam.csv": ""})
	rs, err := rules.Compile(rules.Settings{Files: []string{filepath.Join(dir, "rules.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := rules.NewEngine(rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	var log lockedBuffer
	l, err := openLive(name, e.Live(), noon, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	e.Swap(rs)
	return e, l, &log
}

func liveAdd(entries ...string) rules.LiveChange {
	return rules.LiveChange{List: "spam", Action: rules.LiveAdd, Entries: entries, Added: noon}
}

func holds(t *testing.T, e *rules.Engine, entry string) bool {
	t.Helper()
	m, err := e.FindEntry("spam", entry, "", noon)
	if err != nil {
		t.Fatal(err)
	}
	return m.Holds
}

// A change that cannot be kept is not made, and harms none before or after it.
func TestLiveFileFails(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state", "lists.jsonl")
	e, l, _ := liveEngine(t, name)
	if _, err := e.ChangeList(liveAdd("+12122000001"), noon, l.append); err != nil {
		t.Fatal(err)
	}
	good := l.file
	var err error
	if l.file, err = os.Open(name); err != nil {
		t.Fatal(err)
	}
	if _, err = e.ChangeList(liveAdd("+12122000002"), noon, l.append); err == nil || !strings.Contains(err.Error(), "the change is not made, for it cannot be kept: ") {
		t.Errorf("got %v", err)
	}
	if err := l.file.Close(); err != nil {
		t.Fatal(err)
	}
	l.file = good
	if _, err := l.file.WriteString(`{"list":"spam","action":"add","entries":["+12122`); err != nil { // half of a line, as a full disk leaves it
		t.Fatal(err)
	}
	if l.errors.Load() != 1 || !l.torn || holds(t, e, "+12122000002") {
		t.Errorf("%d errors, torn %v", l.errors.Load(), l.torn)
	}
	if _, err := e.ChangeList(liveAdd("+12122000003"), noon, l.append); err != nil {
		t.Fatal(err)
	}
	l.Close()
	e, l, log := liveEngine(t, name)
	defer l.Close()
	for entry, want := range map[string]bool{"+12122000001": true, "+12122000002": false, "+12122000003": true} {
		if holds(t, e, entry) != want {
			t.Errorf("%s: %v", entry, !want)
		}
	}
	if log.String() != "" {
		t.Errorf("log: %s", log)
	}
}

// Lines that cannot be read are told of and kept beside the file; the others
// count.
func TestLiveFileDamaged(t *testing.T) {
	dir := t.TempDir()
	const text = `{"list":"spam","action":"add","entries":["+12122000001"]}
nonsense
{"list":"spam","action":"add","entries":["x"]}
{"list":"spam","action":"add","entries":["+12122000002"]}
{"list":"spam","act`
	write(t, dir, map[string]string{"lists.jsonl": text})
	name := filepath.Join(dir, "lists.jsonl")
	e, l, log := liveEngine(t, name)
	defer l.Close()
	if !holds(t, e, "+12122000001") || !holds(t, e, "+12122000002") {
		t.Error("a good line is lost")
	}
	for _, part := range []string{"lists.jsonl:2: ", "lists.jsonl:3: ", "changes are lost, the file is kept", "changes=2"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("no %q in %s", part, log)
		}
	}
	kept, err := os.ReadFile(name + damagedSuffix)
	if err != nil || !strings.HasPrefix(text, string(kept)) || !strings.Contains(string(kept), "nonsense\n") {
		t.Errorf("kept %q: %v", kept, err)
	}
	if data, err := os.ReadFile(name); err != nil || !strings.HasSuffix(string(data), "2000002\"]}\n") {
		t.Errorf("the torn line is there: %q, %v", data, err)
	}
}

// When most of the file is history it is written anew.
func TestLiveFileIsCompacted(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lists.jsonl")
	e, l, _ := liveEngine(t, name)
	many := make([]string, 2000)
	for i := range many {
		many[i] = fmt.Sprintf("+1212300%04d", i)
	}
	for i := 0; i < 2*compactFrom; i += len(many) {
		ch := liveAdd(many...)
		if i/len(many)%2 == 1 {
			ch.Action = rules.LiveRevert
		}
		if _, err := e.ChangeList(ch, noon, l.append); err != nil {
			t.Fatal(err)
		}
		l.compact(e.Live(), noon)
	}
	ch := liveAdd("+1404*")
	ch.Expires = noon.Add(time.Hour)
	if _, err := e.ChangeList(ch, noon, l.append); err != nil {
		t.Fatal(err)
	}
	if l.entries > compactFrom+len(many) {
		t.Errorf("%d entries", l.entries)
	}
	before := l.entries
	l.Close()
	e, l, _ = liveEngine(t, name)
	defer l.Close()
	if l.entries != before || holds(t, e, many[0]) || !holds(t, e, "+14045551234") {
		t.Errorf("%d entries of %d, %v, %v", l.entries, before, holds(t, e, many[0]), holds(t, e, "+14045551234"))
	}
}

func TestAdminLists(t *testing.T) {
	d := launch(t, nil)
	for _, c := range []struct {
		name, method, path, auth, body string
		code                           int
		want                           string
	}{
		{"all", "GET", "/lists", "", "", 200, `"name": "spam"`},
		{"none live", "GET", "/lists/spam", "", "", 200, "[]"},
		{"no token", "POST", "/lists/spam", "", `{}`, 401, "token is missing"},
		{"no action", "POST", "/lists/spam", "Bearer secret", `{"entries":["+12122000001"]}`, 422, `unknown action`},
		{"no JSON", "POST", "/lists/spam", "Bearer secret", `+1212`, 422, `the change cannot be read: `},
		{"two changes", "POST", "/lists/spam", "Bearer secret", `{"action":"add","entries":["+12122000001"]} {"action":"add","entries":["+12122000002"]}`, 422, `there is more after it`},
		{"unknown key", "POST", "/lists/spam", "Bearer secret", `{"entry":"+1212"}`, 422, `unknown field`},
		{"another list", "POST", "/lists/spam", "Bearer secret", `{"list":"dno","action":"add","entries":["+12122000001"]}`, 422, `names list \"dno\"`},
		{"two ends", "POST", "/lists/spam", "Bearer secret", `{"action":"add","entries":["+12122000001"],"for":"1h","expires":"2030-01-01T00:00:00Z"}`, 422, `for and expires`},
		{"add", "POST", "/lists/spam", "Bearer secret", `{"action":"add","entries":["+1 212 200 0001"],"for":"1h"}`, 200, `"+12122000001"`},
		{"is there", "GET", "/lists/spam?entry=%2B12122000001", "", "", 200, `"holds": true`},
		{"live", "GET", "/lists/spam", "", "", 200, `"action": "add"`},
		{"unknown", "GET", "/lists/span", "", "", 422, "did you mean spam?"},
		{"metric", "GET", "/metrics", "", "", 200, "ringfence_live_rows_entries{list=\"spam\"} 1\n"},
		{"metric of changes", "GET", "/metrics", "", "", 200, "ringfence_live_changes_total 1\n"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+d.p.AdminAddr().String()+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", c.auth)
		r.Header.Set("Content-Type", "application/json")
		resp, err := d.web.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if body := d.read(resp); resp.StatusCode != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %.300s, want %d %s", c.name, resp.StatusCode, body, c.code, c.want)
		}
	}
}

// A change has a bound. It is tried without a connection: on a slow machine so
// much takes longer than the listener waits for a request.
func TestAdminListsTakeNoLargeChange(t *testing.T) {
	d := launch(t, nil)
	handler := d.p.admin.handler(prometheus.NewRegistry())
	for name, body := range map[string]string{
		"in the change":     `{"note":"` + strings.Repeat("x", changeLimit) + `"}`,
		"behind the change": `{"action":"add","entries":["+12122000001"]}` + strings.Repeat(" ", changeLimit),
	} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/lists/spam", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "larger than 32 MiB") {
			t.Errorf("%s: %d %.300s", name, w.Code, w.Body)
		}
	}
	if holds(t, d.p.engine, "+12122000001") {
		t.Error("a change that is too large is made")
	}
}

// Each damage is kept under a name of its own, and a start that finds the same
// one again makes no more of it.
func TestLiveFileDamagedAgain(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "lists.jsonl")
	for _, text := range []string{"first\n", "second\n"} {
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
		write(t, dir, map[string]string{"lists.jsonl": text})
		for range 2 {
			_, l, log := liveEngine(t, name)
			l.Close()
			if !strings.Contains(log.String(), "changes=1") || strings.Contains(log.String(), "<nil>") {
				t.Errorf("log: %s", log)
			}
		}
	}
	for file, want := range map[string]string{name + damagedSuffix: "first\n", name + damagedSuffix + ".2": "second\n"} {
		if kept, err := os.ReadFile(file); err != nil || string(kept) != want {
			t.Errorf("%s: %q, %v", file, kept, err)
		}
	}
	if _, err := os.Stat(name + damagedSuffix + ".3"); err == nil {
		t.Error("the same damage is kept twice")
	}
}
