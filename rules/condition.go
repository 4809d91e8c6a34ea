package rules

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
)

// condition is a lowered expression: a tree of and, or and not over tests.
type condition struct {
	op       conditionOp
	parts    []*condition
	eval     func(*frame) bool
	source   string // canonical text; equal texts are equal conditions
	reads    []*operand
	access   *access // how an index finds it; nil: it must be evaluated
	list     *List   // of "x in list(…)", else nil
	stateful bool    // asks what was learned
}

type conditionOp uint8

const (
	isTest conditionOp = iota
	isAnd
	isOr
	isNot
	isTrue
	isFalse
)

// access says by which values a test can be found: it holds exactly when one
// of them is that of the call.
type access struct {
	kind     accessKind
	of       *operand
	words    []string // byText
	numbers  []Number // byNumber
	prefix   prefix   // byPrefix
	slot     int      // byList
	network  netip.Prefix
	flag     func(*frame) bool // byFlag
	flagName string
}

type accessKind uint8

const (
	byText accessKind = iota
	byNumber
	byPrefix
	byList
	byNetwork
	byFlag
)

func always(*frame) bool { return true }
func never(*frame) bool  { return false }

// constant is a condition that does not look at the call.
func constant(holds bool) *condition {
	if holds {
		return &condition{op: isTrue, eval: always, source: "true"}
	}
	return &condition{op: isFalse, eval: never, source: "false"}
}

// negate makes "not c". What a list row matched inside says nothing about the
// verdict, so the row is forgotten.
func negate(c *condition) *condition {
	switch c.op {
	case isTrue:
		return constant(false)
	case isFalse:
		return constant(true)
	}
	inner := c.eval
	return &condition{op: isNot, parts: []*condition{c}, source: "not (" + c.source + ")", stateful: c.stateful, eval: func(f *frame) bool {
		row := f.row
		held := inner(f)
		f.row = row
		return !held
	}}
}

// join makes a chain of and or or. Parts of the same kind become part of the
// chain, constants are folded.
func join(op conditionOp, parts ...*condition) *condition {
	neutral, absorbing := isTrue, isFalse
	word := " and "
	if op == isOr {
		neutral, absorbing, word = isFalse, isTrue, " or "
	}
	c := &condition{op: op}
	for _, p := range parts {
		switch p.op {
		case neutral:
		case absorbing:
			return p
		case op:
			c.parts = append(c.parts, p.parts...)
		default:
			c.parts = append(c.parts, p)
		}
	}
	switch len(c.parts) {
	case 0:
		return constant(neutral == isTrue)
	case 1:
		return c.parts[0]
	}
	var b strings.Builder
	for i, p := range c.parts {
		if i > 0 {
			b.WriteString(word)
		}
		if p.op == isAnd || p.op == isOr {
			b.WriteString("(" + p.source + ")")
		} else {
			b.WriteString(p.source)
		}
		c.stateful = c.stateful || p.stateful
	}
	c.source = b.String()
	c.eval = chain(op, c.parts)
	return c
}

// chain evaluates parts until one decides. What is false leaves no row behind:
// an and that fails forgets the row of a part that held.
func chain(op conditionOp, parts []*condition) func(*frame) bool {
	if len(parts) == 2 {
		a, b := parts[0].eval, parts[1].eval
		if op == isOr {
			return func(f *frame) bool { return a(f) || b(f) }
		}
		return func(f *frame) bool {
			row := f.row
			if a(f) && b(f) {
				return true
			}
			f.row = row
			return false
		}
	}
	evals := make([]func(*frame) bool, len(parts))
	for i, p := range parts {
		evals[i] = p.eval
	}
	if op == isOr {
		return func(f *frame) bool {
			for _, eval := range evals {
				if eval(f) {
					return true
				}
			}
			return false
		}
	}
	return func(f *frame) bool {
		row := f.row
		for _, eval := range evals {
			if !eval(f) {
				f.row = row
				return false
			}
		}
		return true
	}
}

// conjuncts are the parts of c that must all hold.
func (c *condition) conjuncts() []*condition {
	if c.op == isAnd {
		return c.parts
	}
	return []*condition{c}
}

// walk visits c and all below it; positive is false below an odd number of
// nots.
func (c *condition) walk(positive bool, visit func(c *condition, positive bool)) {
	visit(c, positive)
	for _, p := range c.parts {
		p.walk(positive != (c.op == isNot), visit)
	}
}

// implies tells whether some row of a list has matched whenever c holds.
func (c *condition) implies() bool {
	switch c.op {
	case isTest:
		return c.list != nil
	case isFalse:
		return true
	case isAnd:
		for _, p := range c.parts {
			if p.implies() {
				return true
			}
		}
	case isOr:
		for _, p := range c.parts {
			if !p.implies() {
				return false
			}
		}
		return true
	}
	return false
}

