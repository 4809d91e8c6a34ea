package sidecar

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ringfence/rules"
)

// Each answer is that of one ruleset, whole, however many reloads cross the
// calls and each other; none fails.
func TestReloadsUnderLoad(t *testing.T) {
	text := func(label, withhold string) string {
		return strings.Replace(rulesText, "rules:\n", fmt.Sprintf("rules:\n  - {id: mark, when: 'caller == %q', label: %s}\n  - {id: hide, when: 'caller == %q', %s}\n", clean, label, clean, withhold), 1)
	}
	one, two := text("one", "label: one"), text("two", "withhold: true")
	d := launch(t, map[string]string{"rules/main.yaml": one})
	var seen [2]atomic.Uint64
	var done atomic.Bool
	var asking, asked sync.WaitGroup
	for range 3 {
		asking.Go(func() {
			for !done.Load() {
				code, body := d.post(clean, callee)
				line := strings.Split(body, "\n")
				switch {
				case code == 200 && line[0] == "1 allow" && line[6] == "one" && line[7] == "":
					seen[0].Add(1)
				case code == 200 && line[0] == "1 allow" && line[6] == "two" && line[7] == "withhold":
					seen[1].Add(1)
				default:
					d.Errorf("answer %d %q is of neither ruleset", code, body)
					return
				}
			}
		})
	}
	await(t, "answers of the first ruleset", func() bool { return seen[0].Load() > 0 })
	var loads atomic.Uint64
	var highest atomic.Uint64
	for range 2 {
		asked.Go(func() {
			for range 15 {
				got, err := d.p.Reload(d.Context())
				if err != nil {
					d.Error(err)
				}
				if got.OK {
					loads.Add(1)
				}
				for now := highest.Load(); got.Generation > now && !highest.CompareAndSwap(now, got.Generation); now = highest.Load() {
				}
			}
		})
	}
	for i := range 20 {
		d.replace("rules/main.yaml", []string{two, one}[i%2])
		if _, err := d.p.Reload(t.Context()); err != nil {
			t.Error(err)
		}
	}
	asked.Wait()
	d.replace("rules/main.yaml", two)
	await(t, "the last change", func() bool { return d.ask(clean, callee)[6] == "two" })
	await(t, "answers of the second ruleset", func() bool { return seen[1].Load() > 0 })
	done.Store(true)
	asking.Wait()
	if loads.Load() == 0 {
		t.Error("nothing was loaded")
	}
	if got := d.p.Status().Generation; got < highest.Load() || got < loads.Load() {
		t.Errorf("generation %d, told %d after %d loads", got, highest.Load(), loads.Load())
	}
}

// What is no file to read keeps the old rules at once, whatever its size.
func TestOddFilesKeepTheOldRules(t *testing.T) {
	sparse := func(t *testing.T, name string) {
		f, err := os.Create(name)
		if err == nil {
			err = f.Truncate(20 << 30)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	linked := func(target string) func(*testing.T, string) {
		return func(t *testing.T, name string) {
			if err := os.Symlink(target, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	circle := func(t *testing.T, name string) {
		linked("round~")(t, filepath.Join(filepath.Dir(name), "round~"))
		linked("round~")(t, name)
	}
	folder := func(t *testing.T, name string) {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	socket := func(t *testing.T, name string) {
		if err := syscall.Mknod(name, syscall.S_IFSOCK|0o600, 0); err != nil {
			t.Fatal(err)
		}
	}
	for name, odd := range map[string]struct {
		make func(*testing.T, string)
		want string // in the error: nothing was read of what has no end
	}{
		"20 GB of nothing": {sparse, "larger than "},
		"zeroes":           {linked("/dev/zero"), "regular file"},
		"null":             {linked("/dev/null"), "regular file"},
		"gone":             {linked("nowhere"), "no such file"},
		"a circle":         {circle, "too many levels"},
		"folder":           {folder, ""},
		"socket":           {socket, ""},
	} {
		for _, file := range []string{"ringfence.yaml", "rules/main.yaml", "rules/lists/spam.csv"} {
			t.Run(name+" as "+file, func(t *testing.T) {
				d := launch(t, nil)
				d.fails(func() {
					at := filepath.Join(d.dir, file)
					made := filepath.Join(filepath.Dir(at), "odd~")
					odd.make(t, made)
					if err := os.Remove(at); err != nil {
						t.Fatal(err)
					}
					rename(t, made, at)
				})
				if got, err := d.p.Reload(t.Context()); err != nil || got.OK || len(got.Errors) == 0 || !strings.Contains(got.Errors[0], filepath.Base(file)) || !strings.Contains(got.Errors[0], odd.want) {
					t.Errorf("%+v, %v; want %q about the file", got, err, odd.want)
				}
			})
		}
	}
}

// A file that grows while it is read is not taken for the whole, but when it has
// come to rest.
func TestGrowingFileIsNotTaken(t *testing.T) {
	d := launch(t, nil)
	file := filepath.Join(d.dir, "rules/lists/spam.csv")
	next, err := load(d.p.config.File, loading{})
	if err != nil {
		t.Fatal(err)
	}
	if err := next.steady(); err != nil {
		t.Fatalf("%v, with nothing changed", err)
	}
	for end := time.Now().Add(patience); ; { // the clock of file times has ticks
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("+12025550188,,\n"); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		err = next.steady()
		if err != nil && strings.Contains(err.Error(), "spam.csv: has changed while it was read") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v after the list grew", err)
		}
	}
	d.blocks("+12025550188", "603")
}

// A reload takes over the lists whose files are as they were, and reads those
// again that are not.
func TestReloadReadsWhatChanged(t *testing.T) {
	const twice = listText + spam + ",,\n" // makes a warning, by whose place a list is known again
	dir := folder(t, map[string]string{"rules/lists/spam.csv": twice})
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "rules/lists/spam.csv"), old, old); err != nil {
		t.Fatal(err)
	}
	d := launchIn(t, dir)
	list := func() *rules.List { return d.p.engine.Ruleset().Lists()[0] }
	read := func(l *rules.List) *rules.Diagnostic {
		t.Helper()
		if len(l.Warnings()) != 1 {
			t.Fatalf("warnings %v, want that of the row that is there twice", l.Warnings())
		}
		return &l.Warnings()[0]
	}
	before := list()
	for range 2 {
		if got, err := d.p.Reload(t.Context()); err != nil || !got.OK {
			t.Fatalf("%+v, %v", got, err)
		}
		if after := list(); after == before || read(after) != read(before) {
			t.Error("a list that has not changed was read again")
		}
	}
	d.replace("rules/lists/spam.csv", twice+"+12025550188,,\n")
	if got, err := d.p.Reload(t.Context()); err != nil || !got.OK {
		t.Fatalf("%+v, %v", got, err)
	}
	if after := list(); read(after) == read(before) || after.Len() != before.Len()+1 {
		t.Errorf("%d rows after %d: a list that has changed was not read again", after.Len(), before.Len())
	}
}
