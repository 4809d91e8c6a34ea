package rules

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// Every file of the corpus fails with exactly the messages beside it.
func TestBadRuleFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/many/*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			s := Settings{Redress: testRedress, Files: []string{file}, Trunks: []Trunk{testTrunk(t, "carrier-a", "192.0.2.0/24", true)}}
			rs, err := Compile(s)
			var d Diagnostics
			if rs != nil || !errors.As(err, &d) {
				t.Fatalf("got a ruleset, or an error that is no Diagnostics: %v", err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", d.Error()+"\n")
		})
	}
}
