package rules

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// needs are texts one of which is in every text that a regular expression
// matches: most texts have none, and to find that out takes a tenth of the time
// of the expression. They are ASCII in lower case; none: nothing is known.
type needs struct {
	texts []string
	first [256]bool // bytes that one begins with, in either case
}

// Bounds of what is looked for.
const (
	maxNeeds   = 16
	shortNeeds = 2 // bytes of the shortest that is worth it
)

// needsOf finds those of an expression.
func needsOf(re *regexp.Regexp) *needs {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return nil
	}
	texts := needed(tree)
	if len(texts) == 0 || len(texts) > maxNeeds || least(texts) < shortNeeds {
		return nil
	}
	n := &needs{texts: texts}
	for _, text := range texts {
		n.first[text[0]] = true
		n.first[strings.ToUpper(text[:1])[0]] = true
	}
	return n
}

// needed are the texts of which every match has one, nil for none known.
func needed(re *syntax.Regexp) (texts []string) {
	switch re.Op {
	case syntax.OpLiteral:
		text := string(re.Rune)
		if strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }) {
			return nil
		}
		return []string{strings.ToLower(text)}
	case syntax.OpCapture, syntax.OpPlus:
		return needed(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needed(re.Sub[0])
		}
	case syntax.OpConcat: // the part that is hardest to meet
		for _, part := range re.Sub {
			if of := needed(part); len(of) > 0 && (texts == nil || least(of) > least(texts)) {
				texts = of
			}
		}
	case syntax.OpAlternate:
		for _, way := range re.Sub {
			of := needed(way)
			if len(of) == 0 {
				return nil
			}
			texts = append(texts, of...)
		}
		slices.Sort(texts)
		return slices.Compact(texts)
	}
	return texts
}

func least(texts []string) int {
	n := len(texts[0])
	for _, text := range texts {
		n = min(n, len(text))
	}
	return n
}

// met tells whether s has one of the texts in any case, or a character beyond
// ASCII, which may fold to one within it.
func (n *needs) met(s string) bool {
	for i := range len(s) {
		switch {
		case s[i] >= 0x80:
			return true
		case !n.first[s[i]]:
			continue
		}
		for _, text := range n.texts {
			if len(s)-i >= len(text) && foldsTo(s[i:i+len(text)], text) {
				return true
			}
		}
	}
	return false
}

// foldsTo tells whether s is text, which is in lower case, but for the case of
// its ASCII letters.
func foldsTo(s, text string) bool {
	for i := range len(text) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != text[i] {
			return false
		}
	}
	return true
}

// matching tells whether s matches, looking for what it needs first.
func matching(re *regexp.Regexp) func(s string) bool {
	n := needsOf(re)
	if n == nil {
		return re.MatchString
	}
	return func(s string) bool { return n.met(s) && re.MatchString(s) }
}
