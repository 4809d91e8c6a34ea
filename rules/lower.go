package rules

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"

	"errors"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
)

// maxWhen is the size in bytes beyond which a condition is data in disguise.
const maxWhen = 64 << 10

// compiler makes conditions of expressions, for one ruleset.
type compiler struct {
	config  *conf.Config
	lists   map[string]*listEntry
	learned map[string]int // place among the ruleset's learned lists
	finds   []find         // list look-ups, by slot
	slots   map[string]int
	d       *Diagnostics
	warn    *Diagnostics
}

// listEntry is a list with what its file declares.
type listEntry struct {
	decl listDecl
	list *List // nil when it did not load
}

// find is one look-up that all rules share: of is in list.
type find struct {
	of   *operand
	list *List
}

func newCompiler(d, warn *Diagnostics) *compiler {
	c := &compiler{lists: map[string]*listEntry{}, learned: map[string]int{}, slots: map[string]int{}, d: d, warn: warn}
	env := types.Map{}
	for _, a := range attributes {
		switch a.Type {
		case NumberSetType:
			env[a.Name] = types.Any
		case FlagType:
			env[a.Name] = types.Bool
		default:
			env[a.Name] = types.String
		}
	}
	env["list"] = types.TypeOf(func(string) any { return nil })
	env["learned"] = types.TypeOf(func(string) any { return nil })
	env["country"] = types.TypeOf(func(any) string { return "" })
	env["kind"] = types.TypeOf(func(any) string { return "" })
	env["valid"] = types.TypeOf(func(any) bool { return false })
	env["invalid"] = types.TypeOf(func(any) bool { return false })
	env["header"] = types.TypeOf(func(string) string { return "" })
	env["cidr"] = types.TypeOf(func(string, string) bool { return false })
	c.config = conf.New(env)
	for _, f := range builtin.Builtins {
		c.config.Disabled[f.Name] = true
		delete(c.config.Builtins, f.Name)
	}
	return c
}

// lowering is the work on one rule's condition. Its findings point into the
// text of the rule file.
type lowering struct {
	*compiler
	subject string
	when    scalar
	faults  int
}

// compile makes the condition of a rule, nil after a finding.
func (c *compiler) compile(when scalar, subject string) *condition {
	l := &lowering{compiler: c, subject: subject, when: when}
	if when.text == "" {
		return nil
	}
	if len(when.text) > maxWhen {
		l.at(0, "the condition is larger than 64 KB", "put the numbers into a list")
		return nil
	}
	tree, err := l.parse()
	if err != nil {
		l.report(err)
		return nil
	}
	condition := l.truth(tree.Node)
	if l.faults > 0 {
		return nil
	}
	if kind, err := checker.Check(tree, c.config); err != nil {
		l.report(err)
		return nil
	} else if kind.Kind().String() != "bool" {
		l.at(0, "is no condition", "")
		return nil
	}
	return condition
}

// parse turns a fault of the library into an error: rule files are input.
func (l *lowering) parse() (tree *parser.Tree, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot be parsed: %v", r)
		}
	}()
	return parser.ParseWithConfig(l.when.text, l.config)
}

func (l *lowering) report(err error) {
	var e *file.Error
	if errors.As(err, &e) {
		l.at(e.From, tidy(e.Message), "")
		return
	}
	l.at(0, err.Error(), "")
}

// tidy says a message of the expression parser in the words of rule files.
func tidy(message string) string {
	for from, to := range map[string]string{
		"unexpected token EOF":         "the condition ends too early",
		"unexpected end of expression": "the condition ends too early",
		"literal not terminated":       "a quote is not closed",
	} {
		if message == from {
			return to
		}
	}
	if name, value, ok := cutToken(message); ok {
		return "unexpected " + name + " " + value
	}
	return strings.ToLower(message[:min(1, len(message))]) + message[min(1, len(message)):]
}

// cutToken reads `unexpected token Kind("text")`.
func cutToken(message string) (kind, text string, ok bool) {
	rest, ok := strings.CutPrefix(message, "unexpected token ")
	if !ok {
		return "", "", false
	}
	kind, text, ok = strings.Cut(strings.TrimSuffix(rest, ")"), "(")
	return strings.ToLower(kind), text, ok
}

func (l *lowering) at(offset int, message, hint string) {
	l.faults++
	l.d.at(l.when.point(offset), l.subject, message, hint)
}

func (l *lowering) fault(n ast.Node, message, hint string) *condition {
	l.at(n.Location().From, message, hint)
	return constant(false)
}

// truth lowers what must be true or false.
func (l *lowering) truth(n ast.Node) *condition {
	switch n := n.(type) {
	case *ast.BoolNode:
		return constant(n.Value)
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return negate(l.truth(n.Node))
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return join(isAnd, l.truth(n.Left), l.truth(n.Right))
		case "or", "||":
			return join(isOr, l.truth(n.Left), l.truth(n.Right))
		}
		return l.comparison(n)
	case *ast.IdentifierNode:
		if a := attributeNamed(n.Value); a != nil && a.Type == FlagType {
			flag := a.flag
			return flagged(&condition{source: a.Name, eval: flag, reads: []*operand{flagOperand(a)}})
		} else if a != nil {
			return l.fault(n, fmt.Sprintf("%s is %s, not a condition", a.Name, article(a.Type)), "compare it, as in "+exampleOf(a))
		}
	case *ast.CallNode:
		return l.truthCall(n)
	}
	if o := l.value(n); o != nil {
		return l.fault(n, "is text, not a condition", "")
	}
	return constant(false)
}

func exampleOf(a *Attribute) string {
	switch a.Type {
	case TextType:
		return a.Name + ` == "…"`
	case AddressType:
		return `cidr(` + a.Name + `, "10.0.0.0/8")`
	}
	return a.Name + ` == "+12025550142" or ` + a.Name + ` in list("…")`
}

func article(t ValueType) string {
	switch t {
	case TextType:
		return "text"
	case AddressType:
		return "an IP address"
	case FlagType:
		return "true or false"
	}
	return "a " + t.String()
}

// flagOperand shows a flag in explanations.
func flagOperand(a *Attribute) *operand {
	flag := a.flag
	return &operand{source: a.Name, typ: FlagType, text: func(f *frame) string { return strconv.FormatBool(flag(f)) }}
}

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
		return &operand{source: fmt.Sprintf("header(%q)", strings.ToLower(name)), typ: TextType, text: func(f *frame) string {
			if f.call.Headers == nil {
				return ""
			}
			value, _ := f.call.Headers.Header(name)
			return value
		}}
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
