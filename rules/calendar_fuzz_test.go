package rules

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Whatever is in a calendar, it is refused with a finding or its windows are in
// order and can be asked.
func FuzzCalendar(f *testing.F) {
	for _, pattern := range []string{"packs/calendars/*.yaml", "testdata/bad/calendars/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	table := facts(f, 0)
	n := global(f, "+12023340100")
	f.Fuzz(func(t *testing.T, text []byte) {
		var d Diagnostics
		c := parseCalendar(calendarDecl{name: "x", file: filepath.Join(t.TempDir(), "x.calendar.yaml")}, text, &d)
		if len(d) > 0 {
			return
		}
		if len(c.countries) == 0 || c.Source == "" || c.Date.IsZero() || !c.common.timed {
			t.Fatalf("%+v", c)
		}
		all := []*schedule{&c.common}
		for _, s := range c.regions {
			all = append(all, s)
		}
		for _, s := range all {
			for _, day := range s.windows {
				end := uint16(0)
				for _, w := range day {
					if w.from < end || w.from >= w.to || w.to > 24*60 {
						t.Fatalf("%v", day)
					}
					end = w.to
				}
			}
		}
		fr := &frame{facts: table}
		fr.start(&Call{At: testTime}, &Ruleset{})
		if permitted := c.permits(fr, n); permitted != c.opens(fr, n, testTime).Equal(testTime) {
			t.Fatalf("permitted %t, opens %s", permitted, c.opens(fr, n, testTime).Sub(testTime))
		}
		rule := &Rule{opens: []func(*frame, time.Time) time.Time{func(f *frame, at time.Time) time.Time { return c.opens(f, n, at) }}}
		if wait := rule.untilOpen(fr, 0); wait < 0 || wait > maxClosed {
			t.Fatalf("opens in %s", wait)
		}
	})
}
