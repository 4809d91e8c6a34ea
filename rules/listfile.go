package rules

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

const (
	maxLine = 64 << 10 // bytes of a line of a list
	maxRows = 1 << 30

	maxLines = math.MaxInt32 // that rows can tell apart
)

// loadList reads a list: the whole list and warnings, or nil and all that is
// wrong with the file. It takes two forms, gzipped when the name ends in .gz:
//
//   - one number a line;
//   - CSV with a header that has a column "number", in a list per subscriber
//     also "subscriber", and may have why, source, note, added and expires (a
//     day, 2006-01-02, or a time, RFC 3339; a row that expires on a day is good
//     until that day ends in UTC). A quoted field does not run over lines.
//
// A list without rows is an error unless the spec says that it may be empty,
// and so is a last line without its end: either is what a transfer leaves that
// was cut off.
//
// Empty lines are skipped, and what follows a "#" at the start of a line or
// after a blank outside CSV. A number is
//
//   - a number as Plan.Number reads it, in the list's country; a list without
//     a country takes only the global form, "+" first;
//   - a prefix: +1202555*;
//   - a pattern, where N is 2 to 9 and X any digit: +1202NXXXXXX, and with a
//     "*" at the end as a prefix;
//   - a range of numbers of equal length: +12025550100-+12025550199;
//   - an IP address, or a network without bits beyond its length.
//
// Of rows for the same numbers the one that lives longest counts, the first of
// equals; the others are warnings.
func loadList(spec listSpec) (*List, []Diagnostic) { return loadListWith(spec, listOptions{}) }

// loadListWith is loadList within other bounds, telling how far it is. Lists of
// more plain rows than are kept with their lines are read twice: their numbers
// go where they belong, and there is nothing beside them meanwhile.
func loadListWith(spec listSpec, o listOptions) (*List, []Diagnostic) {
	l := newListLoader(spec)
	file, err := openList(spec, o)
	if err != nil {
		l.errors.d.at(spec.FileAt, l.subject, err.Error(), "")
		return nil, l.errors.d
	}
	defer func() { _ = file.Close() }()
	if file.isCompiled() || strings.HasSuffix(spec.File, compiledName) {
		return file.loaded(l.loadCompiled(file, file.size()))
	}
	if file.maybeLarge() {
		survey := newListLoader(spec)
		survey.survey = newBulkBuilder()
		file.passes = 2
		survey.readAll(file)
		if survey.errors.d != nil {
			return nil, survey.errors.all()
		}
		if survey.survey.numbers > o.plainRows() {
			l.bulk = survey.survey
			if err = l.bulk.allocate(); err != nil {
				l.fault(0, err.Error(), "split the list, or give the machine more")
				return nil, l.errors.d
			}
		}
		if err = file.rewind(); err != nil {
			l.fault(0, "cannot be read again: "+err.Error(), "")
			return nil, l.errors.d
		}
	}
	return file.loaded(l.load(file))
}

// load reads all of the file.
func (l *listLoader) load(file io.Reader) (*List, []Diagnostic) {
	l.readAll(file)
	l.finish()
	if l.errors.d != nil {
		return nil, l.errors.all()
	}
	l.list.warnings = l.warnings.all()
	return l.list, l.list.warnings
}

// readAll reads all lines.
func (l *listLoader) readAll(file io.Reader) {
	in := bufio.NewReaderSize(file, maxLine)
	for l.line = 1; l.next(in); l.line++ {
	}
}

// finish makes of the rows what Find needs.
func (l *listLoader) finish() {
	if l.bulk != nil && l.errors.d == nil {
		l.finishBulk()
	}
	if l.errors.d == nil && l.list.Len() == 0 && !l.list.Empty {
		l.errors.add(Diagnostic{File: l.list.File, Subject: l.subject, Message: "the list is empty",
			Hint: "is the file whole? a list that is meant to have no rows is declared with empty: true"})
	}
	l.list.patterns.ranges.sort()
	for _, p := range l.list.owned {
		p.ranges.sort()
	}
}

// finishBulk makes the bulk. A number that a row with more to say is for, too,
// was read before that row, or it would have been found a duplicate: it lives
// longer or came first, so it counts.
func (l *listLoader) finishBulk() {
	var out func(uint64) bool
	if l.list.exact.used > 0 {
		out = func(number uint64) bool {
			r := l.list.exact.find(l.list.listContent, 0, number)
			if r != 0 {
				row := &l.list.rows[r-1]
				l.warnings.add(Diagnostic{File: l.list.File, Line: int(row.line), Subject: l.subject,
					Message: "the same number as on a line before", Hint: "take one out; the one that lives longer counts"})
				row.line, row.detail = 0, 0
			}
			return r != 0
		}
	}
	var ok bool
	if l.list.bulk, ok = l.bulk.finish(out); !ok {
		l.errors.add(Diagnostic{File: l.list.File, Subject: l.subject, Message: "the file has changed while it was read",
			Hint: "write a list beside its place and rename it"})
		return
	}
	if n := l.bulk.repeated; n > 0 {
		l.warnings.add(Diagnostic{File: l.list.File, Subject: l.subject, Message: fmt.Sprintf("rows that are the same as others: %d", n), Hint: "take them out; once is enough"})
	}
}

