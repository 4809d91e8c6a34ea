package rules

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func reportEngine(t *testing.T, o Options) *Engine {
	t.Helper()
	return running(t, o, compiled(t, Settings{Country: "US", Emergency: []string{"+13035550911"}}, "rules.yaml", rulesOf("{id: none, when: withheld, allow: true}")))
}

func keptReport(UserReport) error { return nil }

func TestReport(t *testing.T) {
	t.Parallel()
	e := reportEngine(t, Options{})
	n := global(t, "+13035550260")
	at := eventsBegin
	report := func(by string) int {
		t.Helper()
		_, count, err := e.Report(UserReport{Number: n, By: by, At: at}, keptReport)
		if err != nil {
			t.Fatal(err)
		}
		return count
	}
	for i, by := range []string{"+12025557100", " +1 (202) 555-7100 ", "2001", "alice", "2001"} {
		at = at.Add(time.Hour)
		if got, want := report(by), []int{1, 1, 2, 3, 3}[i]; got != want {
			t.Errorf("%q: %d reporters, want %d", by, got, want)
		}
	}
	if got := e.reports.events.count(n, at, time.Hour); got != 1 {
		t.Errorf("in the last hour %d, want the latest of 2001", got)
	}
	if _, _, err := e.Report(UserReport{Number: n, By: "bob", Removed: true, At: at}, keptReport); err == nil {
		t.Error("a report that was not made is taken back")
	}
	if _, count, err := e.Report(UserReport{Number: n, By: "2001", Removed: true, At: at}, keptReport); err != nil || count != 2 {
		t.Errorf("one is taken back: %d, %v", count, err)
	}
	if _, count, err := e.Report(UserReport{Number: n, Removed: true, At: at}, keptReport); err != nil || count != 0 {
		t.Errorf("all are taken back: %d, %v", count, err)
	}
	full := errors.New("disk full")
	if _, _, err := e.Report(UserReport{Number: n, By: "2001", At: at}, func(UserReport) error { return full }); !errors.Is(err, full) || e.Stats().Reports.Length != 0 {
		t.Errorf("%v, %+v", err, e.Stats().Reports)
	}
	report("2001")
	if got := e.reports.events.count(n, at.Add(ReportsKept), ReportsKept); got != 0 {
		t.Errorf("%d after they expire", got)
	}
}

func TestReportsThatAreRefused(t *testing.T) {
	t.Parallel()
	e := reportEngine(t, Options{})
	n := global(t, "+13035550260")
	for name, r := range map[string]UserReport{
		"no number":        {By: "2001"},
		"nobody":           {Number: n, By: " "},
		"itself":           {Number: n, By: "+1 303 555 0260"},
		"a control":        {Number: n, By: "20\n01"},
		"a long note":      {Number: n, By: "2001", Note: string(make([]rune, 201))},
		"a long reporter":  {Number: n, By: fmt.Sprintf("%065d", 1)},
		"emergency number": {Number: global(t, "+13035550911"), By: "2001"},
	} {
		r.At = eventsBegin
		_, _, err := e.Report(r, func(UserReport) error { t.Errorf("%s is kept", name); return nil })
		var faults Diagnostics
		if !errors.As(err, &faults) || faults[0].Hint == "" {
			t.Errorf("%s: %v, want a finding with its cure", name, err)
		}
	}
}

func TestReporterPerDay(t *testing.T) {
	t.Parallel()
	e := reportEngine(t, Options{})
	at := eventsBegin
	report := func(i int, by string) error {
		_, _, err := e.Report(UserReport{Number: Number{key: 13035550000 + uint64(i)}, By: by, At: at}, keptReport)
		return err
	}
	for i := range reportsPerDay {
		if err := report(i, "2001"); err != nil {
			t.Fatal(err)
		}
	}
	if report(1000, "2001") == nil || report(1000, "2002") != nil {
		t.Error("a reporter has no bound, or another's")
	}
	restored := reportEngine(t, Options{})
	for i := range reportsPerDay {
		restored.RestoreReport(UserReport{Number: Number{key: 13035550000 + uint64(i)}, By: "2001", At: at}, at)
	}
	if _, _, err := restored.Report(UserReport{Number: global(t, "+13035550260"), By: "2001", At: at}, keptReport); err == nil {
		t.Error("the bound of a day does not outlive a restart")
	}
	if at = at.Add(24 * time.Hour); report(1000, "2001") != nil {
		t.Error("the next day brings nothing")
	}
}

// TestBlockedUpstream holds which outcomes count as a block by a carrier, and
// that each counts once.
func TestBlockedUpstream(t *testing.T) {
	t.Parallel()
	var told []Ended
	e := reportEngine(t, Options{OnEnded: func(c *Ended) { told = append(told, *c) }})
	reason := `SIP;cause=603;text="v=analytics1;url=https://redress.example/calls;id=7";location=TN`
	for i, c := range []struct {
		o    Outcome
		want int
	}{
		{Outcome{Code: 603, Phrase: "Network Blocked", Reason: reason}, 1},
		{Outcome{Code: 603, Phrase: "Decline", Reason: reason}, 2},
		{Outcome{Code: 608, Card: "https://block.example/jcard"}, 3},
		{Outcome{Code: 603, Phrase: "Decline"}, 3},
		{Outcome{Code: 607}, 3},
		{Outcome{Code: 200, Ended: true, Reason: reason}, 3},
	} {
		call := testCall("+13035550260", "+12025557100")
		call.At, call.CSeq = eventsBegin, uint32(i)
		v := decided(e, call)
		c.o.ID, c.o.At = v.ID, eventsBegin.Add(time.Second)
		if became := e.Observe(&c.o); became != Counted {
			t.Fatal(became)
		}
		e.Observe(&c.o)
		if got := e.blocks.count(global(t, "+13035550260"), c.o.At, time.Hour); got != c.want {
			t.Errorf("%d %s: %d blocks, want %d", c.o.Code, c.o.Phrase, got, c.want)
		}
	}
	if len(told) != 6 || told[0].Blocked == nil || told[0].Blocked.ID != "7" || told[2].Blocked.URL != "https://block.example/jcard" || told[3].Blocked != nil {
		t.Errorf("%+v", told)
	}
	restored := reportEngine(t, Options{})
	restored.RestoreBlock(global(t, "+13035550260"), eventsBegin, eventsBegin.Add(blocksKept))
	restored.RestoreBlock(global(t, "+13035550260"), eventsBegin, eventsBegin.Add(time.Hour))
	if got := restored.Stats().Blocks.Length; got != 1 {
		t.Errorf("%d restored, want the one that counts still", got)
	}
}
