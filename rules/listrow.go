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

	visit   func(entry, uint64, rowDetail) (taken bool) // asked of each row before it is put into the list; nil: nobody
	line    int
	rows    int      // lines of content
	first   bool     // no line of content was read yet
	columns []column // of a CSV file, else nil
	fields  []field  // of the current record
	details map[rowDetail]int32
	texts   map[string]string // source and note of rows, once each

	shapes map[shapeKey]int
	ranges map[rangeKey]RowRef

	survey *bulkBuilder // only counts the numbers of plain rows; nil: rows are kept
	bulk   *bulkBuilder // takes the numbers of plain rows; nil: they are rows as others
}

type shapeKey struct {
	subscriber     uint64
	length         int
	open           bool
	literals, nine uint64
}

type rangeKey struct{ subscriber, from, to uint64 }

// column is what a column of a CSV file means.
type column uint8

const (
	otherColumn column = iota
	numberColumn
	subscriberColumn
	whyColumn
	sourceColumn
	noteColumn
	addedColumn
	expiresColumn
)

var columnNames = []string{"number", "subscriber", "why", "source", "note", "added", "expires"}

// field is one field of a CSV record and where in the line it begins.
type field struct {
	text []byte
	at   int
}

func newListLoader(spec listSpec) *listLoader {
	l := &listLoader{
		list:    newList(spec),
		subject: fmt.Sprintf("list %q", spec.Name),
		first:   true,
		details: map[rowDetail]int32{},
		texts:   map[string]string{},
		shapes:  map[shapeKey]int{},
		ranges:  map[rangeKey]RowRef{},
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
	return l.checkSubscribers(line, slices.Index(l.columns, subscriberColumn))
}

// checkSubscribers finds whether the file says whose its rows are, as its list
// says; false when the rest makes no sense. at is the place of the column.
func (l *listLoader) checkSubscribers(header []byte, at int) bool {
	switch {
	case l.list.Per != "" && at < 0:
		l.fault(1, `no column "subscriber" in the header, which the list has because of per: `+l.list.Per, "write number,subscriber, or take per: out of the declaration")
		return false
	case l.list.Per == "" && at >= 0:
		l.faultAt(header, l.fields[at].at, `a column "subscriber", but the list is declared for everybody`, "declare it with per: callee, or take the column out")
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
	var number, subscriber field
	var d rowDetail
	good := true
	for i, f := range l.fields {
		switch l.columns[i] {
		case numberColumn:
			number = f
			continue
		case subscriberColumn:
			subscriber = f
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
	if i := slices.Index(l.columns, expiresColumn); good && d.expires != 0 && d.expires < d.added {
		l.faultAt(line, l.fields[i].at, fmt.Sprintf("expires %s, before it was added", l.fields[i].text), "are the two swapped?")
		good = false
	}
	var owner uint64
	if l.list.Per != "" {
		var message, hint string
		if owner, message, hint = l.owner(subscriber.text); message != "" {
			l.faultAt(line, subscriber.at, message, hint)
			good = false
		}
	}
	if good {
		l.add(line, number.at, number.text, owner, d)
	}
}

// owner reads whose row it is.
func (l *listLoader) owner(text []byte) (subscriber uint64, message, hint string) {
	if len(text) == 0 {
		return 0, "a row without a subscriber", "say whose row it is, or put it into a list for everybody"
	}
	n, message, hint := l.number(text)
	return n.key, message, hint
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
		return t.Unix(), t.Unix() > 0
	}
	t, err := time.Parse(time.RFC3339, string(text))
	return t.Unix(), err == nil && t.Unix() > 0
}

// add takes one row. text, which begins at byte at of the line, is its number.
func (l *listLoader) add(line []byte, at int, text []byte, subscriber uint64, d rowDetail) {
	e, message, hint := l.row(text)
	if message == "" && subscriber != 0 && e.network.IsValid() {
		message, hint = fmt.Sprintf("%q in a list per subscriber, which holds numbers", text), "put networks into a list for everybody"
	}
	if message != "" {
		l.faultAt(line, at, message, hint)
		return
	}
	if l.visit != nil && l.visit(e, subscriber, d) {
		return
	}
	if e.number != 0 && subscriber == 0 && d == (rowDetail{}) {
		l.addNumber(e.number)
		return
	}
	if l.survey != nil {
		return
	}
	row := rowLine{key: e.number, line: l.at(), detail: l.detail(d)}
	if known := l.addRow(e, subscriber, row); known != 0 {
		l.duplicate(known, row)
	} else {
		l.warnWide(line, at, e)
	}
}

// at is the current line as rows keep it.
func (l *listLoader) at() int32 { return int32(min(l.line, maxLines)) }

// addRow puts in a row, unless one is known that is for the same.
func (l *listLoader) addRow(e entry, subscriber uint64, row rowLine) (known RowRef) {
	if e.number == 0 {
		row.key = rawBit | uint64(len(l.list.texts))
	}
	r := RowRef(len(l.list.rows) + 1)
	if known = l.put(e, subscriber, r); known != 0 {
		return known
	}
	l.list.rows = append(l.list.rows, row)
	if subscriber != 0 {
		l.list.subscribers = append(l.list.subscribers, subscriber)
	}
	if e.number != 0 {
		l.list.exact.add(l.list.listContent, r)
	} else {
		l.list.texts = append(l.list.texts, e.String())
	}
	return 0
}

// addNumber takes a row that is a number and no more.
func (l *listLoader) addNumber(number uint64) {
	if l.visit != nil {
		l.visit(entry{number: number}, 0, rowDetail{}) // which takes every number
		return
	}
	if l.survey != nil {
		l.survey.count(number)
		return
	}
	row := rowLine{key: number, line: l.at()}
	known := l.list.exact.find(l.list.listContent, 0, number)
	if l.bulk != nil {
		l.bulk.fill(number, known == 0)
	}
	switch {
	case known != 0:
		l.duplicate(known, row)
	case l.bulk == nil:
		l.list.rows = append(l.list.rows, row)
		l.list.exact.add(l.list.listContent, RowRef(len(l.list.rows)))
	}
}

// detail is the index of what a row has beside its number.
func (l *listLoader) detail(d rowDetail) int32 {
	if d == (rowDetail{}) {
		return 0
	}
	n, ok := l.details[d]
	if !ok {
		n = int32(len(l.list.details))
		l.list.details = append(l.list.details, d)
		l.details[d] = n
	}
	return n
}

// put makes row r found by what it says, numbers apart. It is the row that is
// for the same already, or 0.
func (l *listLoader) put(e entry, subscriber uint64, r RowRef) (known RowRef) {
	switch {
	case e.number != 0:
		return l.list.exact.find(l.list.listContent, subscriber, e.number)
	case e.network.IsValid():
		if known, _ = l.list.networks.Get(e.network); known == 0 {
			l.list.networks.Insert(e.network, r)
		}
		return known
	case e.signs == "":
		key := rangeKey{subscriber, e.from, e.to}
		if known = l.ranges[key]; known == 0 {
			l.ranges[key] = r
			x := &l.patterns(subscriber).ranges
			x.from, x.to, x.row = append(x.from, e.from), append(x.to, e.to), append(x.row, r)
		}
		return known
	}
	s, p := newShape(e.signs, e.open), l.patterns(subscriber)
	key := shapeKey{subscriber, s.length, s.open, s.literals, s.nine}
	i, ok := l.shapes[key]
	if !ok {
		i = len(p.shapes)
		p.shapes = append(p.shapes, s)
		l.shapes[key] = i
	}
	rows := p.shapes[i].rows
	if known = rows[literal(e.signs)]; known == 0 {
		rows[literal(e.signs)] = r
	}
	return known
}

// patterns are those of a subscriber, 0 for everybody's.
func (l *listLoader) patterns(subscriber uint64) *patternIndex {
	if subscriber == 0 {
		return &l.list.patterns
	}
	p := l.list.owned[subscriber]
	if p == nil {
		p = &patternIndex{}
		l.list.owned[subscriber] = p
	}
	return p
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
