package sidecar

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const countingRules = `
rules:
  - id: busy
    when: concurrent(callee) > 2
    block: subscriber
  - id: burst
    when: rate(caller, "1h") > 3
    block: subscriber
`

// What was counted, and the calls that go on, are back after a stop.
func TestCountedOutlivesARestart(t *testing.T) {
	dir := folder(t, map[string]string{"rules/main.yaml": countingRules})
	d := launchIn(t, dir)
	var ids []string
	for i := range 2 {
		answer := d.ask(clean, callee)
		if answer[0] != "1 allow" {
			t.Fatalf("call %d: %q", i, answer)
		}
		ids = append(ids, answer[3])
	}
	d.p.Stop()
	c, err := LoadConfig(filepath.Join(dir, "ringfence.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	x, err := c.Explain(Question{Query: url.Values{"ruri": {callee}}, Form: url.Values{"call_id": {"x"}, "from": {spam}}}, time.Now())
	if err != nil || x.Verdict.Action != "block" {
		t.Errorf("an explanation of the third call at a time: %v\n%s", err, x)
	}

	d = launchIn(t, dir)
	if got := d.ask(spam, callee)[0]; got != "1 block" {
		t.Errorf("the third call to a callee at a time: %s", got)
	}
	for _, id := range ids {
		if got := d.outcome(id + " 486 192.0.2.1 1 40 0 1 - Busy Here"); !strings.HasPrefix(got, "counted 1 ") {
			t.Errorf("an outcome after the restart: %s", got)
		}
	}
	if got := d.ask(clean, callee)[0]; got != "1 allow" {
		t.Errorf("a call when the others are over: %s", got)
	}
	if got := d.ask(clean, callee)[0]; got != "1 block" {
		t.Errorf("the fourth call of a caller: %s", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "state", pendingName)); !os.IsNotExist(err) {
		t.Errorf("a kill would bring back calls that are over: %v", err)
	}
	d.p.Stop()

	write(t, dir, map[string]string{"ringfence.yaml": configText + "pending: 1000\n"})
	d = launchIn(t, dir)
	if !strings.Contains(d.log.String(), "another size of pending") {
		t.Errorf("the log does not tell of calls that are left out:\n%s", d.log)
	}
	if got := d.ask(spam, callee)[0]; got != "1 allow" {
		t.Errorf("a call when none goes on that is known: %s", got)
	}
}

// What is told of the state, and that the daemon knows its files as its own.
func TestCountedIsTold(t *testing.T) {
	d := launch(t, map[string]string{"rules/main.yaml": countingRules})
	d.ask(clean, callee)
	await(t, "a save", func() bool { return d.p.Status().State.Files > 0 })
	if got := d.p.Status().State; got.Keys != 2 || got.Failing || time.Since(got.Saved) > patience {
		t.Errorf("%+v", got)
	}
	_, text := d.get("/metrics")
	for _, want := range []string{"ringfence_state_entries 2\n", "ringfence_state_errors_total 0\n", "ringfence_state_saved_age_seconds ", "ringfence_pending_expired_total 0\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
	files, err := filepath.Glob(filepath.Join(d.dir, "state", stateName+"*"))
	if err != nil || len(files) != 8 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range append(files, files[0]+newSuffix, files[0]+asideSuffix, filepath.Join(d.dir, "state", pendingName)) {
		if !d.p.reloader.own(file) {
			t.Errorf("%s is not the daemon's own", file)
		}
	}
	for _, name := range []string{"state.8", "state.x", "state.0.old", "other"} {
		if file := filepath.Join(d.dir, "state", name); d.p.reloader.own(file) {
			t.Errorf("%s is the daemon's own", file)
		}
	}
	if d.p.reloader.state.Load().loaded != 1 {
		t.Error("its own files made it load again")
	}
}