// textTest makes a test of text, or of text made of numbers.
func textTest(o *operand, source string, test func(string) bool) *condition {
	c := &condition{source: source, reads: []*operand{o}}
	switch {
	case o.project != nil:
		project := o.project
		c.eval = o.any(func(f *frame, n Number) bool { return test(project(f, n)) })
	case o.isNumber():
		panic("rules: a number is no text")
	default:
		read := o.text
		c.eval = func(f *frame) bool { return test(read(f)) }
	}
	return c
}

// numberTest makes a test of numbers.
func numberTest(o *operand, source string, test func(*frame, Number) bool) *condition {
	return &condition{source: source, reads: []*operand{o}, eval: o.any(test)}
}

// textIn tells whether the value is one of words.
func textIn(o *operand, source string, words []string) *condition {
	var c *condition
	switch {
	case len(words) == 1:
		word := words[0]
		c = textTest(o, source, func(s string) bool { return s == word })
	case len(words) <= 8:
		c = textTest(o, source, func(s string) bool {
			for _, w := range words {
				if s == w {
					return true
				}
			}
			return false
		})
	default:
		set := make(map[string]struct{}, len(words))
		for _, w := range words {
			set[w] = struct{}{}
		}
		c = textTest(o, source, func(s string) bool { _, ok := set[s]; return ok })
	}
	c.access = &access{kind: byText, of: o, words: words}
	return c
}

// numberIn tells whether the number is one of numbers; a zero one is absent.
func numberIn(o *operand, source string, numbers []Number) *condition {
	var c *condition
	if len(numbers) == 1 {
		want := numbers[0]
		c = numberTest(o, source, func(_ *frame, n Number) bool { return n == want })
	} else {
		set := make(map[Number]struct{}, len(numbers))
		for _, n := range numbers {
			set[n] = struct{}{}
		}
		c = numberTest(o, source, func(_ *frame, n Number) bool { _, ok := set[n]; return ok })
	}
	c.access = &access{kind: byNumber, of: o, numbers: numbers}
	return c
}

// prefix is that of an E.164 number: its first digits as an integer.
type prefix struct {
	digits int
	value  uint64
}

// digitsOf counts the digits of an E.164 number; 0 for any other.
func digitsOf(n Number) int {
	if n.Kind() != Global {
		return 0
	}
	d := 1
	for key := n.Key(); d < len(powers) && key >= powers[d]; d++ {
	}
	return d
}

// begins tells whether n, of the given count of digits, begins with p.
func (p prefix) begins(n Number, digits int) bool {
	return digits >= p.digits && n.Key()/powers[digits-p.digits] == p.value
}

// numberPrefix tells whether an E.164 number begins with p.
func numberPrefix(o *operand, source string, p prefix) *condition {
	c := numberTest(o, source, func(_ *frame, n Number) bool { return p.begins(n, digitsOf(n)) })
	c.access = &access{kind: byPrefix, of: o, prefix: p}
	return c
}

// numberText tests a number as it is written: "+12025550142", or the digits of
// what is no E.164 number.
func numberText(o *operand, source string, test func([]byte) bool) *condition {
	return numberTest(o, source, func(f *frame, n Number) bool { return test(f.written(n)) })
}

// bytesTest is the test of op against a constant.
func bytesTest(op, want string) func([]byte) bool {
	w := []byte(want)
	switch op {
	case "startsWith":
		return func(b []byte) bool { return bytes.HasPrefix(b, w) }
	case "endsWith":
		return func(b []byte) bool { return bytes.HasSuffix(b, w) }
	}
	return func(b []byte) bool { return bytes.Contains(b, w) }
}

// stringTest is the test of op against a constant.
func stringTest(op, want string) func(string) bool {
	switch op {
	case "startsWith":
		return func(s string) bool { return strings.HasPrefix(s, want) }
	case "endsWith":
		return func(s string) bool { return strings.HasSuffix(s, want) }
	}
	return func(s string) bool { return strings.Contains(s, want) }
}

// matches tests against a regular expression in RE2 syntax.
func matches(o *operand, source string, re *regexp.Regexp) *condition {
	if o.isNumber() && o.project == nil {
		return numberText(o, source, re.Match)
	}
	return textTest(o, source, re.MatchString)
}

// inList tells whether the number, or one of the set, has a row in l. The row
// is that of the verdict unless another matched before.
func inList(o *operand, source string, l *List, slot int) *condition {
	return &condition{
		source: source, reads: []*operand{o}, list: l,
		access: &access{kind: byList, of: o, slot: slot},
		eval: func(f *frame) bool {
			row := f.find(slot)
			if row == 0 {
				return false
			}
			if f.row == 0 {
				f.list, f.row = l, row
			}
			return true
		},
	}
}

// flagged makes a test of a pure truth value, which an index may ask once for
// all rules.
func flagged(c *condition) *condition {
	c.access = &access{kind: byFlag, flag: c.eval, flagName: c.source}
	return c
}
