package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

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
