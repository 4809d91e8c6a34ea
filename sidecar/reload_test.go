package sidecar

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// whileAsked runs do while four clients have calls decided without a pause, and
// fails when one of their requests does.
func (d *daemon) whileAsked(do func()) {
	d.Helper()
	var asking sync.WaitGroup
	var done atomic.Bool
	var failed, asked atomic.Uint64
	for range 4 {
		asking.Go(func() {
			for !done.Load() {
				code, body := d.post(clean, callee)
				asked.Add(1)
				if code != 200 || !strings.HasPrefix(body, "1 ") {
					failed.Add(1)
				}
			}
		})
	}
	do()
	done.Store(true)
	asking.Wait()
	if n := failed.Load(); n > 0 || asked.Load() == 0 {
		d.Errorf("%d of %d decisions failed", n, asked.Load())
	}
}

// blocks waits until a call from caller is answered by code, "" for a pass.
func (d *daemon) blocks(caller, code string) {
	d.Helper()
	await(d.T, caller+" is answered "+code, func() bool { return d.ask(caller, callee)[1] == code })
}

// fails waits for a reload that fails and leaves what runs as it is.
func (d *daemon) fails(change func()) {
	d.Helper()
	before := d.p.Status()
	change()
	await(d.T, "a failed reload", func() bool { return d.p.reloader.state.Load().failed > 0 && !d.p.Status().Reload.OK })
	after := d.p.Status()
	if after.Generation != before.Generation {
		d.Errorf("generation %d, want %d", after.Generation, before.Generation)
	}
	if len(after.Reload.Errors) == 0 {
		d.Error("a failed reload without errors")
	}
	if got := d.ask(spam, callee)[1]; got != "603" {
		d.Errorf("a listed caller is answered %q, want the old rules to run", got)
	}
	if _, metrics := d.get("/metrics"); !strings.Contains(metrics, "\nringfence_reload_last_ok 0\n") {
		d.Error("ringfence_reload_last_ok is not 0")
	}
	await(d.T, "the log says it, and why", func() bool {
		return strings.Contains(d.log.String(), "level=ERROR") && strings.Contains(d.log.String(), "the old ones stay") && strings.Contains(d.log.String(), "does not load")
	})
	if code, _ := d.get("/readyz"); code != 200 {
		d.Errorf("readyz %d, want 200", code)
	}
}

