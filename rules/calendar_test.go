package rules

import (
	"path/filepath"
	"testing"
	"time"
)

const testCalendar = `source: 47 CFR 64.1200(c)(1)
date: 2026-01-31
countries: [US, CA]
windows: {mon-sun: 08:00-21:00}
`

// calendarOf is a calendar of this text, which must be right.
func calendarOf(t testing.TB, text string, more ...string) *Calendar {
	t.Helper()
	dir := writeFiles(t, append([]string{"x.calendar.yaml", text}, more...)...)
	var d Diagnostics
	c := loadCalendar(calendarDecl{name: "x", file: filepath.Join(dir, "x.calendar.yaml")}, &d)
	if len(d) > 0 {
		t.Fatal(d)
	}
	return c
}

// permittedAt asks c as a rule does.
func permittedAt(f *frame, c *Calendar, n Number, at time.Time) bool {
	f.start(&Call{At: at}, &Ruleset{})
	return c.permits(f, n)
}

func TestCalendarPermits(t *testing.T) {
	c := calendarOf(t, `source: a test
date: 2026-01-31
countries: [US, CA, FR, IN]
windows:
  mon-thu: [10:00-13:00, 14:00-20:00]
  fri: [08:00-12:00, 12:00-24:00]
  sat: [00:00-02:30]
  sun: 01:30-21:00
holidays:
  - days.csv
  - {date: 2026-05-01, name: May Day}
regions:
  FL: {prefixes: +1305, windows: {mon-sun: 08:00-11:00}}
  Miami: {prefixes: [+130555], windows: {mon-sun: 08:00-10:30}}
  AL: {prefixes: [+1205], holidays: [{date: 2026-06-08, name: Day after}]}
`, "days.csv", "# of a test\ndate,name\n2026-12-24,\"Eve, Christmas\"\n2026-12-25, Christmas\n")
	f := &frame{facts: facts(t, 0)}
	for _, tt := range []struct {
		number, at string
		want       bool
	}{
		{"+12023340100", "2026-06-01T09:59:59-04:00", false}, // Monday
		{"+12023340100", "2026-06-01T10:00:00-04:00", true},
		{"+12023340100", "2026-06-01T12:59:59-04:00", true},
		{"+12023340100", "2026-06-01T13:00:00-04:00", false},
		{"+12023340100", "2026-06-01T14:00:00-04:00", true},
		{"+12023340100", "2026-06-01T20:00:00-04:00", false},
		{"+12023340100", "2026-06-05T12:00:00-04:00", true}, // windows that touch
		{"+12023340100", "2026-06-05T23:59:59-04:00", true}, // 24:00 is the end of the day
		{"+12023340100", "2026-06-06T00:00:00-04:00", true}, // and the day after begins
		{"+12023340100", "2026-06-06T02:30:00-04:00", false},
		{"+12023340100", "2026-06-07T01:29:59-04:00", false},

		// Clocks go from 2 to 3 o'clock in New York, and from 2 back to 1.
		{"+12023340100", "2026-03-08T06:29:59Z", false},
		{"+12023340100", "2026-03-08T06:30:00Z", true}, // 01:30
		{"+12023340100", "2026-03-08T07:00:00Z", true}, // 03:00
		{"+12023340100", "2026-03-09T00:59:59Z", true}, // 20:59:59
		{"+12023340100", "2026-03-09T01:00:00Z", false},
		{"+12023340100", "2026-11-01T05:29:59Z", false}, // 01:29:59
		{"+12023340100", "2026-11-01T05:30:00Z", true},
		{"+12023340100", "2026-11-01T06:00:00Z", false}, // 01:00 again
		{"+12023340100", "2026-11-01T06:30:00Z", true},
		// Not in Phoenix.
		{"+16023340100", "2026-03-08T08:30:00Z", true}, // 01:30
		{"+16023340100", "2026-03-08T08:29:59Z", false},
		{"+16023340100", "2026-11-01T08:29:59Z", false},
		{"+16023340100", "2026-11-01T08:30:00Z", true},
		// In Paris from 2 to 3, and from 3 back to 2.
		{"+33142345678", "2026-03-29T00:29:59Z", false},
		{"+33142345678", "2026-03-29T00:30:00Z", true}, // 01:30
		{"+33142345678", "2026-03-29T18:59:59Z", true}, // 20:59:59, 21:00 of an hour before
		{"+33142345678", "2026-03-29T19:00:00Z", false},
		{"+33142345678", "2026-10-25T00:00:00Z", true}, // 02:00
		{"+33142345678", "2026-10-25T01:00:00Z", true}, // 02:00 again
		{"+33142345678", "2026-10-25T20:00:00Z", false},
		// Half an hour off in St. John's and in Delhi.
		{"+17097221234", "2026-06-01T12:29:59Z", false}, // 09:59:59
		{"+17097221234", "2026-06-01T12:30:00Z", true},
		{"+911123456789", "2026-06-01T04:29:59Z", false},
		{"+911123456789", "2026-06-01T04:30:00Z", true},

		// In all zones where the number can be: Idaho has two.
		{"+12089990100", "2026-06-01T16:30:00Z", false}, // 10:30 and 09:30
		{"+12089990100", "2026-06-01T17:00:00Z", true},
		{"+12089990100", "2026-06-01T18:59:59Z", true}, // 12:59:59 and 11:59:59
		{"+12089990100", "2026-06-01T19:00:00Z", false},

		// The day counts where the number is.
		{"+12023340100", "2026-05-01T03:59:59Z", false}, // Thursday, 23:59
		{"+12023340100", "2026-05-01T15:00:00Z", false}, // May Day
		{"+12023340100", "2026-05-02T04:30:00Z", true},  // the day after, 00:30
		{"+12023340100", "2026-05-02T03:30:00Z", false},
		{"+12023340100", "2026-12-24T15:00:00-05:00", false},
		{"+12023340100", "2026-12-25T15:00:00-05:00", false},
		{"+12023340100", "2026-12-23T15:00:00-05:00", true},

		// Regions are stricter, the longest prefix counts, nothing gets wider.
		{"+13052345678", "2026-06-01T10:00:00-04:00", true},
		{"+13052345678", "2026-06-01T11:00:00-04:00", false},
		{"+13052345678", "2026-06-01T09:00:00-04:00", false},
		{"+13055551234", "2026-06-01T10:29:00-04:00", true},
		{"+13055551234", "2026-06-01T10:30:00-04:00", false},
		{"+12052345678", "2026-06-08T12:00:00-05:00", false},
		{"+12023340100", "2026-06-08T12:00:00-04:00", true},

		// What is not of these countries, and what is no place.
		{"+442079460000", "2026-06-02T03:00:00Z", true},
		{"+18003340100", "2026-06-02T07:00:00Z", true},
		{"+19003340100", "2026-06-02T07:00:00Z", true},
		{"+80012345678", "2026-06-02T07:00:00Z", true},
		// An area code that is not known yet can be anywhere from Guam to Puerto Rico.
		{"+16792345678", "2026-06-01T14:00:00-04:00", false},
		{"+16792345678", "2026-06-05T20:00:00-04:00", false},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := permittedAt(f, c, global(t, tt.number), at); got != tt.want {
			t.Errorf("%s at %s: %t\n%s", tt.number, tt.at, got, c.explain(f, global(t, tt.number)))
		}
	}
	for _, n := range []Number{{}, {rawBit | privateBit | 5}} {
		if !permittedAt(f, c, n, testTime) {
			t.Errorf("%v is not permitted", n)
		}
	}
}

func BenchmarkPermitted(b *testing.B) {
	var d Diagnostics
	c := loadCalendar(calendarDecl{name: "x", file: "packs/calendars/us-states.calendar.yaml"}, &d)
	f := &frame{facts: facts(b, 1<<20)}
	call, set, n := &Call{At: testTime}, &Ruleset{}, global(b, "+13052345678")
	for b.Loop() {
		f.start(call, set)
		c.permits(f, n)
	}
}
