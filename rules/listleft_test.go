package rules

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func leftRules(t *testing.T, text string) *Ruleset {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"rules.yaml": text, "spam.csv": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rs, err := Compile(Settings{Files: []string{filepath.Join(dir, "rules.yaml")}, Trunks: []Trunk{{Name: "up"}}})
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// What is left of a list that no rule file declares any more can be taken back,
// and nothing put on it.
func TestRevertOfAListThatIsGone(t *testing.T) {
	e, err := NewEngine(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.Swap(leftRules(t, "lists:\n  spam: {file: spam.csv, empty: true}\nrules:\n  - {id: spam, when: 'callers in list(\"spam\")', block: subscriber}\n"))
	keep := func(LiveChange) error { return nil }
	change := LiveChange{List: "spam", Action: LiveAdd, Entries: []string{"+12122000001"}, Added: testTime}
	if _, err := e.ChangeList(change, testTime, keep); err != nil {
		t.Fatal(err)
	}
	e.Swap(leftRules(t, "rules:\n  - {id: all, when: 'true', allow: true}\n"))
	if _, err := e.ChangeList(change, testTime, keep); err == nil {
		t.Error("added to a list that is gone")
	}
	change.Action, change.Added = LiveRevert, time.Time{}
	if _, err := e.ChangeList(change, testTime, keep); err != nil {
		t.Error(err)
	}
	if rows, err := e.LiveRows("spam", testTime); err == nil {
		t.Errorf("left: %v", rows)
	}
}

// A learned list tells until when it holds a number.
func TestFindEntryOfALearnedList(t *testing.T) {
	e, err := NewEngine(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.Swap(leftRules(t, "learn:\n  dead: {from: callee, on: [404], upstream: [up], for: 1h}\nrules:\n  - {id: dead, when: 'callee in learned(\"dead\")', block: not-found}\n"))
	n, err := ParseNumber("+12122000001")
	if err != nil {
		t.Fatal(err)
	}
	until := testTime.Add(time.Hour).Truncate(time.Second)
	e.Learned().Restore([]LearnedEntry{{List: "dead", Number: n, Until: until}}, testTime)
	for _, c := range []struct {
		entry, subscriber string
		at                time.Time
		until             time.Time
		fault             bool
	}{
		{"+1 212 200 0001", "", testTime, until, false},
		{"+12122000001", "", until, time.Time{}, false},
		{"+12122000002", "", testTime, time.Time{}, false},
		{"+1212*", "", testTime, time.Time{}, true},
		{"+12122000001", "+12122000002", testTime, time.Time{}, true},
		{"x", "", testTime, time.Time{}, true},
	} {
		m, err := e.FindEntry("dead", c.entry, c.subscriber, c.at)
		if (err != nil) != c.fault || !m.Until.Equal(c.until) || m.Holds == c.until.IsZero() {
			t.Errorf("%s: %+v, %v", c.entry, m, err)
		}
	}
}
