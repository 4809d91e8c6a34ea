package rules

import "strings"

// point is the place of the n-th character of the text in its file: quotes,
// escapes, indentation and folded lines are looked through.
func (s *scalar) point(n int) Position {
	if s.places == nil {
		s.places = s.trace()
	}
	p := s.places[min(n, len(s.places)-1)]
	if p.Line > len(s.doc.split()) {
		return s.at
	}
	return p
}

// trace finds the places of all characters of the text and of its end.
func (s *scalar) trace() []Position {
	lines := s.doc.split()
	line, column := s.at.Line, s.at.Column
	if s.block {
		line, column = line+1, 1
	}
	var current []rune // the line of that number
	number := 0
	peek := func() rune {
		if line > len(lines) {
			return -1
		}
		if number != line {
			number, current = line, []rune(strings.TrimSuffix(lines[line-1], "\r"))
		}
		if column > len(current) {
			return '\n'
		}
		return current[column-1]
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
	var places []Position
	for _, want := range s.text {
		r := peek()
		for quote == '"' && r == '\\' && column == len(current) { // stands, with the line break, for nothing
			next(r)
			for r = peek(); isSpace(r); r = peek() {
				next(r)
			}
		}
		if !isSpace(want) {
			for isSpace(r) {
				next(r)
				r = peek()
			}
		}
		places = append(places, Position{s.doc.file, line, column})
		switch {
		case r < 0:
			return places
		case isSpace(want) && !isSpace(r) && r != '\\':
			continue // folded away
		case quote == '\'' && r == quote:
			next(r)
			r = peek()
		case quote == '"' && r == '\\':
			next(r)
			r = peek()
			for range hexDigits[r] {
				next(r)
			}
		}
		next(r)
	}
	return append(places, Position{s.doc.file, line, column})
}

// hexDigits are how many follow an escape.
var hexDigits = map[rune]int{'x': 2, 'u': 4, 'U': 8}

// split is the lines of the file.
func (y *document) split() []string {
	if y.lines == nil {
		y.lines = strings.Split(string(y.data), "\n")
	}
	return y.lines
}
