package rules

import (
	"bytes"
	csvfile "encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// holidayColumns are those of a file with holidays.
var holidayColumns = []string{"date", "name"}

// holidays reads a file of them, or a list of files and days.
func (r *calendarReader) holidays(s *schedule, n *node) {
	inline := holidayList{at: n.at}
	days := 0
	for _, e := range r.doc.items(oneOrMore(n), r.subject) {
		if _, ok := e.raw.(ast.MapNode); !ok {
			if file := r.doc.text(e, r.subject); file != "" {
				r.holidayFile(s, beside(r.doc.file, file), e.at)
			}
			continue
		}
		f, ok := r.doc.fields(e, r.subject, holidayKeys)
		if !ok {
			continue
		}
		for _, key := range holidayColumns {
			if f.lacks(key) {
				r.d.at(e.at, r.subject, "a holiday without a "+key, "as in {date: 2026-12-25, name: Christmas Day}")
			}
		}
		if f["date"] == nil {
			continue
		}
		if day := r.date(f["date"]); !day.IsZero() {
			days++
			s.addHoliday(&inline, day, r.doc.text(f["name"], r.subject))
		}
	}
	if days > 0 {
		r.lists = append(r.lists, inline)
	}
}

// addHoliday closes a day; one that has a name already has two.
func (s *schedule) addHoliday(list *holidayList, day time.Time, name string) {
	date := dateOf(day)
	if have, ok := s.holidays[date]; ok && have != name {
		name = have + ", " + name
	}
	s.holidays[date] = name
	list.last = max(list.last, date)
}

// holidayFile reads a CSV file with the columns date and name.
func (r *calendarReader) holidayFile(s *schedule, file string, at Position) {
	r.files = append(r.files, file)
	data, err := readRuleFile(file)
	if err != nil {
		r.d.at(at, r.subject, file+" "+err.Error(), "")
		return
	}
	var found findings
	defer func() { *r.d = append(*r.d, found.all()...) }()
	fault := func(line, column int, message, hint string) {
		found.add(Diagnostic{File: file, Line: line, Column: column, Subject: r.subject, Message: message, Hint: hint})
	}
	var text Diagnostics
	if !isText(file, data, &text) {
		text[0].Subject = r.subject
		found.add(text[0])
		return
	}
	if data = bytes.TrimPrefix(data, []byte("\ufeff")); len(data) > 0 && data[len(data)-1] != '\n' {
		fault(bytes.Count(data, []byte("\n"))+1, 0, "the last line has no end, as in a file that was cut off", "end it with a newline if the file is whole")
		return
	}
	in := csvfile.NewReader(bytes.NewReader(data))
	in.Comment, in.FieldsPerRecord, in.ReuseRecord = '#', -1, true
	list := holidayList{at: Position{File: file}}
	days, header := 0, true
	for {
		row, err := in.Read()
		if err == io.EOF {
			break
		}
		if parse := (*csvfile.ParseError)(nil); errors.As(err, &parse) {
			fault(parse.Line, parse.Column, parse.Err.Error(), "columns are separated by commas, and a quote is closed on its line")
			return
		} else if err != nil {
			fault(0, 0, "cannot be read further: "+err.Error(), "")
			return
		}
		line, column := in.FieldPos(0)
		if header {
			if header = false; strings.TrimSpace(row[0]) != "date" || len(row) != 2 || strings.TrimSpace(row[1]) != "name" {
				fault(line, column, fmt.Sprintf("the header is %q", strings.Join(row, ",")), "begin the file with "+strings.Join(holidayColumns, ","))
				return
			}
			continue
		}
		if len(row) != len(holidayColumns) {
			fault(line, column, fmt.Sprintf("has %d columns, want date and name", len(row)), "put a name with a comma in quotes")
			continue
		}
		name := strings.TrimSpace(row[1])
		day, err := time.Parse(time.DateOnly, strings.TrimSpace(row[0]))
		switch {
		case err != nil:
			fault(line, column, fmt.Sprintf("%q is no date", strings.TrimSpace(row[0])), "year, month and day, as in 2026-11-30")
		case name == "":
			_, column = in.FieldPos(1)
			fault(line, column, "a holiday without a name", "")
		default:
			days++
			s.addHoliday(&list, day, name)
		}
	}
	if days == 0 && found.d == nil {
		fault(0, 0, "no holidays in this file", "is it whole? without holidays, take it out of the calendar")
	}
	r.lists = append(r.lists, list)
}
