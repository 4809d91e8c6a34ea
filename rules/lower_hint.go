package rules

import (
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// What is written often in place of what the language has.
var (
	compareForm  = regexp.MustCompile(`=\s*([<>])|([<>!])\s+=`)
	percentForm  = regexp.MustCompile(`(\d+(?:\.\d+)?)\s*%`)
	decimalForm  = regexp.MustCompile(`(\d+),(\d+)`)
	durationForm = regexp.MustCompile(`^"[0-9]+(ms|[smhd])"$`)
)

// syntaxFault is what the parser did not understand in our words, and the cure.
func (l *lowering) syntaxFault(message string) (says, hint string) {
	bare, open, quote := l.bare()
	if number, ok := strings.CutPrefix(message, "bad number syntax: "); ok {
		if durationForm.MatchString(number) {
			return strings.Trim(number, `"`) + " is no number", "a duration is in quotes: " + number
		}
		return number + " is no number", "digits with a point, as in 0.25; anything else is in quotes"
	}
	switch m := compareForm.FindStringSubmatch(bare); {
	case message == `unexpected operator "="` && m != nil:
		return message, "write " + m[1] + m[2] + "="
	case message == `unexpected operator "="`:
		return message, "write == to compare"
	case message == `unexpected operator "&"`, message == `unexpected operator "|"`:
		return message, "write and, or"
	case message == `unexpected operator ":"` && strings.Contains(bare, "("):
		return message, "arguments have no names: write the value alone"
	}
	if m := decimalForm.FindStringSubmatch(bare); m != nil && message == `unexpected operator ","` {
		return message, "write " + m[1] + "." + m[2] + ", with a point"
	}
	if m := percentForm.FindStringSubmatch(bare); m != nil {
		if share, ok := parsePercent(m[1] + "%"); ok {
			return message, "a share is 0 to 1: write " + share.decimal() + " for " + m[1] + "%"
		}
		return message, "a share is 0 to 1, as in 0.25"
	}
	switch {
	case quote == 0 && open > 0:
		return message, "a ) is missing"
	case quote == 0 && open < 0:
		return message, "there is a ) too many"
	case strings.HasPrefix(message, "unexpected identifier "):
		return message, "conditions are joined by and, or"
	}
	return message, ""
}

// bare is the condition with blanks in place of its texts, how many parentheses
// are open at its end, and the quote that is.
func (l *lowering) bare() (text string, open int, quote rune) {
	text = strings.Map(func(c rune) rune {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			return ' '
		case c == '"' || c == '\'':
			quote = c
			return ' '
		case c == '(':
			open++
		case c == ')':
			open--
		}
		return c
	}, l.when.text)
	return text, open, quote
}

// unquotedHint helps with a constant that is no text where one is wanted.
func unquotedHint(n ast.Node) string {
	if u, ok := n.(*ast.UnaryNode); ok && u.Operator == "+" {
		if digits, ok := u.Node.(*ast.IntegerNode); ok {
			return `telephone numbers are in quotes: "+` + digits.String() + `"`
		}
	}
	return ""
}

// otherNames are words of the field for attributes and functions, and what these
// are called here.
var otherNames = map[string]string{
	"from": "caller", "ani": "caller", "cli": "caller", "calling": "caller", "src": "caller",
	"to": "callee", "called": "callee", "dnis": "callee", "dst": "callee", "destination": "callee",
	"asr": "answer_ratio", "acd": "average_duration", "aloc": "average_duration", "cps": "rate",
}

// otherName is the hint for a word that the language has another for.
func otherName(word string) string {
	name := otherNames[strings.ToLower(word)]
	if name == "" {
		return ""
	}
	if fn := functionNamed(name); fn != nil {
		return "did you mean " + name + "? write " + fn.Signature
	}
	return "did you mean " + name + "?"
}
