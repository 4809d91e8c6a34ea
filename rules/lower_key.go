package rules

import (
	"fmt"
	"strconv"
	"time"

	"github.com/expr-lang/expr/ast"

	"ringfence/rules/state"
)

// canonical is an argument as text, so that equal calls are written alike.
func canonical(n ast.Node) string {
	if a, ok := n.(*ast.ArrayNode); ok {
		text := "["
		for i, part := range a.Nodes {
			if i > 0 {
				text += ", "
			}
			text += canonical(part)
		}
		return text + "]"
	}
	if s, ok := n.(*ast.StringNode); ok {
		return strconv.Quote(s.Value)
	}
	return n.String()
}

// key is what an argument counts by: a value of the call, or several in brackets.
func (l *lowering) key(n ast.Node) (parts []keyPart, ok bool) {
	a, several := n.(*ast.ArrayNode)
	if !several {
		p, ok := l.keyPart(n)
		return []keyPart{p}, ok
	}
	if len(a.Nodes) < 2 || len(a.Nodes) > maxParts {
		l.fault(n, fmt.Sprintf("a key of %d values", len(a.Nodes)), fmt.Sprintf("2 to %d, as in [caller, callee]; a single one stands without brackets", maxParts))
		return nil, false
	}
	ok = true
	for i, node := range a.Nodes {
		p, good := l.keyPart(node)
		for _, before := range parts {
			if good && before.source == p.source {
				l.fault(a.Nodes[i], p.source+" is in the key twice", "")
				good = false
			}
		}
		parts, ok = append(parts, p), ok && good
	}
	return parts, ok
}

// keyPart is one value to count by.
func (l *lowering) keyPart(n ast.Node) (keyPart, bool) {
	if call, ok := n.(*ast.CallNode); ok {
		if id, ok := call.Callee.(*ast.IdentifierNode); ok && id.Value == "prefix" {
			return l.prefix(call)
		}
	}
	o := l.value(n)
	switch {
	case o == nil:
		return keyPart{}, false
	case o.set:
		l.fault(n, o.source+" are several numbers, calls are counted by one", "write caller")
	case o.measure != nil || o.local != nil:
		l.fault(n, "calls cannot be counted by "+o.source, "caller, callee, trunk, source, account, header(\"…\") and other values of the call are keys")
	case o.address != nil:
		return addressPart(o), true
	case o.project != nil || !o.isNumber():
		return textPart(o), true
	default:
		return numberPart(o), true
	}
	return keyPart{}, false
}

// prefix is the first digits of a number as a value to count by.
func (l *lowering) prefix(n *ast.CallNode) (keyPart, bool) {
	fn := l.function(n)
	if fn == nil {
		return keyPart{}, false
	}
	o := l.numberArgument(n, fn, 0)
	digits, ok := n.Arguments[1].(*ast.IntegerNode)
	switch {
	case !ok || digits.Value < 1 || digits.Value > maxGlobal:
		l.fault(n.Arguments[1], "want a count of digits, got "+shorten(n.Arguments[1].String()), fmt.Sprintf("1 to %d; 7 are +1, area code and exchange of a NANP number", maxGlobal))
		return keyPart{}, false
	case o == nil:
		return keyPart{}, false
	case o.set:
		l.fault(n.Arguments[0], o.source+" are several numbers, calls are counted by one", "write caller")
		return keyPart{}, false
	}
	return prefixPart(o, digits.Value), true
}

// shortest and state.MaxWindow bound windows.
const shortest = time.Second

// window is an argument that says how far back to look.
func (l *lowering) window(n ast.Node) (time.Duration, bool) {
	d, ok := durationOf(n)
	if !ok || d < shortest || d > state.MaxWindow {
		l.fault(n, canonical(n)+" is no window", `"1s" to "30d" in quotes, as in "90s", "15m" or "12h"`)
		return 0, false
	}
	return d, true
}

// durationOf is what a constant text says.
func durationOf(n ast.Node) (time.Duration, bool) {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return 0, false
	}
	return parseDuration(s.Value)
}

// least is an argument that says how many calls a ratio needs.
func (l *lowering) least(n ast.Node) (float64, bool) {
	v, ok := n.(*ast.IntegerNode)
	if !ok || v.Value < 1 || v.Value > 1_000_000 {
		l.fault(n, "want the least number of calls that a ratio needs, got "+shorten(n.String()), "1 to 1000000, as in 20")
		return 0, false
	}
	return float64(v.Value), true
}
