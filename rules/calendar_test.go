package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	yaml "github.com/goccy/go-yaml"
	"github.com/nyaruka/phonenumbers"
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

// plainCalendar is a calendar as a YAML library reads it.
type plainCalendar struct {
	Countries []string
	Windows   map[string]any
	Holidays  any
	Regions   map[string]struct {
		Prefixes []string
		Windows  map[string]any
		Holidays any
	}
	days map[string]map[string]bool // holidays, by region
}

func plainOf(t *testing.T, file string) *plainCalendar {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := &plainCalendar{days: map[string]map[string]bool{}}
	if err := yaml.Unmarshal(text, p); err != nil {
		t.Fatal(err)
	}
	var add func(region string, holidays any)
	add = func(region string, holidays any) {
		switch h := holidays.(type) {
		case []any:
			for _, one := range h {
				add(region, one)
			}
		case map[string]any:
			p.days[region][h["date"].(string)] = true
		case string:
			rows, err := os.ReadFile(filepath.Join(filepath.Dir(file), h))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(rows)) {
				p.days[region][line[:min(10, len(line))]] = true
			}
		}
	}
	p.days[""] = map[string]bool{}
	add("", p.Holidays)
	for name, r := range p.Regions {
		for i, prefix := range r.Prefixes { // +1305 is a number to that library
			r.Prefixes[i] = "+" + strings.TrimPrefix(prefix, "+")
		}
		p.days[name] = map[string]bool{}
		add(name, r.Holidays)
	}
	return p
}

// within24 tells whether HH:MM of a weekday is in one of the windows.
func within24(windows map[string]any, weekday, clock string) bool {
	for days, value := range windows {
		first, last, ranged := strings.Cut(days, "-")
		if !ranged {
			last = first
		}
		order := "mon tue wed thu fri sat sun"
		if i := strings.Index(order, weekday); i < strings.Index(order, first) || i > strings.Index(order, last) {
			continue
		}
		all, ok := value.([]any)
		if !ok {
			all = []any{value}
		}
		return slices.ContainsFunc(all, func(w any) bool {
			from, to, _ := strings.Cut(w.(string), "-")
			return from <= clock && clock < to
		})
	}
	return false
}

// permits is a slow evaluation of n at each of its zones.
func (p *plainCalendar) permits(t *testing.T, f *frame, n Number, at time.Time, zone func(string) *time.Location) bool {
	if !slices.Contains(p.Countries, f.country(n)) || slices.Contains([]string{"toll-free", "premium", "shared-cost", "uan", "voicemail"}, f.kind(n)) {
		return true
	}
	names, err := phonenumbers.GetTimezonesForPrefix(n.String())
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := splits()[n.key/powers[7]]; ok && &names[0] == s.whole {
		names = splitAreas[int(n.key/powers[7]-1000)]
	}
	for _, name := range names {
		local := at.In(zone(name))
		day, weekday, clock := local.Format(time.DateOnly), strings.ToLower(local.Format("Mon")), local.Format("15:04")
		if p.days[""][day] || !within24(p.Windows, weekday, clock) {
			return false
		}
		for region, r := range p.Regions {
			if !slices.ContainsFunc(r.Prefixes, func(prefix string) bool { return strings.HasPrefix(n.String(), prefix) }) {
				continue
			}
			if p.days[region][day] || r.Windows != nil && !within24(r.Windows, weekday, clock) {
				return false
			}
		}
	}
	return true
}

