package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
)

// maxWhen is the size in bytes beyond which a condition is data in disguise.
const maxWhen = 64 << 10

// maxDepth is how deep and, or and not may be nested. What is deeper was not
// written by anybody, and each level holds the text of all below it.
const maxDepth = 64

// compiler makes conditions of expressions, for one ruleset.
type compiler struct {
	config   *conf.Config
	lists    map[string]*listEntry
	learned  map[string]learnedEntry
	finds    []find              // list look-ups, by slot
	slots    map[string]int      // of finds
	subjects map[string]*subject // that calls are counted by, by name
	counted  []*subject          // in the order in which they came
	headers  []string            // that conditions ask for in lower case, by slot
	trunks   []string            // that the configuration names, and "" for none; nil: any
	d        *Diagnostics
	warn     *Diagnostics

	calendars map[string]*Calendar // by name, also those that are not right
}

// listEntry is a list with what its file declares.
type listEntry struct {
	decl listDecl
	list *List // nil when it did not load
}

// learnedEntry is a declared learned list.
type learnedEntry struct {
	place  int // among the ruleset's
	spec   *LearnSpec
	faulty bool
}

// find is one look-up that all rules share: of is in list.
type find struct {
	of         *operand
	list       *List
	subscriber *operand // whose rows of the list, nil for everybody's
}

func newCompiler(d, warn *Diagnostics) *compiler {
	c := &compiler{lists: map[string]*listEntry{}, learned: map[string]learnedEntry{}, slots: map[string]int{}, subjects: map[string]*subject{}, d: d, warn: warn}
	env := types.Map{}
	for _, a := range attributes {
		switch a.Type {
		case NumberSetType:
			env[a.Name] = types.Any
		case FlagType:
			env[a.Name] = types.Bool
		case CountType, ShareType, SpanType:
			env[a.Name] = types.Any
		default:
			env[a.Name] = types.String
		}
	}
	for _, f := range functions {
		switch f.Result { // the arguments are checked here, not by the library
		case FlagType:
			env[f.Name] = types.TypeOf(func(...any) bool { return false })
		case ListType, CountType, ShareType, SpanType, KeyType:
			env[f.Name] = types.TypeOf(func(...any) any { return nil })
		default:
			env[f.Name] = types.TypeOf(func(...any) string { return "" })
		}
	}
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
	deep    bool // it was found to be nested too deep
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
	made := l.truth(tree.Node)
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
	return made
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
		message, hint := l.syntaxFault(tidy(e.Message))
		l.at(e.From, message, hint)
		return
	}
	l.at(0, err.Error(), "")
}

// tidy says a message of the expression parser in the words of rule files.
func tidy(message string) string {
	for from, to := range map[string]string{
		"unexpected token EOF":                                         "the condition ends too early",
		"unexpected end of expression":                                 "the condition ends too early",
		"literal not terminated":                                       "a quote is not closed",
		"compilation failed: expression exceeds maximum allowed nodes": "the condition has more than 10,000 parts",
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
	c := l.condition(n)
	if c.depth <= maxDepth {
		return c
	}
	if !l.deep {
		l.deep = true
		l.fault(n, fmt.Sprintf("the condition is nested more than %d deep", maxDepth), "make several rules of it")
	}
	return constant(false)
}

func (l *lowering) condition(n ast.Node) *condition {
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
			return join(isAnd, l.links(n)...)
		case "or", "||":
			return join(isOr, l.links(n)...)
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
		return l.fault(n, "is "+article(o.typ)+", not a condition", "")
	}
	return constant(false)
}

// links lowers the parts of a chain of one operator, which is as deep a tree as
// it is long.
func (l *lowering) links(n *ast.BinaryNode) []*condition {
	parts := []ast.Node{n.Right}
	left := n.Left
	for {
		b, ok := left.(*ast.BinaryNode)
		if !ok || b.Operator != n.Operator {
			break
		}
		parts, left = append(parts, b.Right), b.Left
	}
	links := []*condition{l.truth(left)}
	for _, part := range slices.Backward(parts) {
		links = append(links, l.truth(part))
	}
	return links
}

func exampleOf(a *Attribute) string {
	switch a.Type {
	case TextType:
		return a.Name + ` == "…"`
	case AddressType:
		return `cidr(` + a.Name + `, "10.0.0.0/8")`
	case CountType, ShareType, SpanType:
		return a.Example
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
