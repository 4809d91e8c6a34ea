package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzRuleFile: whatever a rule file holds, it loads whole or not at all, and
// a finding points into the file. What loads can decide and explain.
func FuzzRuleFile(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(designRules))
	f.Add([]byte(rulesOf(`{id: a, when: 'caller matches "^\\+1(2|3)" and country(callers) in ["US", "CA"] or not withheld', block: dno}`)))
	f.Add([]byte(rulesOf(`{id: a, when: 'header("X") contains "y" or cidr(source, "10.0.0.0/8") and user_agent endsWith "z"', label: "é", mode: monitor}`)))
	dir := f.TempDir()
	for i := 0; i < len(designLists); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, designLists[i]), []byte(designLists[i+1]), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	name := filepath.Join(dir, "rules.yaml")
	e, err := NewEngine(Options{Pending: 64})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(e.Close)
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "file:") && !onlyDesignLists(data) {
			return
		}
		began := time.Now()
		src := &source{files: []string{name}}
		src.read(name, data)
		rs, err := compileSource(Settings{Redress: testRedress, Trunks: []Trunk{{Name: "carrier-a"}}}, src)
		if took := time.Since(began); took > time.Minute {
			t.Fatalf("%d bytes took %v", len(data), took)
		}
		if (rs == nil) == (err == nil) {
			t.Fatalf("ruleset %v, error %v", rs, err)
		}
		if err != nil {
			lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1 // YAML breaks lines at both
			for _, d := range err.(Diagnostics) {
				if d.File == name && (d.Line > lines || d.Line < 0 || d.Column < 0) || d.Message == "" || strings.ContainsAny(d.Error(), "\n\r") {
					t.Fatalf("finding %q in a file of %d lines", d.Error(), lines)
				}
			}
			return
		}
		e.Swap(rs)
		c := testCall("+12123340147", "+12025550123")
		c.At = time.Unix(0, 0)
		var v Verdict
		e.Decide(c, &v)
		if x := e.Explain(c); x.Verdict.Action != v.Action.String() || x.String() == "" {
			t.Fatalf("decided %s, explained %s", v.Action, x.Verdict.Action)
		}
	})
}

// onlyDesignLists tells whether data names no file but those of designLists.
func onlyDesignLists(data []byte) bool {
	text := string(data)
	for i := 0; i < len(designLists); i += 2 {
		text = strings.ReplaceAll(text, "file: "+designLists[i], "")
	}
	return !strings.Contains(text, "file")
}
