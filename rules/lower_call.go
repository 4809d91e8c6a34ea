package rules

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// truthCall lowers a call of a function that is true or false.
func (l *lowering) truthCall(n *ast.CallNode) *condition {
	fn := l.function(n)
	switch {
	case fn == nil:
	case fn.test != nil:
		return fn.test(l, n, fn)
	case fn.Result == ListType:
		return l.fault(n, fn.Name+"() is not a condition", fmt.Sprintf("ask for a number in it, as in caller in %s(%s)", fn.Name, quoteArgument(n)))
	case fn.Result == KeyType:
		return l.fault(n, fn.Name+"() is a key to count by, not a condition", "write "+fn.Example+`, or caller startsWith "+1303"`)
	default:
		return l.fault(n, fmt.Sprintf("%s() is %s, not a condition", fn.Name, article(fn.Result)), "compare it, as in "+fn.Example)
	}
	return constant(false)
}

// validity lowers valid(number) and invalid(number).
func (l *lowering) validity(n *ast.CallNode, fn *Function) *condition {
	o := l.numberArgument(n, fn, 0)
	if o == nil {
		return constant(false)
	}
	want := fn.Name == "valid"
	return flagged(numberTest(o, fn.Name+"("+o.source+")", func(f *frame, n Number) bool {
		valid, known := f.validity(n)
		return known && valid == want
	}))
}

func quoteArgument(n *ast.CallNode) string {
	if s, ok := n.Arguments[0].(*ast.StringNode); ok {
		return strconv.Quote(s.Value)
	}
	return `"name"`
}

func (l *lowering) cidr(n *ast.CallNode, _ *Function) *condition {
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
	if network = unmapped(network); network != network.Masked() {
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
		if len(addresses) > 1 {
			source = fmt.Sprintf("%s == %q", o.source, a)
		}
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
		l.fault(n, fmt.Sprintf("unknown function %s", id.Value), unknownFunction(id.Value))
	case len(n.Arguments) < fn.least || len(n.Arguments) > fn.most:
		l.fault(n, fmt.Sprintf("%s takes %s, got %d", fn.Name, counts(fn.least, fn.most), len(n.Arguments)), "write "+fn.Signature)
	default:
		return fn
	}
	return nil
}

// unknownFunction is the hint for a function that there is none of.
func unknownFunction(name string) string {
	switch name {
	case "startsWith", "starts_with", "hasPrefix":
		return `write caller startsWith "+1303"`
	case "suffix", "endsWith", "contains":
		return `write caller endsWith "0000" or caller contains "555"`
	case "regex", "regexp", "match", "matches":
		return `write display_name matches "(?i)warranty"`
	case "wildcard", "like":
		return `write pattern(caller, "+1NXX555XXXX")`
	case "in_list", "lookup":
		return `write caller in list("name")`
	}
	return cmp.Or(otherName(name), didYouMean(name, functionNames()), "ringfence help rules shows all")
}

// counts says how many arguments a function takes.
func counts(least, most int) string {
	words := [...]string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	switch {
	case most == 1 && least == 1:
		return "one argument"
	case least == most:
		return words[most] + " arguments"
	}
	joined := " or "
	if most > least+1 {
		joined = " to "
	}
	return words[least] + joined + words[most] + " arguments"
}

// numberArgument is the number that an argument of a function is, nil after a
// finding.
func (l *lowering) numberArgument(n *ast.CallNode, fn *Function, i int) *operand {
	o := l.value(n.Arguments[i])
	if o != nil && !o.isPlain() {
		l.fault(n.Arguments[i], fmt.Sprintf("%s is about a number, %s is %s", fn.Name, o.source, article(o.typ)), "caller, network, presentation, callers, callee and diverted_by are numbers")
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
			hint := cmp.Or(otherName(n.Value), didYouMean(n.Value, attributeNames()))
			if functionNamed(n.Value) != nil {
				hint = "it is a function: write " + functionNamed(n.Value).Signature
			} else if hint == "" {
				hint = "ringfence help rules shows all"
			}
			l.fault(n, "unknown attribute "+n.Value, hint)
			return nil
		}
		if a.Type == FlagType {
			l.fault(n, a.Name+" is true or false by itself", "write "+a.Name+" or not "+a.Name)
			return nil
		}
		o := a.operand()
		if a.Name == "trunk" || a.Name == "upstream" {
			o.words, o.what = l.trunks, "trunk of the configuration"
		}
		return o
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
		l.fault(n, "operator "+n.Operator+" has no use here", unquotedHint(n))
	default:
		at := n
		if c, ok := n.(*ast.ConditionalNode); ok {
			at = c.Cond // its own place is its end
		}
		l.fault(at, "this cannot be used here: "+shorten(n.String()), "conditions are comparisons, in, and, or, not and the functions of ringfence help rules")
	}
	return nil
}

func (l *lowering) valueCall(n *ast.CallNode) *operand {
	fn := l.function(n)
	switch {
	case fn == nil:
		return nil
	case fn.value != nil:
		return fn.value(l, n, fn)
	}
	l.fault(n, fn.Name+"() cannot be compared", "write "+fn.Example)
	return nil
}

// projection lowers country(number) and kind(number).
func (l *lowering) projection(n *ast.CallNode, fn *Function) *operand {
	o := l.numberArgument(n, fn, 0)
	if o == nil {
		return nil
	}
	p := &operand{source: fn.Name + "(" + o.source + ")", typ: TextType, number: o.number, set: o.set, numbers: o.source, what: fn.Name, words: fn.words}
	switch fn.Name {
	case "country":
		p.project = (*frame).country
	case "kind":
		p.project, p.what = (*frame).kind, "kind of number"
	}
	return p
}

// header lowers header("Name").
func (l *lowering) header(n *ast.CallNode, _ *Function) *operand {
	name, ok := l.word(n.Arguments[0])
	if !ok {
		return nil
	}
	if !isToken(name) {
		hint := "a name is letters, digits and -"
		if trimmed := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), ":")); isToken(trimmed) {
			hint = fmt.Sprintf("write header(%q)", trimmed)
		}
		l.fault(n.Arguments[0], fmt.Sprintf("%q is no header name", name), hint)
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
