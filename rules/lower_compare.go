package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// comparison lowers a binary operator other than and and or.
func (l *lowering) comparison(n *ast.BinaryNode) *condition {
	if o, limit, op, ok := l.measureOf(n); ok {
		return l.measured(o, limit, op)
	}
	switch n.Operator {
	case "==", "!=":
		c := l.equality(n)
		if n.Operator == "!=" {
			return negate(c)
		}
		return c
	case "in":
		return l.membership(n)
	case "startsWith", "endsWith", "contains":
		o := l.value(n.Left)
		word, ok := l.word(n.Right)
		if o == nil || !ok || !l.textual(n.Left, o, n.Operator) {
			return constant(false)
		}
		return l.affix(n, o, word)
	case "matches":
		o, re := l.value(n.Left), l.regex(n.Right)
		if o == nil || re == nil || !l.textual(n.Left, o, n.Operator) {
			return constant(false)
		}
		return matches(o, fmt.Sprintf("%s matches %q", o.source, re), re)
	case "<", "<=", ">", ">=":
		return l.order(n)
	}
	return l.fault(n, "operator "+n.Operator+" has no use here", "known: == != in startsWith endsWith contains matches and or not, and < <= > >= for times, counts, shares and durations")
}

// textual refuses what has no text to look into.
func (l *lowering) textual(n ast.Node, o *operand, op string) bool {
	if o.address != nil {
		l.fault(n, fmt.Sprintf("%s is an IP address, %s is for text", o.source, op), `write cidr(source, "10.0.0.0/8")`)
		return false
	}
	if o.local != nil {
		hint := fmt.Sprintf(`write %s in ["sat", "sun"]`, o.source)
		if o.typ == TimeType {
			hint = fmt.Sprintf(`write %s < "08:00"`, o.source)
		}
		l.fault(n, fmt.Sprintf("%s is a time, %s is for text", o.source, op), hint)
		return false
	}
	return true
}

// equality lowers ==, with the constant on either side.
func (l *lowering) equality(n *ast.BinaryNode) *condition {
	left, right := n.Left, n.Right
	if _, ok := left.(*ast.StringNode); ok {
		left, right = right, left
	}
	if b, ok := right.(*ast.BoolNode); ok {
		c := l.truth(left)
		if !b.Value {
			return negate(c)
		}
		return c
	}
	o := l.value(left)
	if o == nil {
		if _, ok := right.(*ast.StringNode); !ok {
			l.value(right)
		}
		return constant(false)
	}
	if s, ok := right.(*ast.StringNode); ok {
		return l.oneOf(o, fmt.Sprintf("%s == %q", o.source, s.Value), s)
	}
	other := l.value(right)
	if other == nil {
		return constant(false)
	}
	return l.same(n, o, other)
}

// same lowers the comparison of two values of the call.
func (l *lowering) same(n ast.Node, a, b *operand) *condition {
	source := a.source + " == " + b.source
	switch {
	case a.source == b.source:
		return l.fault(n, a.source+" is always itself", fmt.Sprintf(`to ask whether there is one, write %s != ""`, a.source))
	case a.isPlain() && b.isPlain():
		// Two absent numbers are not the same number: a rule against callers
		// who call themselves must not hit calls between names.
		var inner func(*frame, Number) bool
		if b.set {
			inner = func(f *frame, n Number) bool { return !n.IsZero() && slices.Contains(f.callers(), n) }
		} else {
			read := b.number
			inner = func(f *frame, n Number) bool { return !n.IsZero() && n == read(f) }
		}
		return flagged(testOf(source, a.any(inner), a, b))
	case a.isPlain() || b.isPlain() || a.address != nil || b.address != nil || a.set || b.set || a.local != nil || b.local != nil:
		return l.fault(n, fmt.Sprintf("cannot compare %s (%s) with %s (%s)", a.source, a.typ, b.source, b.typ), "")
	}
	x, y := a.asText(), b.asText()
	return flagged(testOf(source, func(f *frame) bool { return x(f) == y(f) }, a, b))
}

// membership lowers in.
func (l *lowering) membership(n *ast.BinaryNode) *condition {
	o := l.value(n.Left)
	switch right := n.Right.(type) {
	case *ast.ArrayNode:
		words := make([]*ast.StringNode, 0, len(right.Nodes))
		for _, w := range right.Nodes {
			if s, ok := w.(*ast.StringNode); ok {
				words = append(words, s)
			} else {
				l.word(w)
			}
		}
		if len(right.Nodes) == 0 {
			return l.fault(right, "an empty set holds nothing", "")
		}
		if o == nil || len(words) == 0 {
			return constant(false)
		}
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = strconv.Quote(w.Value)
		}
		return l.oneOf(o, o.source+" in ["+strings.Join(quoted, ", ")+"]", words...)
	case *ast.CallNode:
		fn := l.function(right)
		if fn == nil {
			return constant(false)
		}
		if fn.Name == "list" || fn.Name == "learned" {
			name, ok := l.word(right.Arguments[0])
			addresses := fn.Name == "list" && o != nil && o.address != nil
			if o != nil && !addresses && !o.isPlain() {
				l.fault(n.Left, fmt.Sprintf("%s is %s, a list holds numbers", o.source, article(o.typ)), "caller, network, presentation, callers, callee and diverted_by are numbers")
				o = nil
			}
			if !ok {
				return constant(false)
			}
			if fn.Name == "list" {
				return l.inList(right, o, name)
			}
			return l.inLearned(right, o, name)
		}
	}
	if s, ok := n.Right.(*ast.StringNode); ok && o != nil {
		return l.fault(n.Right, "in asks for a list or a set, got a text", fmt.Sprintf("write %s in [%q], or %s in list(%q)", o.source, s.Value, o.source, s.Value))
	}
	return l.fault(n.Right, "in asks for a list or a set, got "+shorten(n.Right.String()), `as in list("spam"), learned("not-found") or ["a", "b"]`)
}

