package rules

import (
	"net/netip"
	"strings"
	"time"
)

// condition is a lowered expression: a tree of and, or and not over tests.
type condition struct {
	op       conditionOp
	parts    []*condition
	eval     func(*frame) bool
	source   string // canonical text; equal texts are equal conditions
	reads    []*operand
	access   *access                           // how an index finds it; nil: it must be evaluated
	list     *List                             // of "x in list(…)", else nil
	learned  *LearnSpec                        // of "x in learned(…)", else nil
	minute   func(int) bool                    // of a test of a time of day: whether it holds at that minute
	opens    func(*frame, time.Time) time.Time // of permitted(…): a step towards the time when it holds
	state    string                            // of a test: what it asks beside the call and the lists, empty for nothing
	stateful bool                              // it, or a part of it, has a state
	depth    int                               // how many levels of parts are below it
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

// access says by which values a test can be found: it holds only when one of
// them is that of the call.
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
	wide     bool // the test need not hold when one of the values is that of the call
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
	return &condition{op: isNot, parts: []*condition{c}, source: "not (" + c.source + ")", stateful: c.stateful, depth: c.depth + 1, eval: func(f *frame) bool {
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
		c.depth = max(c.depth, p.depth+1)
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
