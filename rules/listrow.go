package rules

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// listLoader makes a List of the lines of its file.
type listLoader struct {
	list     *List
	plan     *Plan
	subject  string
	errors   findings
	warnings findings

	line    int
	first   bool     // no line of content was read yet
	columns []column // of a CSV file, else nil
	fields  []field  // of the current record
	details map[rowDetail]int32
	texts   map[string]string // source and note of rows, once each

	shapes map[shapeKey]int
	ranges map[[2]uint64]RowRef
}

type shapeKey struct {
	length         int
	open           bool
	literals, nine uint64
}

// column is what a column of a CSV file means.
type column uint8

const (
	otherColumn column = iota
	numberColumn
	whyColumn
	sourceColumn
	noteColumn
	addedColumn
	expiresColumn
)

var columnNames = []string{"number", "why", "source", "note", "added", "expires"}

// field is one field of a CSV record and where in the line it begins.
type field struct {
	text []byte
	at   int
}

func newListLoader(spec listSpec) *listLoader {
	l := &listLoader{
		list:    &List{listSpec: spec, details: make([]rowDetail, 1)},
		subject: fmt.Sprintf("list %q", spec.Name),
		first:   true,
		details: map[rowDetail]int32{},
		texts:   map[string]string{},
		shapes:  map[shapeKey]int{},
		ranges:  map[[2]uint64]RowRef{},
	}
	var err error
	if l.plan, err = NewPlan(spec.Country, nil); err != nil {
		l.errors.d.at(spec.Pos, l.subject, err.Error(), "")
	}
	return l
}

// isHeader tells whether the first line of content is that of a CSV file.
func isHeader(line []byte) bool {
	return bytes.IndexByte(line, ',') >= 0 || strings.EqualFold(string(bytes.Trim(line, " \t\"")), columnNames[0])
}

// readHeader reads which columns there are; false when that makes no sense of
// the rest.
func (l *listLoader) readHeader(line []byte) bool {
	if !l.split(line) {
		return false
	}
	for _, f := range l.fields {
		name := strings.ToLower(string(f.text))
		c := column(slices.Index(columnNames, name) + 1)
		if c != otherColumn && slices.Contains(l.columns, c) {
			l.faultAt(line, f.at, fmt.Sprintf("column %q is there twice", name), "rename one")
			return false
		}
		if c == otherColumn {
			l.warnings.add(Diagnostic{File: l.list.File, Line: l.line, Column: f.at + 1, Subject: l.subject,
				Message: fmt.Sprintf("column %q is not read", name), Hint: didYouMean(name, columnNames)})
		}
		l.columns = append(l.columns, c)
	}
	if !slices.Contains(l.columns, numberColumn) {
		l.fault(1, `no column "number" in the header`, "begin a CSV file with a header such as number,why,note; fields are separated by commas")
		return false
	}
	return true
}

// split cuts a line into fields (RFC 4180, one record a line); false when it
// cannot.
func (l *listLoader) split(line []byte) bool {
	l.fields = l.fields[:0]
	for at := 0; ; at++ {
		at += blanks(line[at:])
		start := at
		if at == len(line) || line[at] != '"' {
			end := len(line)
			if i := bytes.IndexByte(line[at:], ','); i >= 0 {
				end = at + i
			}
			l.fields = append(l.fields, field{trimmed(line[start:end]), start})
			at = end
		} else {
			text, end := unquote(line, at+1)
			if end < 0 {
				l.faultAt(line, start, "a quoted field that does not end on its line", `end it with ", and write a quote inside as ""`)
				return false
			}
			l.fields = append(l.fields, field{text, start})
			at = end + blanks(line[end:])
			if at < len(line) && line[at] != ',' {
				l.faultAt(line, at, "text after the end of a quoted field", `write a quote inside a field as ""`)
				return false
			}
		}
		if at >= len(line) {
			return true
		}
	}
}

// unquote reads a quoted field from after its quote to after its end, which is
// -1 when there is none.
func unquote(line []byte, at int) (text []byte, end int) {
	start := at
	for {
		i := bytes.IndexByte(line[at:], '"')
		if i < 0 {
			return nil, -1
		}
		at += i + 1
		if at == len(line) || line[at] != '"' {
			text = line[start : at-1]
			if bytes.IndexByte(text, '"') >= 0 {
				text = bytes.ReplaceAll(text, []byte(`""`), []byte(`"`))
			}
			return text, at
		}
		at++
	}
}

// readRecord reads one row of a CSV file.
func (l *listLoader) readRecord(line []byte) {
	if !l.split(line) {
		return
	}
	if len(l.fields) > len(l.columns) {
		l.faultAt(line, l.fields[len(l.columns)].at, fmt.Sprintf("%d fields, the header has %d", len(l.fields), len(l.columns)), `put a field that holds a comma in quotes: "a, b"`)
		return
	}
	var number field
	var d rowDetail
	good := true
	for i, f := range l.fields {
		if l.columns[i] == numberColumn {
			number = f
			continue
		}
		if len(f.text) == 0 {
			continue
		}
		if message, hint := l.read(&d, l.columns[i], f.text); message != "" {
			l.faultAt(line, f.at, message, hint)
			good = false
		}
	}
	if good {
		l.add(line, number.at, number.text, d)
	}
}

