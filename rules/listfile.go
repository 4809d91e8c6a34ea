package rules

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

const (
	maxLine     = 64 << 10 // bytes of a line of a list
	maxRows     = 1 << 30
	maxFindings = 100 // of errors and of warnings that are told one by one
)

// loadList reads a list: the whole list and warnings, or nil and all that is
// wrong with the file. It takes two forms, gzipped when the name ends in .gz:
//
//   - one number a line;
//   - CSV with a header that has a column "number" and may have why, source,
//     note, added and expires (a day, 2006-01-02, or a time, RFC 3339; a row
//     that expires on a day is good until that day ends in UTC). A quoted
//     field does not run over lines.
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
//   - a range of numbers of equal length: +12025550100-+12025550199.
//
// Of rows for the same numbers the one that lives longest counts, the first of
// equals; the others are warnings.
func loadList(spec listSpec) (*List, []Diagnostic) {
	l := newListLoader(spec)
	file, err := openList(spec.File)
	if err != nil {
		l.errors.d.at(spec.Pos, l.subject, err.Error(), "")
		return nil, l.errors.d
	}
	defer func() { _ = file.Close() }()
	return l.load(file)
}

// listFile is an open list, unpacked.
type listFile struct {
	io.Reader
	closer io.Closer
}

func (f *listFile) Close() error { return f.closer.Close() }

func openList(name string) (*listFile, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("file cannot be read: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory, name a file", name)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file, name one", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("file cannot be read: %w", err)
	}
	if !strings.HasSuffix(name, ".gz") {
		return &listFile{file, file}, nil
	}
	unpacked, err := gzip.NewReader(bufio.NewReaderSize(file, maxLine))
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("%s is not gzip: %w", name, err)
	}
	return &listFile{unpacked, file}, nil
}

// load reads all of the file.
func (l *listLoader) load(file io.Reader) (*List, []Diagnostic) {
	in := bufio.NewReaderSize(file, maxLine)
	for l.line = 1; l.next(in); l.line++ {
	}
	if l.errors.d == nil && len(l.list.rows) == 0 && !l.list.Empty {
		l.errors.add(Diagnostic{File: l.list.File, Subject: l.subject, Message: "the list is empty",
			Hint: "is the file whole? a list that is meant to have no rows is declared with empty: true"})
	}
	if l.errors.d != nil {
		return nil, l.errors.all()
	}
	l.list.ranges.sort()
	return l.list, l.warnings.all()
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
	switch {
	case err == nil:
		return len(line) == 0 || l.readLine(line)
	case err != io.EOF:
		l.fault(0, "cannot be read further: "+err.Error(), "is the file whole?")
	case len(line) > 0:
		l.faultAt(line, len(line), "the last line has no end, as in a file that was cut off", "end it with a newline if the file is whole")
	}
	return false
}

// readLine reads one line with its end; false ends the file.
func (l *listLoader) readLine(line []byte) bool {
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
	if len(l.list.rows) >= maxRows {
		l.fault(0, fmt.Sprintf("more than %d rows", maxRows), "split the list")
		return false
	}
	if l.first {
		l.first = false
		if isHeader(line) {
			return l.readHeader(line)
		}
	}
	if l.columns != nil {
		l.readRecord(line)
		return true
	}
	if i := bytes.IndexByte(text, '#'); i > 0 && isBlank(text[i-1]) {
		text = text[:i]
	}
	l.add(line, at, trimmed(text), rowDetail{})
	return true
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

// findings are diagnostics up to a bound, and how many more there were.
type findings struct {
	d    Diagnostics
	more int
}

func (f *findings) add(d Diagnostic) {
	if len(f.d) < maxFindings {
		f.d = append(f.d, d)
	} else {
		f.more++
	}
}

func (f *findings) all() []Diagnostic {
	if f.more > 0 {
		last := f.d[len(f.d)-1]
		f.d = append(f.d, Diagnostic{File: last.File, Subject: last.Subject, Message: fmt.Sprintf("and %d more", f.more)})
	}
	return f.d
}

// fault is an error at the current line.
func (l *listLoader) fault(column int, message, hint string) {
	l.errors.add(Diagnostic{File: l.list.File, Line: l.line, Column: column, Subject: l.subject, Message: message, Hint: hint})
}

// faultAt is an error at a byte of the current line.
func (l *listLoader) faultAt(line []byte, at int, message, hint string) {
	l.fault(utf8.RuneCount(line[:at])+1, message, hint)
}
