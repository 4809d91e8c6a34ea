package rules

import "strings"

// point is the place of the n-th character of the text in its file: quotes,
// escapes, indentation and folded lines are looked through.
func (s *scalar) point(n int) Position {
	y := s.doc
	if y.lines == nil {
		y.lines = strings.Split(string(y.data), "\n")
	}
	line, column := s.at.Line, s.at.Column
	if s.block {
		line, column = line+1, 1
	}
	peek := func() rune {
		if line > len(y.lines) {
			return -1
		}
		r := []rune(strings.TrimSuffix(y.lines[line-1], "\r"))
		if column > len(r) {
			return '\n'
		}
		return r[column-1]
	}
	next := func(r rune) {
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	quote := rune(0)
	if r := peek(); !s.block && (r == '"' || r == '\'') {
		quote = r
		next(r)
	}
	isSpace := func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }
	for i, want := range []rune(s.text) {
		r := peek()
		if !isSpace(want) {
			for isSpace(r) {
				next(r)
				r = peek()
			}
		}
		if i == n || r < 0 {
			break
		}
		switch {
		case isSpace(want) && !isSpace(r) && r != '\\':
			continue // folded away
		case quote != 0 && r == '\\' && quote == '"', quote == '\'' && r == quote:
			next(r)
			r = peek()
		}
		next(r)
	}
	if line > len(y.lines) {
		return s.at
	}
	return Position{y.file, line, column}
}
