package rules

import "ringfence/rules/schema"

// What values of calendars are made of.
const (
	datePattern     = `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`
	daysPattern     = `^(sun|mon|tue|wed|thu|fri|sat)(-(sun|mon|tue|wed|thu|fri|sat))?$`
	windowPattern   = `^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`
	prefixPattern   = `^\+[1-9][0-9]{0,14}$`
	calendarPattern = `\.calendar\.ya?ml$`
)

// The keys of calendars.
var (
	calendarKeys = schema.Keys{
		{Name: "file", Needed: true, Value: schema.Pattern("NAME.calendar.yaml, relative to this file", calendarPattern)},
	}
	calendarFileKeys = schema.Keys{
		{Name: "source", Needed: true, Value: schema.Text("where the hours are laid down")},
		{Name: "date", Needed: true, Value: schema.Pattern("when that was looked up, as in 2026-11-30", datePattern)},
		{Name: "countries", Needed: true, Value: schema.Some("whose numbers it is about, ISO 3166-1 as in US; others may be called at any time", schema.Pattern("", `^[A-Z]{2}$`))},
		{Name: "windows", Needed: true, Value: schema.Ref("windows")},
		{Name: "holidays", Value: schema.Ref("holidays")},
		{Name: "regions", Value: schema.Map("stricter hours for numbers that begin so, by name", namePattern, schema.Ref("region"))},
	}
	regionKeys = schema.Keys{
		{Name: "source", Value: schema.Text("where these hours are laid down")},
		{Name: "prefixes", Needed: true, Value: schema.Some("how its numbers begin, as in +1305; the longest prefix wins", schema.Pattern("", prefixPattern))},
		{Name: "windows", Value: schema.Ref("windows")},
		{Name: "holidays", Value: schema.Ref("holidays")},
	}
	holidayKeys = schema.Keys{
		{Name: "date", Needed: true, Value: schema.Pattern("the day where the number is, as in 2026-12-25", datePattern)},
		{Name: "name", Needed: true, Value: schema.Text("what it is called")},
	}
)

// CalendarSchema is that of calendars.
func CalendarSchema() *schema.Schema {
	region := schema.Object("stricter hours: a call must be within these, too", regionKeys)
	region.AnyOf = []*schema.Schema{schema.Has("windows"), schema.Has("holidays")}
	hours := schema.Some("when calls are permitted on these days", schema.Pattern("", windowPattern))
	hours.AnyOf = append(hours.AnyOf, &schema.Schema{Const: closed})
	s := schema.Object("", calendarFileKeys)
	s.Defs = map[string]*schema.Schema{
		"windows":  schema.Map("windows of each day of the week, as in {mon-fri: 08:00-21:00, sat-sun: closed}; the end is not in a window", daysPattern, hours),
		"holidays": schema.Some("days without calls: a CSV file with the columns date and name, relative to this file, or a list of files and days", &schema.Schema{AnyOf: []*schema.Schema{schema.Text(""), schema.Object("", holidayKeys)}}),
		"region":   region,
	}
	return schema.Root("calendar", "ringfence calendar", s)
}
