package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// brokenSettings are those that the corpus is read with.
func brokenSettings(t testing.TB) Settings {
	return Settings{Redress: testRedress, Trunks: []Trunk{testTrunk(t, "carrier-a", "192.0.2.0/24", true)}}
}

// corpus are the files below a folder of testdata/bad, at least so many.
func corpus(t *testing.T, folder string, least int, skip string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join("testdata/bad", folder), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && e.Name() == skip {
			return fs.SkipDir
		}
		if err == nil && !e.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < least {
		t.Fatalf("%d files of %s, want at least %d; %v", len(files), folder, least, err)
	}
	return files
}

// A rule file with one fault is refused with one finding, which the golden
// file has word by word.
func TestBrokenRuleFiles(t *testing.T) {
	var b strings.Builder
	for _, file := range corpus(t, "rules", 45, "lists") {
		s := brokenSettings(t)
		s.Files = []string{file}
		rs, err := Compile(s)
		var d Diagnostics
		if rs != nil || !errors.As(err, &d) {
			t.Errorf("%s: a ruleset, or an error that is no Diagnostics: %v", file, err)
			continue
		}
		if len(d) != 1 {
			t.Errorf("%s: %d findings, want one:\n%v", file, len(d), d)
		}
		b.WriteString(d.Error() + "\n")
	}
	golden(t, "testdata/bad/rules.golden", b.String())
}

// brokenLists declare the lists of the corpus, by folder.
var brokenLists = map[string]string{"plain": "", "us": ", country: US", "gb": ", country: GB", "per": ", per: callee"}

// A list with one fault gives one finding: it is refused, or loads with a
// warning.
func TestBrokenLists(t *testing.T) {
	var b strings.Builder
	for _, file := range corpus(t, "lists", 30, "") {
		folder := filepath.Base(filepath.Dir(file))
		declared, ok := brokenLists[folder]
		if !ok {
			t.Fatalf("%s: no declaration for folder %s", file, folder)
		}
		when := `caller in list("x")`
		if folder == "per" {
			when = `caller in list("x", callee)`
		}
		src := &source{files: []string{"rules.yaml"}}
		src.read("rules.yaml", fmt.Appendf(nil, "lists: {x: {file: %q%s}}\nrules: [{id: a, when: '%s', block: dno}]\n", file, declared, when))
		rs, err := compileSource(brokenSettings(t), src)
		d, word := Diagnostics(nil), "refused"
		if err == nil {
			d, word = rs.Warnings(), "warned"
		} else if !errors.As(err, &d) || rs != nil {
			t.Fatalf("%s: a ruleset, or an error that is no Diagnostics: %v", file, err)
		}
		if len(d) != 1 {
			t.Errorf("%s: %d findings, want one:\n%v", file, len(d), d)
		}
		fmt.Fprintf(&b, "%s: %v\n", word, d)
	}
	golden(t, "testdata/bad/lists.golden", b.String())
}

// A load that fails leaves nothing behind, whatever it had read by then: the
// engine answers as before, and shows the rules, lists and live rows of before.
func TestNothingIsHalfLoaded(t *testing.T) {
	good := writeFiles(t, "rules.yaml", "lists: {x: {file: x.csv, why: dno}}\n"+rulesOf(`{id: a, when: 'caller in list("x")', block: dno}`),
		"x.csv", "+12123340147\n")
	s := brokenSettings(t)
	s.Files = []string{filepath.Join(good, "rules.yaml")}
	rs, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	e := running(t, Options{CacheBytes: 1 << 20}, rs)
	if _, err := e.ChangeList(LiveChange{List: "x", Action: LiveAdd, Entries: []string{"+12123340148"}}, noon, func(LiveChange) error { return nil }); err != nil {
		t.Fatal(err)
	}
	state := func() string {
		var b strings.Builder
		fmt.Fprintf(&b, "generation %d, %d rules, lists", e.Generation(), len(e.Ruleset().Rules()))
		for _, l := range e.Ruleset().Lists() {
			fmt.Fprintf(&b, " %s %d", l.Name, l.Len())
		}
		for i := range 8 {
			c := testCall(fmt.Sprintf("+1212334014%d", i+2), "+12025550123")
			c.At = noon
			var v Verdict
			e.Decide(c, &v)
			fmt.Fprintf(&b, "\n%d: %s %s %d", i, v.Action, v.List, v.Row)
		}
		return b.String()
	}
	before := state()
	loads := 0
	for _, file := range append(corpus(t, "rules", 45, "lists"), corpus(t, "lists", 30, "")...) {
		files := []string{file}
		if filepath.Ext(file) != ".yaml" {
			path, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			// The good lists and rules come before the broken list and after it.
			dir := writeFiles(t, "x.csv", "+12123340146\n", "rules.yaml", fmt.Sprintf("lists: {a: {file: x.csv}, x: {file: %q%s}, z: {file: x.csv}}\n", path, brokenLists[filepath.Base(filepath.Dir(file))])+
				rulesOf(`{id: b, when: 'caller in list("a") or caller in list("z")', block: dno}`))
			files = []string{filepath.Join(dir, "rules.yaml")}
		}
		s := brokenSettings(t)
		s.Files, s.Previous = files, e.Ruleset()
		rs, err := Compile(s)
		if err == nil && rs != nil && len(rs.Warnings()) > 0 {
			continue // of a list that loads
		}
		loads++
		if rs != nil || err == nil {
			t.Errorf("%s: a ruleset %v, error %v", file, rs != nil, err)
		}
		if after := state(); after != before {
			t.Fatalf("%s changed what is at work:\n%s\nwas\n%s", file, after, before)
		}
	}
	if loads < 100 {
		t.Errorf("only %d loads failed", loads)
	}
}

// What would cost a parser minutes or the stack is refused before it is parsed.
func TestRuleFilesOutOfBounds(t *testing.T) {
	var keys strings.Builder
	for i := range maxKeys + 1 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	for text, want := range map[string]string{
		keys.String(): fmt.Sprintf("rules.yaml:%d:1: has more than 10000 keys", maxKeys+1),
		"rules: [" + strings.Repeat("a,", maxValues+1): "rules.yaml:1:1: has more than 2097152 lines and values",
		"rules: " + strings.Repeat("[", 1<<20):         "rules.yaml:1:72: is nested deeper",
		"rules: " + strings.Repeat("{a: ", 1<<18):      "rules.yaml:1:264: is nested deeper",
		strings.Repeat("- ", 1<<18):                    "rules.yaml:1:129: is nested deeper",
		"rules: " + strings.Repeat("&a ", 1<<18):       "rules.yaml:1:200: has more than 64 anchors",
		strings.Repeat("? ", 1<<18):                    "rules.yaml:1:129: is nested deeper",
	} {
		src := &source{}
		src.read("rules.yaml", []byte(text))
		if len(src.d) != 1 || !strings.HasPrefix(src.d.Error(), want) {
			t.Errorf("%.20q: %.200v, want %s", text, src.d, want)
		}
	}
	// Sequences are as long as they need to be, and their members have keys of their own.
	src := &source{}
	if src.read("rules.yaml", []byte("rules:\n"+strings.Repeat("  - id: a\n    when: true\n    block: dno\n", maxKeys))); len(src.d) > 0 || len(src.rules) != maxKeys {
		t.Errorf("%d rules, %.200v", len(src.rules), src.d)
	}
}
