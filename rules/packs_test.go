package rules_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringfence/adapters/kamailio"
	"ringfence/rules"
)

// packs are the rule packs in the order in which docs/packs.md has them.
var packs = []string{"dno", "own-numbers", "screening", "subscriber", "reputation", "robocall", "behaviour", "hours", "outbound", "slow-down"}

var packSettings = rules.Settings{Country: "US", Redress: rules.Redress{URL: "https://redress.example.net/calls", Location: "TN"}}

// The tests of every pack pass, and try each rule both ways.
func TestPacks(t *testing.T) {
	files, err := rules.TestFiles([]string{"packs"})
	if err != nil || len(files) != len(packs) {
		t.Fatalf("%d test files of %d packs, %v", len(files), len(packs), err)
	}
	s, err := rules.ReadSuite(files, kamailio.ReadCall)
	if err != nil {
		t.Fatal(err)
	}
	if !s.SelfContained() {
		t.Error("a pack needs a configuration to be tested")
	}
	covered, err := s.Run(context.Background(), nil, func(r rules.TestResult) {
		for _, f := range r.Faults {
			t.Errorf("%v: %q", f, r.Because)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range covered {
		if c.Matched == 0 || c.Unmatched == 0 {
			t.Errorf("rule %s matched in %d tests and did not in %d, want both", c.Rule, c.Matched, c.Unmatched)
		}
	}
}

// Each pack loads by itself, and all do together, without a warning; its head
// says what it is for.
func TestPacksLoad(t *testing.T) {
	var all []string
	for _, name := range packs {
		file := filepath.Join("packs", name+".yaml")
		all = append(all, file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"# " + name + ": ", "\n# What ", "\n# When ", "\n# Bring ", "\n# Mode ", "\n# Answer "} {
			if !strings.Contains("\n"+string(text), part) {
				t.Errorf("%s lacks %q in its head", file, part)
			}
		}
	}
	folder, err := filepath.Glob("packs/*.yaml")
	if err != nil || len(slices.DeleteFunc(folder, rules.IsTestFile)) != len(packs) {
		t.Errorf("the folder has %q, %v", folder, err)
	}
	for _, files := range append([][]string{all, {"packs"}}, each(all)...) {
		s := packSettings
		s.Files = files
		s.Trunks = []rules.Trunk{{Name: "carrier", Direction: rules.Inbound}, {Name: "customer", Direction: rules.Outbound}}
		rs, err := rules.Compile(s)
		if err != nil {
			t.Errorf("%s: %v", files, err)
			continue
		}
		for _, w := range rs.Warnings() {
			if len(files) == 1 && files[0] == "packs" {
				break // by name the order is not the one to be used
			}
			if strings.Contains(w.Message, "years ago") || strings.Contains(w.Message, "holidays end on") {
				continue // calendars grow old
			}
			t.Errorf("%s: warning: %v", files, w)
		}
	}
}

func each(files []string) (all [][]string) {
	for _, f := range files {
		all = append(all, []string{f})
	}
	return all
}
