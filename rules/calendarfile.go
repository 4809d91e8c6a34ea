package rules

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
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

// calendarReader reads one calendar.
type calendarReader struct {
	*Calendar
	doc     *document
	subject string
	d       *Diagnostics
	named   map[prefix]Position // of the regions so far
}

// loadCalendar reads the file of a calendar and those of its holidays. The
// calendar is not for use when there were findings; its files are known all the
// same.
func loadCalendar(decl calendarDecl, d *Diagnostics) *Calendar {
	data, err := readRuleFile(decl.file)
	if err != nil {
		d.at(decl.fileAt, calendarSubject(decl.name), decl.file+" "+err.Error(), "")
		return &Calendar{Name: decl.name, at: decl.at, files: []string{decl.file}}
	}
	return parseCalendar(decl, data, d)
}

// parseCalendar is loadCalendar of a file that was read.
func parseCalendar(decl calendarDecl, data []byte, d *Diagnostics) *Calendar {
	c := &Calendar{Name: decl.name, at: decl.at, files: []string{decl.file}, regions: map[prefix]*schedule{}}
	r := &calendarReader{Calendar: c, subject: calendarSubject(decl.name), d: d, named: map[prefix]Position{},
		doc: &document{file: decl.file, data: data, holds: "calendar", d: d}}
	if top, ok := r.doc.parse(); ok {
		r.read(top)
	}
	return c
}

func (r *calendarReader) read(top *node) {
	f, ok := r.doc.fields(top, r.subject, calendarFileKeys)
	if !ok {
		return
	}
	lacks := func(key, cure string) {
		if f.lacks(key) {
			r.d.at(top.at, r.subject, "has no "+key, "write "+key+": and "+cure)
		}
	}
	lacks("source", "where the hours are laid down")
	lacks("date", "the day on which that was looked up, as in 2026-11-30")
	lacks("countries", "whose numbers it is about, as in [US]")
	lacks("windows", "when they may be called, as in {mon-fri: 08:00-21:00, sat-sun: closed}")
	r.Source = r.doc.text(f["source"], r.subject)
	if n := f["date"]; n != nil {
		r.Date, r.dateAt = r.date(n), n.at
	}
	for _, n := range r.doc.items(oneOrMore(f["countries"]), r.subject) {
		r.country(n)
	}
	r.schedule(&r.common, f)
	for _, e := range r.doc.entries(f["regions"], r.subject) {
		r.readRegion(e)
	}
	for p := range r.regions {
		if !slices.Contains(r.digits, p.digits) {
			r.digits = append(r.digits, p.digits)
		}
	}
	slices.SortFunc(r.digits, func(a, b int) int { return b - a })
}

// oneOrMore is n as a sequence: a value by itself is one of one.
func oneOrMore(n *node) *node {
	if n == nil {
		return nil
	}
	if _, ok := n.raw.(*ast.SequenceNode); ok {
		return n
	}
	one := *n
	one.raw = &ast.SequenceNode{BaseNode: &ast.BaseNode{}, Start: n.raw.GetToken(), Values: []ast.Node{n.raw}}
	return &one
}

func (r *calendarReader) country(n *node) {
	text := r.doc.text(n, r.subject)
	if text == "" {
		return
	}
	if !isCountry(text) {
		r.d.at(n.at, r.subject, fmt.Sprintf("%q is no country", text), "two capital letters, as in US")
	} else if _, err := NewPlan(text, nil); err != nil {
		r.d.at(n.at, r.subject, err.Error(), "")
	} else {
		r.countries = append(r.countries, text)
	}
}

// date reads a day, which is zero after a finding.
func (r *calendarReader) date(n *node) time.Time {
	text := r.doc.text(n, r.subject)
	day, err := time.Parse(time.DateOnly, text)
	if err != nil && text != "" {
		r.d.at(n.at, r.subject, fmt.Sprintf("%s: %q is no date", n.name, text), "year, month and day, as in 2026-11-30")
	}
	return day
}

// readRegion reads the schedule of one region.
func (r *calendarReader) readRegion(e *node) {
	outer := r.subject
	r.subject = fmt.Sprintf("%s, region %q", outer, e.name)
	defer func() { r.subject = outer }()
	f, ok := r.doc.fields(e, r.subject, regionKeys)
	if !ok {
		return
	}
	switch {
	case f.lacks("prefixes"):
		r.d.at(e.key, r.subject, "has no prefixes", "write prefixes: and how its numbers begin, as in [+1305, +1786]")
	case f.lacks("windows") && f.lacks("holidays"):
		r.d.at(e.key, r.subject, "restricts nothing", "write windows: or holidays:")
	}
	r.doc.text(f["source"], r.subject)
	s := &schedule{region: e.name}
	r.schedule(s, f)
	for _, n := range r.doc.items(oneOrMore(f["prefixes"]), r.subject) {
		text := r.doc.text(n, r.subject)
		p, ok := parsePrefix(text)
		switch first, twice := r.named[p]; {
		case text == "":
		case !ok:
			r.d.at(n.at, r.subject, fmt.Sprintf("%q is no prefix", text), "+, a country's code and the digits after it, as in +1305")
		case twice:
			r.d.at(n.at, r.subject, text+" is named already at "+first.String(), "a number is of one region")
		default:
			r.named[p] = n.at
			r.regions[p] = s
		}
	}
}

