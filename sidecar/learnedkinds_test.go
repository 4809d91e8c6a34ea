package sidecar

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/rules"
)

// kinds are entries of each kind.
func kinds(t *testing.T) []rules.LearnedEntry {
	everybody, scoped, refused := learnedEntry(t, 1, noon.Add(time.Hour)), learnedEntry(t, 2, noon.Add(time.Hour)), learnedEntry(t, 3, noon.Add(time.Hour))
	everybody.By, scoped.Upstream = "carrier-a", `carrier "b"`
	refused.Subscriber, refused.By = learnedEntry(t, 9, noon).Number, "phones"
	return []rules.LearnedEntry{everybody, scoped, refused}
}

var sameEntries = cmp.Comparer(func(a, b rules.LearnedEntry) bool { return a == b })

// A file holds for whom each number is learned, whether a line is a change or
// what a compaction wrote; what is cut off by a crash costs its line alone.
func TestLearnedFileHoldsAllKinds(t *testing.T) {
	name := filepath.Join(t.TempDir(), "learned.jsonl")
	l, _ := keeper(t, name)
	for _, e := range kinds(t) {
		l.Changed(e)
	}
	l.Close()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	for cut := range len(lines[2]) { // behind two lines that are whole
		if err := os.WriteFile(name, []byte(lines[0]+lines[1]+lines[2][:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		entries, err := readLearned(name)
		want := kinds(t)[:2]
		if cut == len(lines[2])-1 { // all but its end
			want = kinds(t)
		}
		if diff := cmp.Diff(want, entries, sameEntries); diff != "" || err != nil {
			t.Fatalf("cut after %d bytes: %v (-want +got):\n%s", cut, err, diff)
		}
	}
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	l, lists := keeper(t, name)
	if diff := cmp.Diff(kinds(t), lists.Snapshot(noon), sameEntries); diff != "" {
		t.Errorf("played again (-want +got):\n%s", diff)
	}
	l.dropped.Add(1) // so that it is written anew
	if err := l.Sync(); err != nil {
		t.Error(err)
	}
	entries, err := readLearned(name)
	if diff := cmp.Diff(kinds(t), entries, sameEntries); diff != "" || err != nil {
		t.Errorf("written anew: %v (-want +got):\n%s", err, diff)
	}
	for _, e := range kinds(t) {
		e.By, e.Until = "", time.Time{}
		l.Changed(e)
	}
	l.Close()
	l, lists = keeper(t, name)
	l.Close()
	if got := lists.Snapshot(noon); len(got) != 0 {
		t.Errorf("taken off, and back: %v", got)
	}
}

// What was told before Sync is on the disk when it returns.
func TestLearnedSync(t *testing.T) {
	name := filepath.Join(t.TempDir(), "learned.jsonl")
	l, _ := keeper(t, name)
	for n := range 100 {
		l.Changed(learnedEntry(t, n, noon.Add(time.Hour)))
	}
	if err := l.Sync(); err != nil {
		t.Error(err)
	}
	if entries, err := readLearned(name); len(entries) != 100 || err != nil {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	file := l.file
	l.Changed(learnedEntry(t, 101, noon.Add(time.Hour)))
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Sync(); err == nil {
		t.Error("a file that cannot be written, and no error")
	}
	l.dropped.Add(1)
	if err := l.Sync(); err != nil && !strings.Contains(err.Error(), "file already closed") { // of the old one
		t.Error(err)
	}
	l.Close()
	if err := l.Sync(); err == nil {
		t.Error("closed, and no error")
	}
}

func TestLearnedOverHTTP(t *testing.T) {
	d := launch(t, nil)
	id := d.ask(clean, "+12025557100")[3]
	if got := d.outcome(id + " 404 192.0.2.1 0 40 0 1 - Not Found"); !strings.HasPrefix(got, "counted 1") {
		t.Fatal(got)
	}
	c, err := NewClient(&Config{Admin: Admin{Listen: d.p.AdminAddr().String(), TokenFile: d.dir + "/token"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.http.CloseIdleConnections()
	page, err := c.LearnedPage(t.Context(), "not-found", "", 10)
	if err != nil || len(page.Entries) != 1 || page.Entries[0].By != "carrier-a" || page.Total != 1 || page.Next != "" {
		t.Fatalf("%+v, %v", page, err)
	}
	if got := d.ask(clean, "+12025557100")[1]; got != "404" {
		t.Errorf("decided %q", got)
	}
	ch := ListChange{}
	ch.List, ch.Action, ch.Entries = "not-found", rules.LiveRemove, []string{"+12025557100"}
	if made, err := c.ChangeList(t.Context(), ch); err != nil || made.Entries[0] != "+12025557100" {
		t.Errorf("%+v, %v", made, err)
	}
	if got := d.ask(clean, "+12025557100")[0]; got != "1 allow" {
		t.Errorf("decided %q", got)
	}
	text, err := os.ReadFile(filepath.Join(d.dir, "state", learnedName))
	if err != nil || !strings.HasSuffix(string(text), `{"list":"not-found","number":"+12025557100"}`+"\n") {
		t.Errorf("kept %q, %v", text, err)
	}
	for path, want := range map[string]string{
		"/lists/not-found/learned?limit=0":     "limit: ",
		"/lists/not-found/learned?limit=x":     "limit: ",
		"/lists/not-found/learned?limit=10001": "1 to 10000",
		"/lists/not-found/learned?from=x":      "no place",
		"/lists/spam/learned":                  "is no learned list",
		"/lists/not-fund/learned":              "did you mean not-found?",
		"/lists/not-found":                     "ask for /lists/not-found/learned",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.p.AdminAddr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer secret")
		resp, err := d.web.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if body := d.read(resp); resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %q", path, resp.StatusCode, body, want)
		}
	}
}
