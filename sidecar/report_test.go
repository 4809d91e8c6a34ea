package sidecar

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/rules"
)

const watchedText = `
rules:
  - {id: idle, when: withheld, block: dno, mode: monitor}
  - {id: burst, when: withheld, block: subscriber, mode: monitor}
  - {id: part, when: withheld, divert: 'sip:ivr@example.net', rollout: 10%, limit: 2% of trunk per 5m}
  - {id: acts, when: withheld, block: dno}
  - {id: marks, when: withheld, label: x, mode: monitor}
  - {id: unasked, when: withheld, block: dno, mode: "off"}
`

func watchedEntry(n int, at time.Time, trunk, caller string, known bool, ids ...string) Entry {
	return Entry{Time: at, ID: idOf(n).String(), Mode: "monitor", Action: "block", Rule: ids[0], Trunk: trunk, Caller: caller, Known: known, Monitored: ids}
}

func TestMonitorReport(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"rules.yaml": watchedText})
	c := &Config{State: filepath.Join(dir, "state"), Journal: JournalConfig{File: filepath.Join(dir, "state", journalName), Keep: 3}}
	c.Settings.Files = []string{filepath.Join(dir, "rules.yaml")}
	o := ReportOptions{From: noon.Add(20 * time.Minute), Until: noon.Add(2 * time.Hour)}
	if _, err := ReadMonitored(c, o); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a journal: %v", err)
	}

	// The calls are spread over three files, as a rotation leaves them.
	var files [3][]byte
	put := func(file int, e Entry) { files[file] = e.append(files[file]) }
	put(2, watchedEntry(0, noon.Add(-time.Second), "a", clean, false, "burst"))
	for i := range 40 {
		put(i%3, watchedEntry(i, noon.Add(time.Duration(i)*time.Minute), "a", fmt.Sprintf("+1202555%04d", i%10), i%10 == 3, "burst"))
	}
	put(1, watchedEntry(50, noon.Add(time.Hour), "", "", false, "burst", "part", "gone"))
	put(0, watchedEntry(51, noon.Add(2*time.Hour), "a", clean, false, "burst"))
	put(0, Entry{Time: noon, ID: idOf(52).String(), Mode: "enforce", Action: "block", Rule: "acts", CallID: `"monitored":["burst"]`, Trunk: "a"})
	for i := range 3 {
		put(i, Entry{Time: noon.Add(time.Duration(i-1) * time.Minute), ID: idOf(53 + i).String(), Mode: "enforce", Action: "divert", Rule: "part", Trunk: "a"})
	}
	files[0] = append(files[0], "{\"time\":\"torn\n"...)
	for i, data := range files {
		write(t, dir, map[string]string{"state/" + filepath.Base(numbered(journalName, i)): string(data)})
	}
	traffic := ""
	for i, calls := range []string{`{"a":1000}`, `{"a":300,"b":50}`, `{"a":100,"":25}`, `{"a":5000}`} {
		traffic += fmt.Sprintf("{\"hour\":%q,\"calls\":%s}\n", noon.Add(time.Duration(i-1)*time.Hour).Format(time.RFC3339), calls)
	}
	write(t, dir, map[string]string{"state/" + trafficName: traffic, "state/" + guardedName: `[{"rule":"part","trunk":"b","since":"2026-06-01T12:00:00Z","limit":"2% of trunk per 5m","stopped":6,"calls":100,"text":"7"}]`})

	got, err := ReadMonitored(c, o)
	if err != nil {
		t.Fatal(err)
	}
	share := func(part, whole float64) *float64 { s := part / whole; return &s }
	want := &MonitorReport{From: noon, Until: noon.Add(2 * time.Hour), Journal: noon.Add(-time.Minute), Traffic: noon.Add(-time.Hour), Rules: []MonitoredRule{
		{Rule: "idle", Does: "block dno", Mode: "monitor", Of: 475, Share: share(0, 475)},
		{Rule: "burst", Does: "block subscriber", Mode: "monitor", Calls: 41, Callers: 10, Nameless: 1, KnownCalls: 4, KnownCallers: 1, First: noon, Last: noon.Add(time.Hour), Of: 475, Share: share(41, 475),
			Trunks: []MonitoredTrunk{{"", 1, 0, 25, share(1, 25)}, {"a", 40, 0, 400, share(40, 400)}}},
		{Rule: "part", Does: "divert", Mode: "enforce 10%", Limit: "2% of trunk per 5m", Calls: 1, Nameless: 1, Stopped: 2, First: noon.Add(time.Hour), Last: noon.Add(time.Hour), Of: 475, Share: share(3, 475),
			Trunks:  []MonitoredTrunk{{"", 1, 0, 25, share(1, 25)}, {"a", 0, 2, 400, share(2, 400)}},
			Guarded: []rules.Guarded{{Rule: "part", Trunk: "b", Since: noon, Limit: "2% of trunk per 5m", Stopped: 6, Calls: 100, Text: 7}}},
		{Rule: "gone", Mode: "gone", Calls: 1, Nameless: 1, First: noon.Add(time.Hour), Last: noon.Add(time.Hour), Of: 475, Share: share(1, 475),
			Trunks: []MonitoredTrunk{{"", 1, 0, 25, share(1, 25)}}},
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// One rule alone, without traffic, from a journal that is full.
	if err := os.Remove(filepath.Join(dir, "state", trafficName)); err != nil {
		t.Fatal(err)
	}
	c.Journal.Keep = 2
	o.From, o.Rules = noon.Add(-2*time.Hour), []string{"acts"}
	if got, err = ReadMonitored(c, o); err != nil || !got.Cut || len(got.Rules) != 1 || got.Rules[0].Rule != "acts" || got.Rules[0].Stopped != 1 || got.Rules[0].Share != nil {
		t.Errorf("%v, %+v", err, got)
	}
	if told, err := json.Marshal(got.Rules[0]); err != nil || strings.Contains(string(told), `"of"`) {
		t.Errorf("of calls that are not known: %s, %v", told, err)
	}
	o.Rules = []string{"gone", "brst"}
	if _, err := ReadMonitored(c, o); err == nil || err.Error() != `rule "brst": is in no rule file, and the journal does not know it (did you mean burst?)` {
		t.Errorf("no rule: %v", err)
	}
	o.Until = o.From
	if _, err := ReadMonitored(c, o); err == nil {
		t.Error("a report of no time")
	}
}