func names[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// oneOf lowers equality with one or more constants.
func (l *lowering) oneOf(o *operand, source string, constants ...*ast.StringNode) *condition {
	switch {
	case o.address != nil:
		var all []netip.Addr
		for _, s := range constants {
			a, err := netip.ParseAddr(s.Value)
			if err != nil {
				hint := "as in 192.0.2.1"
				if _, err := netip.ParsePrefix(s.Value); err == nil {
					hint = fmt.Sprintf("write cidr(%s, %q)", o.source, s.Value)
				}
				l.fault(s, fmt.Sprintf("%q is no IP address", s.Value), hint)
				continue
			}
			all = append(all, a)
		}
		return l.addressIn(o, source, all...)
	case o.isPlain():
		return l.oneNumberOf(o, source, constants)
	case o.local != nil:
		return l.oneTimeOf(o, source, constants)
	}
	words := make([]string, len(constants))
	for i, s := range constants {
		words[i] = s.Value
		l.checkWord(o, s)
	}
	return textIn(o, source, words)
}

// checkWord finds constants that a value can never have.
func (l *lowering) checkWord(o *operand, s *ast.StringNode) {
	switch {
	case o.words != nil && !slices.Contains(o.words, s.Value):
		l.fault(s, fmt.Sprintf("%q is no %s", s.Value, o.what), didYouMean(s.Value, slices.DeleteFunc(slices.Clone(o.words), func(w string) bool { return w == "" })))
	case o.what == "country" && s.Value != "" && !hasNumbers(s.Value):
		hint := "two capital letters, as in US"
		switch up := strings.ToUpper(s.Value); {
		case up == "UK":
			hint = "did you mean GB?"
		case hasNumbers(up):
			hint = "did you mean " + up + "?"
		}
		l.fault(s, fmt.Sprintf("%q is no country that has numbers", s.Value), hint)
	}
}

func (l *lowering) oneNumberOf(o *operand, source string, constants []*ast.StringNode) *condition {
	var numbers []Number
	for _, s := range constants {
		switch d, ok := scan(s.Value); {
		case s.Value == "":
			numbers = append(numbers, Number{})
		case strings.HasPrefix(s.Value, "+"):
			n, err := ParseNumber(s.Value)
			if err != nil {
				l.fault(s, fmt.Sprintf("%q is no E.164 number", s.Value), "+ and up to 15 digits, as in +12025550142")
				continue
			}
			numbers = append(numbers, n)
		case ok && !d.plus && d.n <= rawDigits:
			numbers = append(numbers, d.raw(0), d.raw(privateBit))
			if d.n > 6 {
				l.warn.at(l.when.point(s.Location().From), l.subject, fmt.Sprintf("%q has no + and matches extensions and short codes only", s.Value), "E.164 numbers are written with +, as in +12025550142")
			}
		default:
			l.fault(s, fmt.Sprintf("%q is no number", s.Value), "an E.164 number as in +12025550142, or the digits of an extension")
		}
	}
	return numberIn(o, source, numbers)
}

// affix lowers startsWith, endsWith and contains with a constant.
func (l *lowering) affix(n *ast.BinaryNode, o *operand, word string) *condition {
	source := fmt.Sprintf("%s %s %q", o.source, n.Operator, word)
	if word == "" {
		return l.fault(n.Right, "an empty text is part of every text", "")
	}
	if !o.isPlain() {
		return textTest(o, source, stringTest(n.Operator, word))
	}
	digits := strings.TrimPrefix(word, "+")
	switch {
	case digits == "" && n.Operator == "startsWith":
		return numberTest(o, source, func(_ *frame, n Number) bool { return n.Kind() == Global })
	case strings.Trim(digits, "0123456789") != "" || digits == "":
		return l.fault(n.Right, fmt.Sprintf("%q is no part of a number", word), "digits, after + where a number begins, without separators")
	case n.Operator != "startsWith":
		if digits != word {
			return l.fault(n.Right, fmt.Sprintf("no number has a + that %s could find", n.Operator), "write the digits alone")
		}
		return numberText(o, source, bytesTest(n.Operator, word))
	case digits == word:
		l.warn.at(l.when.point(n.Right.Location().From), l.subject, fmt.Sprintf("prefix %q has no + and matches extensions and short codes only", word), "write +"+word+" for E.164 numbers")
		return numberText(o, source, bytesTest(n.Operator, word))
	}
	value, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || len(digits) > 15 || digits[0] == '0' {
		return l.fault(n.Right, fmt.Sprintf("no E.164 number begins with %q", word), "+ and a country code, at most 15 digits")
	}
	return numberPrefix(o, source, prefix{digits: len(digits), value: value})
}