// The property: of random numbers at random times a calendar says what a plain
// evaluation of its text says, and where it says no, a call a minute before its
// Retry-After would be told no, too, and one then yes.
func TestCalendarsAgreeWithAPlainEvaluation(t *testing.T) {
	loaded := map[string]*time.Location{}
	zone := func(name string) *time.Location {
		if loaded[name] == nil {
			var err error
			if loaded[name], err = time.LoadLocation(name); err != nil {
				t.Fatal(err)
			}
		}
		return loaded[name]
	}
	f := &frame{facts: facts(t, 1<<20)}
	for _, name := range []string{"us-federal", "us-states", "france"} {
		file := "packs/calendars/" + name + ".calendar.yaml"
		var d Diagnostics
		c := loadCalendar(calendarDecl{name: name, file: file}, &d)
		if len(d) > 0 {
			t.Fatal(d)
		}
		p, r := plainOf(t, file), rand.New(rand.NewPCG(1, uint64(len(name))))
		var prefixes []string
		for _, region := range p.Regions {
			prefixes = append(prefixes, region.Prefixes...)
		}
		slices.Sort(prefixes)
		permitted, refused, closed := 0, 0, 0
		for range 3000 {
			begins := pick(r, []string{"+1208", "+1907", "+1602", "+1808", "+1212", "+1787", "+1671", "+1605555", "+1541", "+1850", "+1270", "+1679", "+1800", "+33", "+336", "+339", "+44", "+1" + fmt.Sprint(200+r.IntN(800))})
			if len(prefixes) > 0 && r.IntN(2) == 0 {
				begins = pick(r, prefixes)
			}
			length := 12
			if !strings.HasPrefix(begins, "+1") {
				length = 12
			}
			for len(begins) < length {
				begins += fmt.Sprint(r.IntN(10))
			}
			n := global(t, begins)
			// Any minute of three years, every second one near a change of clocks.
			at := time.Date(2026, 1, 1, 0, r.IntN(3*365*24*60), 0, 0, time.UTC)
			if r.IntN(2) == 0 {
				at = pick(r, []time.Time{time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
					time.Date(2027, 3, 28, 0, 0, 0, 0, time.UTC), time.Date(2027, 10, 31, 0, 0, 0, 0, time.UTC)}).Add(time.Duration(r.IntN(3*24*60)-24*60) * time.Minute)
			}
			got, want := permittedAt(f, c, n, at), p.permits(t, f, n, at, zone)
			if got != want {
				t.Fatalf("%s: %s at %s: %t, want %t\n%s", name, n, at, got, want, c.explain(f, n))
			}
			if got {
				permitted++
				continue
			}
			if refused++; refused%20 != 0 {
				continue
			}
			rule := &Rule{opens: []func(*frame, time.Time) time.Time{func(f *frame, at time.Time) time.Time { return c.opens(f, n, at) }}}
			wait := rule.untilOpen(f, 0)
			first := at
			for !p.permits(t, f, n, first, zone) && first.Sub(at) < maxClosed {
				first = first.Add(time.Minute)
			}
			if closed++; first.Sub(at) != wait {
				t.Fatalf("%s: %s at %s opens in %s, want %s\n%s", name, n, at, wait, first.Sub(at), c.explain(f, n))
			}
		}
		if permitted < 300 || refused < 300 || closed < 15 {
			t.Errorf("%s: %d permitted, %d refused, %d openings", name, permitted, refused, closed)
		}
	}
}

// The holidays of the packs are those of their laws.
func TestHolidaysOfFrance(t *testing.T) {
	p := plainOf(t, "packs/calendars/france.calendar.yaml")
	easter := map[int]string{2026: "2026-04-05", 2027: "2027-03-28", 2028: "2028-04-16"}
	for year, sunday := range easter {
		day, err := time.Parse(time.DateOnly, sunday)
		if err != nil {
			t.Fatal(err)
		}
		for _, after := range []int{1, 39, 50} {
			if d := day.AddDate(0, 0, after).Format(time.DateOnly); !p.days[""][d] {
				t.Errorf("%s is no holiday", d)
			}
		}
		if d := day.AddDate(0, 0, -2).Format(time.DateOnly); !p.days["alsace-moselle"][d] || p.days[""][d] {
			t.Errorf("%s is no holiday of Alsace alone", d)
		}
		for _, fixed := range []string{"01-01", "05-01", "05-08", "07-14", "08-15", "11-01", "11-11", "12-25"} {
			if d := fmt.Sprintf("%d-%s", year, fixed); !p.days[""][d] {
				t.Errorf("%s is no holiday", d)
			}
		}
	}
}

