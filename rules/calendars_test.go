package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

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
