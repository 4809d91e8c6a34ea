package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const feedRules = `
lists:
  feed: {url: "https://lists.example.net/feed.csv?key=secret", why: dno, every: 12h, max_age: 2d, guard: 25%, max_size: 2GB, token_file: token, header: X-Api-Key}
  plain: {url: http://127.0.0.1:8000/plain.csv}
rules:
  - {id: on, when: 'callers in list("feed")', block: dno}
  - {id: off, when: 'caller not in list("plain")', block: administrative}
  - {id: unless, when: 'not (caller in list("plain") or withheld)', divert: "sip:a@example.net"}
  - {id: let, when: 'caller not in list("plain")', allow: true}
`

// compileFeeds compiles rules with the copies in the folder feeds.
func compileFeeds(t *testing.T, dir string) *Ruleset {
	t.Helper()
	file := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(file, []byte(feedRules), 0o600); err != nil {
		t.Fatal(err)
	}
	rs, err := Compile(Settings{Files: []string{file}, Feeds: filepath.Join(dir, "feeds"), Country: "US"})
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func TestFeeds(t *testing.T) {
	dir := t.TempDir()
	rs := compileFeeds(t, dir)
	want := []Feed{
		{List: "feed", URL: "https://lists.example.net/feed.csv?key=secret", Every: 12 * time.Hour, MaxAge: 48 * time.Hour, Guard: 0.25, MaxSize: 2 << 30,
			TokenFile: filepath.Join(dir, "token"), Header: "X-Api-Key", Copy: filepath.Join(dir, "feeds/feed.csv"), Pos: Position{filepath.Join(dir, "rules.yaml"), 3, 3}},
		{List: "plain", URL: "http://127.0.0.1:8000/plain.csv", Every: 24 * time.Hour, MaxAge: 72 * time.Hour, Guard: 0.5, MaxSize: 256 << 20,
			Copy: filepath.Join(dir, "feeds/plain.csv"), Pos: Position{filepath.Join(dir, "rules.yaml"), 4, 3}},
	}
	got := rs.Feeds()
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("feed %d: %+v, want %+v", i, got, want[i])
		}
	}
	if s := got[0].Source(); s != "https://lists.example.net/feed.csv" {
		t.Errorf("source %q tells too much or too little", s)
	}
}

// Without a copy a list is empty, and no rule stops calls for that.
func TestAwaitedFeed(t *testing.T) {
	dir := t.TempDir()
	modes := func(rs *Ruleset) string {
		var all []string
		for _, r := range rs.Rules() {
			all = append(all, r.ID+" "+r.Mode.String())
		}
		return strings.Join(all, ", ")
	}
	rs := compileFeeds(t, dir)
	if !rs.Awaits("feed") || !rs.Awaits("plain") {
		t.Error("a list without a copy is not awaited")
	}
	if got, want := modes(rs), "on enforce, off monitor, unless monitor, let enforce"; got != want {
		t.Errorf("before the first copy: %s, want %s", got, want)
	}
	if got := Diagnostics(rs.Warnings()).Error(); strings.Count(got, "no copy has been fetched yet") != 2 || strings.Count(got, `only monitors until the first copy of list "plain"`) != 2 {
		t.Errorf("warnings:\n%s", got)
	}
	if err := os.Mkdir(filepath.Join(dir, "feeds"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "feeds/plain.csv"), []byte("+12025550142\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rs = compileFeeds(t, dir)
	if rs.Awaits("plain") {
		t.Error("a list with a copy is awaited")
	}
	if got, want := modes(rs), "on enforce, off enforce, unless enforce, let enforce"; got != want {
		t.Errorf("with the copy: %s, want %s", got, want)
	}
}

func TestLoadCopy(t *testing.T) {
	dir := t.TempDir()
	rs := compileFeeds(t, dir)
	for text, want := range map[string]string{
		"+12025550142\n":                     "",
		"+12025550142\n+1202555":             "the last line has no end",
		"<!DOCTYPE html>\n":                  "is a web page or XML",
		"":                                   "the list is empty",
		"number,note\n+12025550142,\"a\nb\n": "quote",
	} {
		file := filepath.Join(dir, "copy")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := rs.LoadCopy("plain", file)
		if want == "" && (err != nil || list.Len() != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
