package rules

import (
	"fmt"
	"unicode/utf8"
)

const maxFindings = 100 // of errors and of warnings that are told one by one

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