// next reads the next line; false ends the file.
func (l *listLoader) next(in *bufio.Reader) bool {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.fault(0, fmt.Sprintf("line of more than %d bytes", maxLine), "is this a list? write one number a line")
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		line = nil
	}
	if l.first {
		if message, hint := foreign(bytes.TrimPrefix(line, []byte("\ufeff"))); message != "" {
			l.fault(1, message, hint)
			return false
		}
	}
	switch {
	case err == nil:
		return len(line) == 0 || l.readLine(line)
	case err != io.EOF:
		l.fault(0, "cannot be read further: "+err.Error(), "is the file whole?")
	case bytes.IndexByte(line, '\r') >= 0:
		l.faultAt(line, bytes.IndexByte(line, '\r'), "its lines end with CR alone", "save the file with the line ends of Unix or Windows")
	case len(line) > 0:
		l.faultAt(line, len(line), "the last line has no end, as in a file that was cut off", "end it with a newline if the file is whole")
	}
	return false
}

// readLine reads one line with its end; false ends the file.
func (l *listLoader) readLine(line []byte) bool {
	if number, ok := l.plainNumber(line); ok {
		l.first = false
		l.addNumber(number)
		return l.counted()
	}
	if l.line == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if i := bytes.IndexByte(line, 0); i >= 0 {
		l.faultAt(line, i, "a NUL byte", "is this a text file? the rest was not read")
		return false
	}
	if !utf8.Valid(line) {
		l.faultAt(line, invalidAt(line), "not UTF-8", "save the file as UTF-8")
		return true
	}
	at := blanks(line)
	text := line[at:]
	if len(text) == 0 || text[0] == '#' {
		return true
	}
	if !l.counted() {
		return false
	}
	if l.first {
		l.first = false
		if isHeader(line) {
			return l.readHeader(line)
		}
		if l.list.Per != "" {
			l.fault(1, "no header, and the list is declared with per: "+l.list.Per, "begin the file with number,subscriber")
			return false
		}
	}
	if l.columns != nil {
		l.readRecord(line)
		return true
	}
	if i := bytes.IndexByte(text, '#'); i > 0 && isBlank(text[i-1]) {
		text = text[:i]
	}
	l.add(line, at, trimmed(text), 0, rowDetail{})
	return true
}

// counted counts a row; false when there are too many.
func (l *listLoader) counted() bool {
	if l.rows++; l.rows <= maxRows {
		return true
	}
	l.fault(0, fmt.Sprintf("more than %d rows", maxRows), "split the list")
	return false
}

// plainNumber reads the line that most lines of large lists are, "+" and the
// digits of a number, and in CSV no further field that says anything.
func (l *listLoader) plainNumber(line []byte) (key uint64, ok bool) {
	if line[0] != '+' || l.list.Per != "" || l.columns != nil && l.columns[0] != numberColumn {
		return 0, false
	}
	i := 1
	for ; i < len(line) && line[i]-'0' <= 9; i++ {
		key = 10*key + uint64(line[i]-'0')
	}
	if i < 3 || i > maxGlobal+1 || line[1] == '0' {
		return 0, false
	}
	for fields := 1; i < len(line) && line[i] == ',' && fields < len(l.columns); i++ {
		fields++
	}
	if i < len(line) && line[i] == '\r' {
		i++
	}
	return key, i == len(line)-1
}

// foreign tells what begins as another kind of file does.
func foreign(line []byte) (message, hint string) {
	begins := func(with string) bool { return bytes.HasPrefix(line, []byte(with)) }
	switch name := len(columnNames[0]); {
	case begins("\xff\xfe"), begins("\xfe\xff"):
		return "is UTF-16 text", "save the file as UTF-8"
	case begins("\x1f\x8b"):
		return "is packed by gzip, and its name does not end in .gz", "name it so"
	case begins("PK\x03\x04"):
		return "is a zip archive or a spreadsheet", "unpack it, or save it as CSV"
	case begins("<"):
		return "is a web page or XML", "was an error page fetched in place of the list?"
	case begins("{"), begins("["):
		return "is JSON", "write one number a line, or CSV"
	case len(line) > name && bytes.EqualFold(line[:name], []byte(columnNames[0])) && bytes.IndexByte([]byte(";\t|"), line[name]) >= 0:
		return fmt.Sprintf("its columns are separated by %q", line[name]), "separate them by commas"
	}
	return "", ""
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// blanks is how many blanks the text begins with.
func blanks(text []byte) int {
	n := 0
	for n < len(text) && isBlank(text[n]) {
		n++
	}
	return n
}

// trimmed is the text without the blanks at its end.
func trimmed(text []byte) []byte {
	for len(text) > 0 && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func invalidAt(line []byte) int {
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return 0
}
