package rules

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/expr-lang/expr/ast"
)

// word is a constant text.
func (l *lowering) word(n ast.Node) (string, bool) {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value, true
	}
	l.fault(n, "want a text in quotes, got "+shorten(n.String()), unquotedHint(n))
	return "", false
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return s
}

// regex compiles the right side of matches.
func (l *lowering) regex(n ast.Node) *regexp.Regexp {
	text, ok := l.word(n)
	if !ok {
		return nil
	}
	if text == "" {
		l.fault(n, "an empty expression matches every text", "")
		return nil
	}
	size, err := sizeOf(text)
	if err == nil && size > maxRegex {
		l.fault(n, fmt.Sprintf("a regular expression of %d steps, at most %d", size, maxRegex), "lower the counts in {}, or write several rules")
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		message := err.Error()
		if fault := (*syntax.Error)(nil); errors.As(err, &fault) {
			message = fmt.Sprintf("%s: `%s`", fault.Code, shorten(fault.Expr))
		}
		l.fault(n, message, "regular expressions are those of RE2")
		return nil
	}
	return re
}

// maxRegex is the size of the program of a regular expression beyond which it
// is no pattern but a load: each call pays for it in time and memory.
const maxRegex = 10_000

// sizeOf is how many steps the program of a regular expression has.
func sizeOf(text string) (int, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0, err
	}
	return len(program.Inst), nil
}
