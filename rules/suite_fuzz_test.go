package rules_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringfence/adapters/kamailio"
	"ringfence/rules"
)

// FuzzTestFile: whatever a test file holds, it is refused with findings that
// point into it, or its tests run.
func FuzzTestFile(f *testing.F) {
	for _, pattern := range []string{"testdata/suite/*.test.yaml", "testdata/suite/bad/*.test.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(bytes.ReplaceAll(data, []byte("../rules.yaml"), []byte("rules.yaml")))
		}
	}
	dir := f.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/suite")); err != nil {
		f.Fatal(err)
	}
	name := filepath.Join(dir, "fuzz.test.yaml")
	base, err := rules.Compile(rules.Settings{
		Redress: rules.Redress{URL: "https://redress.example.net", Location: "RLN"},
		Trunks:  []rules.Trunk{{Name: "carrier-a", Trusted: true}, {Name: "pbx"}},
		Files:   []string{filepath.Join(dir, "rules.yaml")},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "rules:") && !strings.Contains(string(data), "rules: rules.yaml") {
			return // no other files
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		ran := 0
		s, err := rules.ReadSuite([]string{name}, kamailio.ReadCall)
		if err == nil {
			_, err = s.Run(context.Background(), base, func(rules.TestResult) { ran++ })
		}
		var d rules.Diagnostics
		if err != nil && (!errors.As(err, &d) || len(d) == 0) {
			t.Fatalf("an error that is no Diagnostics: %v", err)
		}
		if err == nil && ran != s.Len() {
			t.Fatalf("%d of %d tests ran", ran, s.Len())
		}
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, one := range d {
			if one.File == name && one.Line > lines || one.Message == "" || strings.ContainsAny(one.Error(), "\n\r") {
				t.Fatalf("finding %q in a file of %d lines", one.Error(), lines)
			}
		}
	})
}
