package rules

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// calendarSuffixes end the names of calendars: a folder of rule files can hold
// them, too.
var calendarSuffixes = [...]string{".calendar.yaml", ".calendar.yml"}

// IsCalendarFile tells whether a file holds a calendar, by its name.
func IsCalendarFile(name string) bool {
	return slices.ContainsFunc(calendarSuffixes[:], func(s string) bool { return strings.HasSuffix(name, s) })
}

// calendarDecl is a calendar as a rule file declares it.
type calendarDecl struct {
	name   string
	at     Position // of the name
	file   string   // relative to the working folder; empty after a finding
	fileAt Position
}

func (s *source) readCalendar(doc *document, e *node) {
	subject := calendarSubject(e.name)
	decl := calendarDecl{name: e.name, at: e.key, fileAt: e.key}
	defer func() { s.calendars = append(s.calendars, decl) }()
	f, ok := doc.fields(e, subject, calendarKeys)
	if !ok {
		return
	}
	file := doc.text(f["file"], subject)
	switch {
	case f.lacks("file"):
		s.d.at(e.key, subject, "has no file", "write file: and a path relative to this rule file")
	case file == "":
	case !IsCalendarFile(file):
		s.d.at(f["file"].at, subject, fmt.Sprintf("%q is no name of a calendar", file), "name it NAME.calendar.yaml, so that it is not taken for a rule file")
	default:
		decl.file, decl.fileAt = beside(doc.file, file), f["file"].at
	}
}

func calendarSubject(name string) string { return fmt.Sprintf("calendar %q", name) }

// loadCalendars reads every calendar once.
func (rs *Ruleset) loadCalendars(c *compiler, src *source) {
	c.calendars = map[string]*Calendar{}
	for _, decl := range src.calendars {
		if first, ok := c.calendars[decl.name]; ok {
			c.d.at(decl.at, calendarSubject(decl.name), "is declared already at "+first.at.String(), "give it a name of its own")
			continue
		}
		if decl.file == "" {
			c.calendars[decl.name] = &Calendar{Name: decl.name, at: decl.at} // named, and not right
			continue
		}
		loaded := loadCalendar(decl, c.d)
		c.calendars[decl.name] = loaded
		rs.calendars = append(rs.calendars, loaded)
	}
	slices.SortFunc(rs.calendars, func(a, b *Calendar) int { return strings.Compare(a.Name, b.Name) })
}

// Calendars are all calendars by name.
func (rs *Ruleset) Calendars() []*Calendar { return rs.calendars }

// Files are those that the calendar was read from.
func (c *Calendar) Files() []string { return c.files }

// DeclaredCalendars are the files of the calendars that rule files declare, and
// of their holidays, whether they are there or not.
func DeclaredCalendars(files []string) []string {
	all := map[string]bool{}
	for _, decl := range readSource(files).calendars {
		if decl.file != "" {
			for _, file := range loadCalendar(decl, new(Diagnostics)).files {
				all[filepath.Clean(file)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}