// A broken calendar is refused with one finding, which the golden file has word
// by word.
func TestBrokenCalendars(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/calendars/*.calendar.yaml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var b strings.Builder
	for _, file := range files {
		src := &source{files: []string{"rules.yaml"}}
		src.read("rules.yaml", fmt.Appendf(nil, "calendars: {x: {file: %q}}\nrules: [{id: a, when: 'not permitted(callee, \"x\")', block: hours}]\n", file))
		rs, err := compileSource(brokenSettings(t), src)
		var d Diagnostics
		if rs != nil || !errors.As(err, &d) || len(d) != 1 {
			t.Errorf("%s: %v", file, err)
			continue
		}
		b.WriteString(d.Error() + "\n")
	}
	golden(t, "testdata/bad/calendars.golden", b.String())
}

// What rule files say of calendars, and what is told of them.
func TestCalendarsInRules(t *testing.T) {
	calendar := func(edit ...string) string { return strings.NewReplacer(edit...).Replace(testCalendar) }
	const rule = "calendars: {us: {file: us.calendar.yaml}}\nrules:\n  - {id: a, when: 'not permitted(callee, \"us\")', block: hours}\n"
	for _, tt := range []struct {
		name, rules, calendar string
		want                  string // findings, or warnings
	}{
		{"right", rule, testCalendar, ""},
		{"unknown", "calendars: {us: {file: us.calendar.yaml}}\nrules: [{id: a, when: 'permitted(callee, \"su\")', allow: true}]\n", testCalendar,
			`DIR/rules.yaml:2:42: rule "a": unknown calendar "su" (did you mean us?)`},
		{"none", "rules: [{id: a, when: 'permitted(callee, \"us\")', allow: true}]\n", testCalendar,
			`DIR/rules.yaml:1:42: rule "a": unknown calendar "us" (declare it under calendars:)`},
		{"a set", strings.Replace(rule, "callee", "callers", 1), testCalendar,
			`DIR/rules.yaml:3:34: rule "a": permitted is about one number, callers are several (write callee)`},
		{"no number", strings.Replace(rule, "callee", "account", 1), testCalendar,
			`DIR/rules.yaml:3:34: rule "a": permitted is about a number, account is text (caller, network, presentation, callers, callee and diverted_by are numbers)`},
		{"one argument", strings.Replace(rule, `callee, "us"`, "callee", 1), testCalendar,
			`DIR/rules.yaml:3:24: rule "a": permitted takes two arguments, got 1 (write permitted(number, "calendar"))`},
		{"missing", strings.Replace(rule, "us.calendar", "eu.calendar", 1), testCalendar,
			`DIR/rules.yaml:1:24: calendar "us": DIR/eu.calendar.yaml cannot be read: no such file or directory`},
		{"misnamed", strings.Replace(rule, "us.calendar.yaml", "us.yaml", 1), testCalendar,
			`DIR/rules.yaml:1:24: calendar "us": "us.yaml" is no name of a calendar (name it NAME.calendar.yaml, so that it is not taken for a rule file)`},
		{"no file", strings.Replace(rule, "{file: us.calendar.yaml}", "{}", 1), testCalendar,
			`DIR/rules.yaml:1:13: calendar "us": has no file (write file: and a path relative to this rule file)`},
		{"a key", strings.Replace(rule, "file:", "fiel:", 1), testCalendar,
			`DIR/rules.yaml:1:18: calendar "us": unknown key "fiel" (did you mean file?)`},
		{"not asked", "calendars: {us: {file: us.calendar.yaml}}\nrules: [{id: a, when: withheld, allow: true}]\n", testCalendar,
			`DIR/rules.yaml:1:13: calendar "us": no rule asks for it`},
		{"the wrong way round", strings.Replace(rule, "not permitted", "permitted", 1), testCalendar,
			`DIR/rules.yaml:3:10: rule "a": stops calls while permitted(callee, "us") holds, which is when they may be made (write not permitted(callee, "us"))`},
		{"old", rule, calendar("2026-01-31", "2019-02-28"),
			`DIR/us.calendar.yaml:2:7: calendar "us": was looked up on 2019-02-28, more than 2 years ago (look it up again, and write the date)`},
		{"over", rule, testCalendar + "holidays:\n  - past.csv\n  - {date: 2020-12-25, name: Christmas}\n",
			`DIR/past.csv: calendar "us": its holidays end on 2020-12-24: none since is known (add those to come)
DIR/us.calendar.yaml:6:3: calendar "us": its holidays end on 2020-12-25: none since is known (add those to come)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeFiles(t, "rules.yaml", tt.rules, "us.calendar.yaml", tt.calendar, "past.csv", "date,name\n2020-12-24,Eve\n")
			s := brokenSettings(t)
			s.Country, s.Files = "US", []string{dir}
			rs, err := Compile(s)
			got := Diagnostics(nil)
			if err == nil {
				got = rs.Warnings()
			} else if !errors.As(err, &got) {
				t.Fatal(err)
			}
			if text := strings.ReplaceAll(got.Error(), dir, "DIR"); text != tt.want {
				t.Errorf("%s\nwant\n%s", text, tt.want)
			}
		})
	}
}

// A calendar that no file declares twice, and the files that a change shows in.
func TestDeclaredCalendars(t *testing.T) {
	dir := writeFiles(t, "a.yaml", "calendars: {us: {file: c/us.calendar.yaml}, fr: {file: c/fr.calendar.yaml}}\nrules: [{id: a, when: 'permitted(callee, \"us\") and permitted(callee, \"fr\")', allow: true}]\n",
		"b.yaml", "calendars: {us: {file: c/us.calendar.yaml}}\nrules: [{id: b, when: withheld, allow: true}]\n",
		"c/us.calendar.yaml", testCalendar+"holidays: gone.csv\n")
	var names []string
	for _, file := range DeclaredCalendars([]string{dir}) {
		names = append(names, strings.TrimPrefix(file, dir+"/"))
	}
	if want := []string{"c/fr.calendar.yaml", "c/gone.csv", "c/us.calendar.yaml"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	_, err := Compile(Settings{Files: []string{dir}})
	var d Diagnostics
	if !errors.As(err, &d) || len(d) != 3 || !strings.Contains(err.Error(), `b.yaml:1:13: calendar "us": is declared already at `) {
		t.Errorf("%v", err)
	}
}

func TestExplainCalendars(t *testing.T) {
	rs := compiled(t, Settings{Country: "US"}, "rules.yaml", "calendars: {x: {file: x.calendar.yaml}}\n"+rulesOf(`{id: a, when: 'not permitted(callee, "x")', block: hours}`),
		"x.calendar.yaml", "source: a test\ndate: 2026-01-31\ncountries: US\nwindows: {mon-fri: [08:00-12:00, 13:00-21:00], sat-sun: closed}\nholidays: [{date: 2026-12-25, name: Christmas}]\n"+
			"regions: {FL: {prefixes: [+1305], windows: {mon-sun: 08:00-20:00}}}\n")
	e := running(t, Options{}, rs)
	for _, tt := range []struct{ callee, at, want string }{
		{"+12023340100", "2026-06-01T12:30:00-04:00", "mon 2026-06-01 12:30 in America/New_York: not within 08:00-12:00, 13:00-21:00"},
		{"+12023340100", "2026-06-01T13:30:00-04:00", "mon 2026-06-01 13:30 in America/New_York: permitted"},
		{"+12023340100", "2026-06-07T13:30:00-04:00", "sun 2026-06-07 13:30 in America/New_York: no calls on sun"},
		{"+12023340100", "2026-12-25T13:30:00-05:00", "fri 2026-12-25 13:30 in America/New_York: Christmas"},
		{"+13052345678", "2026-06-01T20:30:00-04:00", "mon 2026-06-01 20:30 in America/New_York: not within 08:00-20:00 in FL"},
		{"+12089990100", "2026-06-01T08:30:00-06:00", "mon 2026-06-01 07:30 in America/Los_Angeles: not within 08:00-12:00, 13:00-21:00; mon 2026-06-01 08:30 in America/Boise: permitted"},
		{"+18003340100", "2026-06-01T03:30:00-06:00", "a number that is in no place, any time is permitted"},
		{"+442079460000", "2026-06-01T03:30:00-06:00", "a number of GB, the calendar is about US"},
		{"1001", "2026-06-01T03:30:00-06:00", "a number of no country, any time is permitted"},
	} {
		c := testCall("+12122000000", tt.callee)
		var err error
		if c.At, err = time.Parse(time.RFC3339, tt.at); err != nil {
			t.Fatal(err)
		}
		x := e.Explain(c)
		trial := x.Rules[0]
		if len(trial.Reads) != 1 || trial.Reads[0].Name != `permitted(callee, "x")` || trial.Reads[0].Value != tt.want {
			t.Errorf("%s at %s: %+v", tt.callee, tt.at, trial.Reads)
		}
		if blocks := strings.Contains(tt.want, "not within") || strings.Contains(tt.want, "no calls") || strings.HasSuffix(tt.want, "Christmas"); blocks != (x.Verdict.Action == "block") {
			t.Errorf("%s at %s: %s", tt.callee, tt.at, x.Verdict.Action)
		}
	}
	unknown := testCall("+12122000000", "+16792345678")
	if v := e.Explain(unknown).Rules[0].Reads[0].Value; !strings.Contains(v, "not within") || !strings.Contains(v, "more local times") || len(v) > 500 {
		t.Error(v)
	}
}

// Retry-After is when all calendars permit the call, unless the rule says it.
func TestRetryAfterCalendars(t *testing.T) {
	fr := strings.NewReplacer("[US, CA]", "[US]", "08:00-21:00", "10:00-13:00").Replace(testCalendar)
	for _, tt := range []struct {
		when, more, at string
		want           time.Duration
	}{
		{`not permitted(callee, "a")`, "", "2026-06-01T06:30:00.5-04:00", 90 * time.Minute},
		{`not permitted(callee, "a")`, ", retry_after: 5m", "2026-06-01T06:30:00-04:00", 5 * time.Minute},
		{`not permitted(callee, "a") or not permitted(callee, "b")`, "", "2026-06-01T06:30:00-04:00", 210 * time.Minute},
		{`not permitted(callee, "a") or not permitted(callee, "b")`, "", "2026-06-01T20:30:00-04:00", 13*time.Hour + 30*time.Minute},
		{`not permitted(callee, "a") or withheld`, "", "2026-06-01T12:00:00-04:00", time.Hour},  // blocked for something else
		{`not permitted(callee, "closed")`, "", "2026-06-01T12:00:00-04:00", 24 * time.Hour},    // and never opens
		{`permitted(callee, "a") and callee != ""`, "", "2026-06-01T12:00:00-04:00", time.Hour}, // the other way round
		{`not permitted(callee, "mon")`, "", "2026-06-02T12:00:00-04:00", 24 * time.Hour},       // in six days
		{`not permitted(callee, "mon")`, "", "2026-05-31T12:00:00-04:00", 12 * time.Hour},       // at midnight
		{`not permitted(callee, "mon")`, "", "2026-05-31T23:59:59.999-04:00", time.Second},      // in a millisecond
	} {
		rs := compiled(t, Settings{Country: "US"}, "rules.yaml",
			"calendars: {a: {file: a.calendar.yaml}, b: {file: b.calendar.yaml}, closed: {file: closed.calendar.yaml}, mon: {file: mon.calendar.yaml}}\n"+
				rulesOf("{id: a, when: '"+tt.when+"', block: hours"+tt.more+"}"),
			"a.calendar.yaml", testCalendar, "b.calendar.yaml", fr, "closed.calendar.yaml", strings.Replace(testCalendar, "08:00-21:00", "closed", 1),
			"mon.calendar.yaml", strings.Replace(testCalendar, "mon-sun: 08:00-21:00", "mon: 00:00-24:00, tue-sun: closed", 1))
		c := testCall("anonymous", "+12023340148")
		var err error
		if c.At, err = time.Parse(time.RFC3339Nano, tt.at); err != nil {
			t.Fatal(err)
		}
		if v := decided(running(t, Options{}, rs), c); v.Action != Block || v.Retry != tt.want {
			t.Errorf("%s at %s: %s, Retry-After %s, want %s", tt.when, tt.at, v.Action, v.Retry, tt.want)
		}
	}
}

// Calendars in a folder of rule files are no rule files.
func TestCalendarsAreNoRuleFiles(t *testing.T) {
	var all []string
	if err := filepath.WalkDir("packs", func(path string, e fs.DirEntry, err error) error {
		if err == nil && IsCalendarFile(path) {
			all = append(all, path)
		}
		return err
	}); err != nil || len(all) != 3 {
		t.Fatalf("%q, %v", all, err)
	}
	for _, file := range new(source).expand("packs") {
		if slices.Contains(all, file) {
			t.Errorf("%s is read as a rule file", file)
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
