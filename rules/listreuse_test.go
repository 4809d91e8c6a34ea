package rules

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A reload takes a list over whose file and declaration are the same, and no
// other: each change below must be seen.
func TestReuseOfLists(t *testing.T) {
	const declared, old = "lists:\n  spam: {file: spam.csv, country: US}\n", "+12025551234\n+12025551235\n+12025551235\n"
	long := time.Now().Add(-time.Hour)
	rule := rulesOf(`{id: a, when: 'caller in list("spam")', block: dno}`)
	for name, tt := range map[string]struct {
		change func(t *testing.T, dir string)
		reused bool
		gone   bool // the first number is in the list no more
	}{
		"nothing": {func(*testing.T, string) {}, true, false},
		"another why": {func(t *testing.T, dir string) {
			rewrite(t, dir, "rules.yaml", "lists:\n  spam: {file: spam.csv, country: US, why: dno}\n"+rule)
		}, true, false},
		"country": {func(t *testing.T, dir string) {
			rewrite(t, dir, "rules.yaml", "lists:\n  spam: {file: spam.csv, country: CA}\n"+rule)
		}, false, false},
		"size": {func(t *testing.T, dir string) { rewrite(t, dir, "spam.csv", "+12025551236\n") }, false, true},
		"same size": {func(t *testing.T, dir string) {
			rewrite(t, dir, "spam.csv", "+12025551236\n+12025551235\n+12025551235\n")
		}, false, true},
		"same size and time": {func(t *testing.T, dir string) {
			rewrite(t, dir, "spam.csv", "+12025551236\n+12025551235\n+12025551235\n")
			setTime(t, filepath.Join(dir, "spam.csv"), long)
		}, false, true},
		"another file of the same size and time": {func(t *testing.T, dir string) {
			rewrite(t, dir, "new.csv", "+12025551236\n+12025551235\n+12025551235\n")
			setTime(t, filepath.Join(dir, "new.csv"), long)
			if err := os.Rename(filepath.Join(dir, "new.csv"), filepath.Join(dir, "spam.csv")); err != nil {
				t.Fatal(err)
			}
		}, false, true},
		"another file behind a link": {func(t *testing.T, dir string) {
			rewrite(t, dir, "new.csv", "+12025551236\n+12025551235\n+12025551235\n")
			setTime(t, filepath.Join(dir, "new.csv"), long)
			if err := os.Remove(filepath.Join(dir, "spam.csv")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("new.csv", filepath.Join(dir, "spam.csv")); err != nil {
				t.Fatal(err)
			}
		}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeFiles(t, "rules.yaml", declared+rule, "spam.csv", old)
			setTime(t, filepath.Join(dir, "spam.csv"), long)
			s := Settings{Country: "US", Redress: testRedress, Files: []string{filepath.Join(dir, "rules.yaml")}}
			first, err := Compile(s)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(t, dir)
			s.Previous = first
			second, err := Compile(s)
			if err != nil {
				t.Fatal(err)
			}
			if second.settings.Previous != nil {
				t.Error("the ruleset keeps the one before")
			}
			if got := first.lists[0].listContent == second.lists[0].listContent; got != tt.reused {
				t.Errorf("reused: %v, want %v", got, tt.reused)
			}
			if gone := second.lists[0].Find(global(t, "+12025551234"), noon) == 0; gone != tt.gone {
				t.Errorf("the number is gone: %v, want %v", gone, tt.gone)
			}
			if tt.reused && len(second.Warnings()) != len(first.Warnings()) {
				t.Errorf("warnings %v, before %v", second.Warnings(), first.Warnings())
			}
			if name == "another why" && second.lists[0].Row(1).Why != DNO {
				t.Error("the new why of the list is not that of its rows")
			}
		})
	}
}

// A file that was written to just before it was read may be written to again
// within the same tick of its clock.
func TestFreshListIsReadAgain(t *testing.T) {
	dir := writeFiles(t, "spam.csv", "+12025551234\n")
	l, _ := loadList(listSpec{Name: "spam", File: filepath.Join(dir, "spam.csv")})
	if l == nil || l.info != nil {
		t.Errorf("a fresh file would be taken for unchanged: %v", l)
	}
	if rs := (&Ruleset{lists: []*List{l}}); rs.unchanged(l.listSpec) != nil {
		t.Error("it is")
	}
}

func rewrite(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func setTime(t *testing.T, file string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}
