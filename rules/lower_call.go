package rules

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// truthCall lowers a call of a function that is true or false.
func (l *lowering) truthCall(n *ast.CallNode) *condition {
	fn := l.function(n)
	if fn == nil {
		return constant(false)
	}
	switch fn.Name {
	case "valid", "invalid":
		o := l.numberArgument(n, fn)
		if o == nil {
			return constant(false)
		}
		want := fn.Name == "valid"
		return flagged(numberTest(o, fn.Name+"("+o.source+")", func(f *frame, n Number) bool {
			valid, known := f.validity(n)
			return known && valid == want
		}))
	case "cidr":
		return l.cidr(n)
	case "list", "learned":
		return l.fault(n, fn.Name+"() is not a condition", fmt.Sprintf("ask for a number in it, as in caller in %s(%s)", fn.Name, quoteArgument(n)))
	}
	return l.fault(n, fn.Name+"() is text, not a condition", "compare it, as in "+fn.Signature+` == "…"`)
}

func quoteArgument(n *ast.CallNode) string {
	if s, ok := n.Arguments[0].(*ast.StringNode); ok {
		return strconv.Quote(s.Value)
	}
	return `"name"`
}

func (l *lowering) cidr(n *ast.CallNode) *condition {
	o := l.value(n.Arguments[0])
	if o != nil && o.address == nil {
		l.fault(n.Arguments[0], o.source+" is "+article(o.typ)+", not an IP address", "write cidr(source, …)")
		o = nil
	}
	text, ok := l.word(n.Arguments[1])
	if o == nil || !ok {
		return constant(false)
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		if a, err := netip.ParseAddr(text); err == nil {
			return l.addressIn(o, o.source+" == "+strconv.Quote(text), a)
		}
		return l.fault(n.Arguments[1], fmt.Sprintf("%q is no network", text), "as in 10.0.0.0/8 or 2001:db8::/32")
	}
	if network != network.Masked() {
		return l.fault(n.Arguments[1], fmt.Sprintf("%q has bits beyond its length", text), "did you mean "+network.Masked().String()+"?")
	}
	return within(o, fmt.Sprintf("cidr(%s, %q)", o.source, network), network)
}

func within(o *operand, source string, network netip.Prefix) *condition {
	read := o.address
	return &condition{source: source, reads: []*operand{o}, access: &access{kind: byNetwork, of: o, network: network},
		eval: func(f *frame) bool { return network.Contains(read(f)) }}
}

func (l *lowering) addressIn(o *operand, source string, addresses ...netip.Addr) *condition {
	all := make([]*condition, len(addresses))
	for i, a := range addresses {
		a = a.Unmap()
		all[i] = within(o, source, netip.PrefixFrom(a, a.BitLen()))
	}
	return join(isOr, all...)
}

// function finds the function that n calls and checks how many arguments it
// gets; nil after a finding.
func (l *lowering) function(n *ast.CallNode) *Function {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		l.fault(n, "only functions can be called", "")
		return nil
	}
	fn := functionNamed(id.Value)
	switch {
	case fn == nil && attributeNamed(id.Value) != nil:
		l.fault(n, id.Value+" is an attribute, not a function", "write it without parentheses")
	case fn == nil:
		l.fault(n, fmt.Sprintf("unknown function %s", id.Value), didYouMean(id.Value, functionNames()))
	case len(n.Arguments) != fn.arguments:
		l.fault(n, fmt.Sprintf("%s takes %s, got %d", fn.Name, argumentCounts[fn.arguments], len(n.Arguments)), "write "+fn.Signature)
	default:
		return fn
	}
	return nil
}

var argumentCounts = [...]string{1: "one argument", 2: "two arguments"}

// numberArgument is the number that a function is about, nil after a finding.
func (l *lowering) numberArgument(n *ast.CallNode, fn *Function) *operand {
	o := l.value(n.Arguments[0])
	if o != nil && (!o.isNumber() || o.project != nil) {
		l.fault(n.Arguments[0], fmt.Sprintf("%s is about a number, %s is %s", fn.Name, o.source, article(o.typ)), "caller, network, presentation, callers, callee and diverted_by are numbers")
		return nil
	}
	return o
}

// value lowers what a test looks at, nil after a finding.
func (l *lowering) value(n ast.Node) *operand {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		a := attributeNamed(n.Value)
		if a == nil {
			hint := didYouMean(n.Value, attributeNames())
			if functionNamed(n.Value) != nil {
				hint = "it is a function: write " + functionNamed(n.Value).Signature
			}
			l.fault(n, "unknown attribute "+n.Value, hint)
			return nil
		}
		if a.Type == FlagType {
			l.fault(n, a.Name+" is true or false by itself", "write "+a.Name+" or not "+a.Name)
			return nil
		}
		return &operand{source: a.Name, typ: a.Type, text: a.text, number: a.number, address: a.address, set: a.Type == NumberSetType}
	case *ast.CallNode:
		return l.valueCall(n)
	case *ast.StringNode:
		l.fault(n, strconv.Quote(n.Value)+" is a constant", "write an attribute here")
	case *ast.IntegerNode, *ast.FloatNode:
		l.fault(n, n.String()+" is a plain number", "telephone numbers and codes are texts in quotes")
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			l.fault(n, "not negates a condition, and binds tighter than in and ==", "write a not in b, a != b or not (…)")
			return nil
		}
		l.fault(n, "operator "+n.Operator+" has no use here", "")
	default:
		l.fault(n, "this cannot be used here: "+shorten(n.String()), "conditions are comparisons, in, and, or, not and the functions "+strings.Join(functionNames(), ", "))
	}
	return nil
}

func (l *lowering) valueCall(n *ast.CallNode) *operand {
	fn := l.function(n)
	if fn == nil {
		return nil
	}
	switch fn.Name {
	case "country", "kind":
		o := l.numberArgument(n, fn)
		if o == nil {
			return nil
		}
		p := &operand{source: fn.Name + "(" + o.source + ")", typ: TextType, number: o.number, set: o.set, numbers: o.source}
		if p.project = (*frame).country; fn.Name == "kind" {
			p.project = (*frame).kind
		}
		return p
	case "header":
		name, ok := l.word(n.Arguments[0])
		if !ok {
			return nil
		}
		if !isToken(name) {
			l.fault(n.Arguments[0], fmt.Sprintf("%q is no header name", name), "")
			return nil
		}
		name = strings.ToLower(name)
		slot := slices.Index(l.headers, name)
		if slot < 0 {
			slot = len(l.headers)
			l.headers = append(l.headers, name)
		}
		return &operand{source: fmt.Sprintf("header(%q)", name), typ: TextType, text: func(f *frame) string { return f.header(slot) }}
	}
	l.fault(n, fn.Name+"() cannot be compared", "write "+fn.Signature)
	return nil
}

// isToken tells whether s can be the name of a header (RFC 3261 §25.1).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-.!%*_+`'~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// word is a constant text.
func (l *lowering) word(n ast.Node) (string, bool) {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value, true
	}
	l.fault(n, "want a text in quotes, got "+shorten(n.String()), "")
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
	re, err := regexp.Compile(text)
	if err != nil {
		l.fault(n, strings.TrimPrefix(err.Error(), "error parsing regexp: "), "regular expressions are those of RE2")
		return nil
	}
	return re
}