func TestBadFileKeepsTheOldRules(t *testing.T) {
	for _, c := range []struct{ name, file, text string }{
		{"broken", "rules/main.yaml", "rules: [\n"},
		{"half-written", "rules/main.yaml", rulesText[:len(rulesText)/2]},
		{"empty", "rules/main.yaml", ""},
		{"huge", "rules/main.yaml", "rules:\n" + strings.Repeat("# filled up\n", 2<<20)},
		{"unknown attribute", "rules/main.yaml", "rules:\n  - {id: a, when: 'calee == \"+12025550100\"', block: dno}\n"},
		{"broken list", "rules/lists/spam.csv", "number\nnonsense\n"},
		{"list cut in a row", "rules/lists/spam.csv", listText + "+120255501"},
		{"list cut to nothing", "rules/lists/spam.csv", ""},
		{"list cut to its header", "rules/lists/spam.csv", "number,source,note\n"},
		{"empty configuration", "ringfence.yaml", ""},
		{"unknown key", "ringfence.yaml", configText + "moode: enforce\n"},
		{"token gone bad", "token", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := launch(t, nil)
			d.whileAsked(func() {
				d.fails(func() {
					d.replace(c.file, c.text)
					if c.file == "token" { // no rule file: a request finds it
						if _, err := d.p.Reload(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			})
			if c.file == "token" {
				return
			}
			good := map[string]string{"rules/main.yaml": rulesText, "rules/lists/spam.csv": listText, "ringfence.yaml": configText}
			d.replace(c.file, good[c.file])
			await(t, "the good file again", func() bool { return d.p.Status().Reload.OK })
			if _, metrics := d.get("/metrics"); !strings.Contains(metrics, "\nringfence_reload_last_ok 1\n") {
				t.Error("ringfence_reload_last_ok is not 1")
			}
		})
	}
}

func TestChangedFilesReload(t *testing.T) {
	const other = "+12025550188"
	more := listText + other + ",,\n"
	for _, c := range []struct {
		name   string
		change func(d *daemon)
	}{
		{"list renamed into place", func(d *daemon) { d.replace("rules/lists/spam.csv", more) }},
		{"list written in place", func(d *daemon) { write(d.T, d.dir, map[string]string{"rules/lists/spam.csv": more}) }},
		{"rule file added", func(d *daemon) {
			write(d.T, d.dir, map[string]string{"rules/more.yaml": "lists:\n  more: {file: lists/more.csv, why: analytics}\nrules:\n  - {id: more, when: 'callers in list(\"more\")', block: analytics}\n",
				"rules/lists/more.csv": "number\n" + other + "\n"})
		}},
		{"rule file added before its list", func(d *daemon) {
			write(d.T, d.dir, map[string]string{"rules/more.yaml": "lists:\n  more: {file: lists/more.csv, why: analytics}\nrules:\n  - {id: more, when: 'callers in list(\"more\")', block: analytics}\n"})
			await(d.T, "a failed reload", func() bool { return !d.p.Status().Reload.OK })
			write(d.T, d.dir, map[string]string{"rules/lists/more.csv": "number\nnonsense\n"})
			await(d.T, "another", func() bool { return d.p.reloader.state.Load().failed > 1 })
			write(d.T, d.dir, map[string]string{"rules/lists/more.csv": "number\n" + other + "\n"})
		}},
		{"folder replaced", func(d *daemon) {
			write(d.T, d.dir, map[string]string{"new/main.yaml": rulesText, "new/lists/spam.csv": more})
			rename(d.T, filepath.Join(d.dir, "rules"), filepath.Join(d.dir, "old"))
			rename(d.T, filepath.Join(d.dir, "new"), filepath.Join(d.dir, "rules"))
		}},
		{"SIGHUP", func(d *daemon) {
			d.replace("rules/lists/spam.csv", more)
			if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
				d.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := launch(t, nil)
			d.ask(spam, callee)
			d.blocks(other, "")
			d.whileAsked(func() {
				c.change(d)
				d.blocks(other, "603")
			})
			for _, r := range d.p.Status().Rules {
				if r.ID == "spam" && r.Matched == 0 {
					t.Error("the counts of a rule did not survive the reload")
				}
			}
		})
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name+".tmp~"); err != nil {
		t.Fatal(err)
	}
	rename(t, name+".tmp~", name)
}

// Rules that go away with their file are named.
func TestReloadNamesRemovedRules(t *testing.T) {
	d := launch(t, map[string]string{"rules/more.yaml": "rules:\n" +
		"  - {id: one, when: 'true', allow: true}\n  - {id: two, when: 'true', allow: true}\n  - {id: three, when: 'true', allow: true}\n  - {id: four, when: 'true', allow: true}\n"})
	if err := os.Remove(filepath.Join(d.dir, "rules/more.yaml")); err != nil {
		t.Fatal(err)
	}
	await(t, "a reload", func() bool { return d.p.Status().Generation > 1 })
	await(t, "the log", func() bool {
		return strings.Contains(d.log.String(), `level=WARN msg="rules that were at work are gone" cause="file change" rules=4 first="one two three"`)
	})
	now := d.p.Status()
	if got := now.Reload; strings.Join(got.Removed, " ") != "one two three four" || got.Rules != len(now.Rules) || got.Lists != len(now.Lists) {
		t.Errorf("%+v", got)
	}
	if _, err := d.p.Reload(t.Context()); err != nil || len(d.p.Status().Reload.Removed) > 0 {
		t.Errorf("%v, %+v", err, d.p.Status().Reload)
	}
}

// Kubernetes mounts a ConfigMap as links to files in a linked folder, and swaps
// the link of the folder.
func TestSwappedLinksReload(t *testing.T) {
	const other = "+12025550188"
	t.Run("as ConfigMaps do", func(t *testing.T) {
		dir := folder(t, map[string]string{"ringfence.yaml": strings.Replace(configText, "rules: [rules]", "rules: [mount/main.yaml]", 1),
			"mount/..one/main.yaml": rulesText, "mount/..one/spam.csv": listText,
			"mount/..two/main.yaml": rulesText, "mount/..two/spam.csv": listText + other + ",,\n"})
		mount := filepath.Join(dir, "mount")
		link(t, "..one", filepath.Join(mount, "..data"))
		link(t, "..data/main.yaml", filepath.Join(mount, "main.yaml"))
		if err := os.Mkdir(filepath.Join(mount, "lists"), 0o755); err != nil {
			t.Fatal(err)
		}
		link(t, "../..data/spam.csv", filepath.Join(mount, "lists/spam.csv"))
		d := launchIn(t, dir)
		d.blocks(other, "")
		d.whileAsked(func() {
			link(t, "..two", filepath.Join(mount, "..data"))
			d.blocks(other, "603")
		})
	})
	for name, root := range map[string]string{"linked release folder": "current", "file in a linked folder": "current/main.yaml"} {
		linkedFolder(t, name, root)
	}
}

func linkedFolder(t *testing.T, name, root string) {
	const other = "+12025550188"
	t.Run(name, func(t *testing.T) {
		dir := folder(t, map[string]string{"ringfence.yaml": strings.Replace(configText, "rules: [rules]", "rules: ["+root+"]", 1),
			"one/main.yaml": rulesText, "one/lists/spam.csv": listText,
			"two/main.yaml": rulesText, "two/lists/spam.csv": listText + other + ",,\n"})
		link(t, "one", filepath.Join(dir, "current"))
		d := launchIn(t, dir)
		d.blocks(other, "")
		d.whileAsked(func() {
			link(t, "two", filepath.Join(dir, "current"))
			d.blocks(other, "603")
		})
	})
}

// What is unrelated to the configuration does not reload, even beside it.
func TestOtherFilesDoNotReload(t *testing.T) {
	d := launch(t, nil)
	write(t, d.dir, map[string]string{"notes.txt": "x", "rules/README": "x"})
	if _, err := d.p.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, d.dir, map[string]string{"notes.txt": "y"})
	d.replace("rules/lists/spam.csv", listText+"+12025550188,,\n")
	d.blocks("+12025550188", "603")
	await(t, "generation 3, of a start, a request and a change", func() bool { return d.p.Status().Generation == 3 })
}

func TestReloadNamesWhatNeedsARestart(t *testing.T) {
	d := launch(t, nil)
	d.replace("ringfence.yaml", strings.Replace(configText, "state: state", "state: elsewhere\nlearned_max: 7\nmode: monitor", 1))
	await(t, "the reload", func() bool { return d.p.Status().Mode == "monitor" })
	if got, want := strings.Join(d.p.Status().Restart, " "), "state journal learned_max"; got != want {
		t.Errorf("restart needed for %q, want %q", got, want)
	}
	await(t, "the warning", func() bool { return strings.Contains(d.log.String(), "changed settings wait for a restart") })
	d.replace("ringfence.yaml", configText)
	await(t, "the reload back", func() bool { return len(d.p.Status().Restart) == 0 })
}

// A pipe in the place of a file fails the load; it does not keep the daemon
// waiting for a writer.
func TestPipesDoNotHoldAReload(t *testing.T) {
	good := map[string]string{"ringfence.yaml": configText, "token": "secret\n", "rules/main.yaml": rulesText, "rules/lists/spam.csv": listText}
	for name, text := range good {
		t.Run(name, func(t *testing.T) {
			d := launch(t, nil)
			d.fails(func() {
				pipe := filepath.Join(d.dir, name)
				if err := syscall.Mkfifo(pipe+".tmp~", 0o600); err != nil {
					t.Fatal(err)
				}
				rename(t, pipe+".tmp~", pipe)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				asked := make(chan error, 1)
				go func() { _, err := d.p.Reload(ctx); asked <- err }()
				select {
				case err := <-asked:
					if err != nil {
						t.Error(err)
					}
				case <-ctx.Done():
					t.Fatal("the reload waits")
				}
			})
			if got := strings.Join(d.p.Status().Reload.Errors, "\n"); !strings.Contains(got, "regular file") {
				t.Errorf("errors %q", got)
			}
			d.replace(name, text)
			if got, err := d.p.Reload(t.Context()); err != nil || !got.OK {
				t.Errorf("%+v, %v; want the good file to load", got, err)
			}
		})
	}
}

// A list that was missing, in a folder that nothing else is read from, is
// loaded once it comes.
func TestMissingListComes(t *testing.T) {
	d := launch(t, map[string]string{"late/more/readme": "numbers come here"})
	d.replace("rules/main.yaml", strings.Replace(rulesText, "learn:", "  late: {file: ../late/more/late.csv}\nlearn:", 1)+"  - {id: late, when: 'callers in list(\"late\")', block: subscriber}\n")
	await(t, "the rules do not load", func() bool { return !d.p.Status().Reload.OK })
	write(t, d.dir, map[string]string{"late/more/late.csv": clean + "\n"})
	await(t, "the list is loaded", func() bool { return d.p.Status().Reload.OK && d.ask(clean, callee)[1] == "607" })
}
