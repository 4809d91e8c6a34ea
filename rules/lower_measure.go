package rules

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// isMeasure tells whether the type is one that has a number for a value.
func (t ValueType) isMeasure() bool { return t == CountType || t == ShareType || t == SpanType }

// measureOf is the operand that is measured on one side of a comparison, with
// the node of the other side and the operator as seen from it; nil when neither
// side is one. A side that is no constant is tried.
func (l *lowering) measureOf(n *ast.BinaryNode) (o *operand, constant ast.Node, op string, found bool) {
	left, right, op := n.Left, n.Right, n.Operator
	if isConstant(left) {
		left, right, op = right, left, mirrored(op)
	}
	if !l.measures(left) {
		return nil, nil, "", false
	}
	return l.value(left), right, op, true
}

// measures tells whether a node is an attribute or a function with a number for a
// value.
func (l *lowering) measures(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		a := attributeNamed(n.Value)
		return a != nil && a.Type.isMeasure()
	case *ast.CallNode:
		id, ok := n.Callee.(*ast.IdentifierNode)
		if !ok {
			return false
		}
		fn := functionNamed(id.Value)
		return fn != nil && fn.Result.isMeasure()
	}
	return false
}

// isConstant tells whether a node is a number or a text as written.
func isConstant(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode:
		return true
	case *ast.UnaryNode:
		return (n.Operator == "-" || n.Operator == "+") && isConstant(n.Node)
	}
	return false
}

// mirrored is a comparison as seen from its other side.
func mirrored(op string) string {
	switch op {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return op
}

var measureOperators = []string{"==", "!=", "<", "<=", ">", ">="}

// measured lowers the comparison of what has a number for a value with a
// constant. Of what is not known no comparison holds.
func (l *lowering) measured(o *operand, right ast.Node, op string) *condition {
	if o != nil && !slices.Contains(measureOperators, op) {
		return l.fault(right, fmt.Sprintf("%s is %s, %s is not for it", o.source, article(o.typ), op), "compare it by "+strings.Join(measureOperators, " "))
	}
	limit, text, ok := l.limit(o, right)
	if o == nil || !ok {
		return constant(false)
	}
	if op == "==" || op == "!=" {
		if o.typ == ShareType {
			return l.fault(right, o.source+" is hardly ever exactly so much", "ask for < or >")
		}
	}
	read := o.measure
	if o.upTo != nil {
		read = o.upTo(limit)
	}
	test := map[string]func(*frame) bool{
		"==": func(f *frame) bool { v, known := read(f); return known && v == limit },
		"!=": func(f *frame) bool { v, known := read(f); return known && v != limit },
		"<":  func(f *frame) bool { v, known := read(f); return known && v < limit },
		"<=": func(f *frame) bool { v, known := read(f); return known && v <= limit },
		">":  func(f *frame) bool { v, known := read(f); return known && v > limit },
		">=": func(f *frame) bool { v, known := read(f); return known && v >= limit },
	}[op]
	return testOf(o.source+" "+op+" "+text, test, o)
}

// limit is the constant that something is compared with, and its canonical text.
func (l *lowering) limit(o *operand, n ast.Node) (limit float64, text string, ok bool) {
	sign := 1.0
	at := n
	for {
		u, isSigned := n.(*ast.UnaryNode)
		if !isSigned || u.Operator != "-" && u.Operator != "+" {
			break
		}
		if u.Operator == "-" {
			sign = -sign
		}
		n = u.Node
	}
	switch v := n.(type) {
	case *ast.IntegerNode:
		limit = sign * float64(v.Value)
	case *ast.FloatNode:
		limit = sign * v.Value
	case *ast.StringNode:
		if o == nil {
			return 0, "", false
		}
		d, isDuration := parseDuration(v.Value)
		if o.typ != SpanType || !isDuration || at != n {
			l.fault(at, fmt.Sprintf("%q is no value of %s", v.Value, o.source), limitHint(o.typ))
			return 0, "", false
		}
		limit, text = d.Seconds(), strconv.Quote(v.Value)
	default:
		if o != nil {
			l.fault(at, "want a number, got "+shorten(n.String()), limitHint(o.typ))
		}
		return 0, "", false
	}
	if o == nil {
		return 0, "", false
	}
	if math.IsInf(limit, 0) || math.IsNaN(limit) || o.typ == ShareType && (limit < 0 || limit > 1) {
		l.fault(at, fmt.Sprintf("%s cannot be %s", o.source, strconv.FormatFloat(limit, 'g', -1, 64)), limitHint(o.typ))
		return 0, "", false
	}
	if o.most != 0 && limit > o.most {
		hint := fmt.Sprintf("it counts to %v", o.most)
		if o.typ == SpanType {
			hint = fmt.Sprintf("after %s it is not known any more", writeDuration(time.Duration(o.most)*time.Second))
		}
		l.fault(at, o.source+" is never so much", hint)
		return 0, "", false
	}
	return limit, cmp.Or(text, strconv.FormatFloat(limit, 'f', -1, 64)), true
}

func limitHint(t ValueType) string {
	switch t {
	case ShareType:
		return "a share is 0 to 1, as in 0.25"
	case SpanType:
		return `seconds as in 90, or a duration in quotes as in "1h"`
	}
	return "a number without quotes, as in 60"
}

// showMeasure is the value in words, empty when it is not known.
func (o *operand) showMeasure(f *frame) string {
	v, known := o.measure(f)
	switch {
	case !known:
		return ""
	case o.typ == SpanType:
		return (time.Duration(v*1000) * time.Millisecond).String()
	case o.typ == ShareType:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
