package sidecar

import (
	"strings"
	"testing"
)

// closedText is a calendar by which nobody may ever be called, openText one by
// which everybody may, but for holidays.
const (
	closedText = "source: a test\ndate: 2026-11-30\ncountries: US\nwindows: {mon-sun: closed}\n"
	openText   = "source: a test\ndate: 2026-11-30\ncountries: US\nwindows: {mon-sun: 00:00-24:00}\nholidays: ../days/days.csv\n"
)

var calendarRules = strings.Replace(rulesText, "learn:", "calendars: {us: {file: ../calendars/us.calendar.yaml}}\nlearn:", 1) +
	"  - {id: hours, when: 'not permitted(callee, \"us\")', block: hours}\n"

// A changed calendar, or list of its holidays, is loaded, and a bad one changes
// nothing.
func TestChangedCalendarReloads(t *testing.T) {
	d := launch(t, map[string]string{"rules/main.yaml": calendarRules, "calendars/us.calendar.yaml": openText, "days/days.csv": "date,name\n2020-12-25,Christmas\n"})
	d.blocks(clean, "")
	d.whileAsked(func() {
		d.replace("calendars/us.calendar.yaml", closedText)
		d.blocks(clean, "480")
		d.replace("calendars/us.calendar.yaml", openText)
		d.blocks(clean, "")
		d.fails(func() { d.replace("days/days.csv", "date,name\n2020-12-25,Chris") })
		if errors := strings.Join(d.p.Status().Reload.Errors, "\n"); !strings.Contains(errors, "days.csv:2: ") {
			t.Errorf("errors %q", errors)
		}
		d.blocks(clean, "")
		var days strings.Builder
		now := d.p.now().UTC()
		for i := range 3 { // wherever the called number is
			days.WriteString(now.AddDate(0, 0, i-1).Format("2006-01-02") + ",a day\n")
		}
		d.replace("days/days.csv", "date,name\n"+days.String())
		d.blocks(clean, "480")
		d.replace("calendars/us.calendar.yaml", "source: a test\n")
		await(t, "a failed reload", func() bool { return !d.p.Status().Reload.OK })
		d.blocks(clean, "480")
	})
}

// Holidays that were missing, in a folder that nothing else is read from, are
// loaded once they come.
func TestMissingHolidaysCome(t *testing.T) {
	d := launch(t, map[string]string{"late/calendars/us.calendar.yaml": strings.Replace(openText, "../days", "../more/days", 1), "late/more/days/readme": "days come here"})
	d.replace("rules/main.yaml", strings.Replace(calendarRules, "../calendars", "../late/calendars", 1)+"  - {id: late, when: 'caller == \""+clean+"\"', block: subscriber}\n")
	await(t, "the rules do not load", func() bool { return !d.p.Status().Reload.OK })
	write(t, d.dir, map[string]string{"late/more/days/days.csv": "date,name\n2020-12-25,Christmas\n"})
	d.blocks(clean, "607")
}