// read reads a field into d; the message says what is wrong with it.
func (l *listLoader) read(d *rowDetail, c column, text []byte) (message, hint string) {
	var ok bool
	switch c {
	case whyColumn:
		if d.why, ok = ParseWhy(string(text)); !ok {
			return fmt.Sprintf("unknown why %q", text), didYouMean(string(text), rowWhys())
		}
		if !d.why.ofRow() {
			return fmt.Sprintf("%q is no reason to list a number", text), "use " + strings.Join(rowWhys(), ", ")
		}
	case sourceColumn:
		d.source = l.once(text)
	case noteColumn:
		d.note = l.once(text)
	case addedColumn:
		if d.added, ok = readTime(text, false); !ok {
			return fmt.Sprintf("%q is no time", text), "write 2006-01-02 or 2006-01-02T15:04:05Z"
		}
	case expiresColumn:
		if d.expires, ok = readTime(text, true); !ok {
			return fmt.Sprintf("%q is no time", text), "write 2006-01-02 or 2006-01-02T15:04:05Z"
		}
	}
	return "", ""
}

// rowWhys are the reasons that a row may have.
func rowWhys() []string {
	return slices.DeleteFunc(slices.Clone(Whys()), func(word string) bool {
		w, _ := ParseWhy(word)
		return !w.ofRow()
	})
}

// once is text as a string that all rows with the same share.
func (l *listLoader) once(text []byte) string {
	if s, ok := l.texts[string(text)]; ok {
		return s
	}
	s := string(text)
	l.texts[s] = s
	return s
}

// readTime reads a day or a time as seconds since 1970. The end of a day is
// the first second of the next one, in UTC.
func readTime(text []byte, end bool) (int64, bool) {
	if t, err := time.Parse(time.DateOnly, string(text)); err == nil {
		if end {
			t = t.AddDate(0, 0, 1)
		}
		return t.Unix(), true
	}
	t, err := time.Parse(time.RFC3339, string(text))
	return t.Unix(), err == nil
}

// add takes one row. text, which begins at byte at of the line, is its number.
func (l *listLoader) add(line []byte, at int, text []byte, d rowDetail) {
	e, message, hint := l.entry(text)
	if message != "" {
		l.faultAt(line, at, message, hint)
		return
	}
	row := rowLine{key: e.number, line: int32(l.line)}
	if e.number == 0 {
		row.key = rawBit | uint64(len(l.list.patterns))
	}
	if d != (rowDetail{}) {
		n, ok := l.details[d]
		if !ok {
			n = int32(len(l.list.details))
			l.list.details = append(l.list.details, d)
			l.details[d] = n
		}
		row.detail = n
	}
	r := RowRef(len(l.list.rows) + 1)
	switch {
	case e.number != 0:
		if known := l.list.exact.find(l.list.rows, e.number); known != 0 {
			l.duplicate(known, row)
			return
		}
		l.list.rows = append(l.list.rows, row)
		l.list.exact.add(l.list.rows, r)
		return
	case e.signs == "":
		key := [2]uint64{e.from, e.to}
		if known := l.ranges[key]; known != 0 {
			l.duplicate(known, row)
			return
		}
		l.ranges[key] = r
		x := &l.list.ranges
		x.from, x.to, x.row = append(x.from, e.from), append(x.to, e.to), append(x.row, r)
	default:
		s := newShape(e.signs, e.open)
		key := shapeKey{s.length, s.open, s.literals, s.nine}
		i, ok := l.shapes[key]
		if !ok {
			i = len(l.list.shapes)
			l.list.shapes = append(l.list.shapes, s)
			l.shapes[key] = i
		}
		rows := l.list.shapes[i].rows
		if known := rows[literal(e.signs)]; known != 0 {
			l.duplicate(known, row)
			return
		}
		rows[literal(e.signs)] = r
	}
	l.list.patterns = append(l.list.patterns, e.String())
	l.list.rows = append(l.list.rows, row)
}

// duplicate warns of a row for the same numbers as a known one. The one that
// lives longer stays.
func (l *listLoader) duplicate(known RowRef, row rowLine) {
	have := &l.list.rows[known-1]
	l.warnings.add(Diagnostic{File: l.list.File, Line: int(row.line), Subject: l.subject,
		Message: fmt.Sprintf("the same as line %d", have.line), Hint: "take one out; the one that lives longer counts"})
	before, after := l.list.details[have.detail].expires, l.list.details[row.detail].expires
	if before != 0 && (after == 0 || after > before) {
		have.line, have.detail = row.line, row.detail
	}
}
