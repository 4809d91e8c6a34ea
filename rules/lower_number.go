package rules

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// pattern lowers pattern(number, "+1NXX555XXXX"). It is written as an entry of a
// list of no country.
func (l *lowering) pattern(n *ast.CallNode, fn *Function) *condition {
	o := l.numberArgument(n, fn, 0)
	text, ok := l.word(n.Arguments[1])
	if o == nil || !ok {
		return constant(false)
	}
	e, message, hint := new(listLoader).entry([]byte(text))
	if message != "" {
		if strings.Contains(hint, "list") || strings.Contains(hint, "row") {
			hint = "write it in its global form, as in +1NXX555XXXX, +1303555* or +13035550200-+13035550299"
		}
		return l.fault(n.Arguments[1], message, hint)
	}
	if e.network.IsValid() {
		return l.fault(n.Arguments[1], fmt.Sprintf("%q is a network, not a pattern of numbers", text), fmt.Sprintf("write cidr(source, %q)", text))
	}
	source := fmt.Sprintf("pattern(%s, %q)", o.source, e)
	if e.number != 0 {
		return numberIn(o, source, []Number{{e.number}})
	}
	first := e.begins()
	if first.digits == len(e.signs) && e.signs != "" { // and a "*", or it were a number
		return numberPrefix(o, source, first)
	}
	test := func(_ *frame, n Number) bool { return e.fits(n) }
	if e.signs == "" {
		test = func(_ *frame, n Number) bool { return n.Kind() == Global && e.from <= n.key && n.key <= e.to }
	}
	c := numberTest(o, source, test)
	if first.digits == 0 {
		return flagged(c)
	}
	c.access = &access{kind: byPrefix, of: o, prefix: first, wide: true}
	return c
}

// begins is the prefix that all numbers of the signs or of the range have.
func (e *entry) begins() (p prefix) {
	if e.signs == "" {
		digits := digitsOf(Number{e.from})
		for n := digits - 1; n > 0 && digits == digitsOf(Number{e.to}); n-- {
			if p = (prefix{n, e.from / powers[digits-n]}); p.begins(Number{e.to}, digits) {
				return p
			}
		}
		return prefix{}
	}
	for _, c := range []byte(e.signs) {
		if c < '0' || c > '9' {
			break
		}
		p = prefix{p.digits + 1, 10*p.value + uint64(c-'0')}
	}
	return p
}

// fits tells whether an E.164 number fits the signs.
func (e *entry) fits(n Number) bool {
	length := digitsOf(n)
	if length < len(e.signs) || length > len(e.signs) && !e.open {
		return false
	}
	var digits [maxGlobal]byte
	for i, key := length-1, n.key; i >= 0; i-- {
		digits[i] = byte(key % 10)
		key /= 10
	}
	return fits(e.signs, digits[:len(e.signs)])
}

// neighbour lowers neighbour(number, number, digits).
func (l *lowering) neighbour(n *ast.CallNode, fn *Function) *condition {
	a, b := l.numberArgument(n, fn, 0), l.numberArgument(n, fn, 1)
	count, ok := n.Arguments[2].(*ast.IntegerNode)
	switch {
	case !ok:
		return l.fault(n.Arguments[2], "want a count of digits, got "+shorten(n.Arguments[2].String()), "as in neighbour(caller, callee, 6)")
	case count.Value < 1 || count.Value > maxGlobal-1:
		return l.fault(n.Arguments[2], fmt.Sprintf("no number has %d national digits in common with another", count.Value), fmt.Sprintf("1 to %d; 6 are area code and exchange of a NANP number", maxGlobal-1))
	case a == nil || b == nil:
		return constant(false)
	case a.source == b.source:
		return l.fault(n, fmt.Sprintf("%s is always its own neighbour", a.source), "write neighbour(caller, callee, 6)")
	}
	digits := count.Value
	read := b.number
	near := func(f *frame, x Number) bool { return neighbours(x, read(f), digits) }
	if b.set {
		near = func(f *frame, x Number) bool {
			for _, y := range f.callers() {
				if neighbours(x, y, digits) {
					return true
				}
			}
			return false
		}
	}
	return flagged(testOf(fmt.Sprintf("neighbour(%s, %s, %d)", a.source, b.source, digits), a.any(near), a, b))
}

// neighbours tells whether two E.164 numbers have the calling code and the
// first national digits, so many of them, in common.
func neighbours(a, b Number, digits int) bool {
	x, y := digitsOf(a), digitsOf(b)
	if x == 0 || y == 0 {
		return false
	}
	first := digits + numbering().codeLength(a)
	return first > digits && first <= min(x, y) && a.key/powers[x-first] == b.key/powers[y-first]
}