// parsePrefix reads the first digits of E.164 numbers, "+" first.
func parsePrefix(text string) (p prefix, ok bool) {
	digits, ok := strings.CutPrefix(text, "+")
	if !ok || digits == "" || len(digits) > maxGlobal || digits[0] == '0' {
		return prefix{}, false
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return prefix{}, false
		}
		p.value = 10*p.value + uint64(c-'0')
	}
	p.digits = len(digits)
	return p, true
}

// schedule reads windows and holidays.
func (r *calendarReader) schedule(s *schedule, f fields) {
	if f["windows"] != nil {
		s.timed = true
		r.windows(s, f["windows"])
	}
	if f["holidays"] != nil {
		s.holidays = map[int32]string{}
		r.holidays(s, f["holidays"])
	}
}

// week is the weekdays as they are written, from Monday on.
var week = append(slices.Clone(weekdays[1:]), weekdays[0])

// windows reads the hours of all days of a week; each day is named once.
func (r *calendarReader) windows(s *schedule, n *node) {
	before := len(*r.d)
	named := map[int]Position{}
	for _, e := range r.doc.members(n, r.subject) {
		days, ok := parseDays(e.name)
		if !ok {
			r.d.at(e.key, r.subject, fmt.Sprintf("%q is no weekday", e.name), "mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri")
			continue
		}
		hours := r.hours(e)
		for _, day := range days {
			if at, ok := named[day]; ok {
				r.d.at(e.key, r.subject, weekdays[day]+" has its hours already at "+at.String(), "write all windows of a day in one list")
				continue
			}
			named[day], s.windows[day] = e.key, hours
		}
	}
	if len(*r.d) > before {
		return
	}
	var missing []string
	for _, day := range week {
		if _, ok := named[slices.Index(weekdays[:], day)]; !ok {
			missing = append(missing, day)
		}
	}
	if len(missing) > 0 {
		r.d.at(n.key, r.subject, "windows say nothing of "+strings.Join(missing, ", "), fmt.Sprintf("write their hours, or %s: closed", missing[0]))
	}
}

// parseDays reads a weekday or a range of them, as in mon-fri or sat-mon.
func parseDays(text string) (days []int, ok bool) {
	first, last, _ := strings.Cut(text, "-")
	if last == "" && first == text {
		last = first
	}
	from, to := slices.Index(weekdays[:], first), slices.Index(weekdays[:], last)
	if from < 0 || to < 0 {
		return nil, false
	}
	for day := from; ; day = (day + 1) % 7 {
		if days = append(days, day); day == to {
			return days, true
		}
	}
}

// closed stands for a day without windows.
const closed = "closed"

// hours reads the windows of a day, or closed.
func (r *calendarReader) hours(e *node) (all []span) {
	if _, ok := e.raw.(*ast.SequenceNode); !ok {
		if text := r.doc.text(e, r.subject); text != "" && text != closed {
			all = r.window(all, e, text)
		}
		return all
	}
	for _, n := range r.doc.items(e, r.subject) {
		if text, ok := splitWindow(n.raw); ok {
			all = r.window(all, n, text)
		} else if text := r.doc.text(n, r.subject); text != "" {
			all = r.window(all, n, text)
		}
	}
	return all
}

// splitWindow is a window that the YAML library took for a key and a value, as it
// does within brackets in braces.
func splitWindow(n ast.Node) (text string, ok bool) {
	m, ok := n.(ast.MapNode)
	if !ok {
		return "", false
	}
	for i := m.MapRange(); i.Next(); {
		key, value := i.Key().GetToken(), i.Value().GetToken()
		if key == nil || value == nil {
			return "", false
		}
		text += key.Value + ":" + value.Value
	}
	return text, strings.Count(text, ":") == 2
}

// window adds one that is right; windows that touch are fine.
func (r *calendarReader) window(all []span, n *node, text string) []span {
	fault := func(message, hint string) []span {
		r.d.at(n.at, r.subject, message, hint)
		return all
	}
	first, last, _ := strings.Cut(text, "-")
	from, ok := parseTime(first)
	to, ok2 := parseTime(last)
	if last == "24:00" {
		to, ok2 = 24*60, true
	}
	switch {
	case text == closed:
		return fault("a day is closed or has windows, not both", "write closed alone, or take it out")
	case !ok || !ok2:
		return fault(fmt.Sprintf("%q is no window", text), "two times of day, as in 08:00-21:00, or closed; 24:00 is the end of the day")
	case from == to:
		return fault(text+" is no time at all", "write closed, or 00:00-24:00 for the whole day")
	case to == 0:
		return fault(text+" ends before it begins", fmt.Sprintf("write %s-24:00", first))
	case from > to:
		return fault(text+" goes past midnight", fmt.Sprintf("end it at 24:00, and write 00:00-%s on the day after", last))
	}
	w := span{uint16(from), uint16(to)}
	if i := slices.IndexFunc(all, func(x span) bool { return w.from < x.to && x.from < w.to }); i >= 0 {
		return fault(text+" overlaps "+all[i].String(), "make one window of both")
	}
	all = append(all, w)
	slices.SortFunc(all, func(a, b span) int { return int(a.from) - int(b.from) })
	return all
}

func (w span) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", w.from/60, w.from%60, w.to/60, w.to%60)
}

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
