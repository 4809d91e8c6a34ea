package rules

import (
	"bytes"
	"regexp"
	"strings"
)

// testOf makes a test of the operands.
func testOf(source string, eval func(*frame) bool, operands ...*operand) *condition {
	c := &condition{source: source, reads: operands, eval: eval}
	for _, o := range operands {
		if o.state != "" {
			c.asks(o.state)
		}
	}
	return c
}

// asks makes a test stateful.
func (c *condition) asks(state string) *condition {
	c.state, c.stateful = state, true
	return c
}

// textTest makes a test of text, or of text made of numbers.
func textTest(o *operand, source string, test func(string) bool) *condition {
	if o.project != nil {
		project := o.project
		return testOf(source, o.any(func(f *frame, n Number) bool { return test(project(f, n)) }), o)
	}
	read := o.text
	return testOf(source, func(f *frame) bool { return test(read(f)) }, o)
}

// numberTest makes a test of numbers.
func numberTest(o *operand, source string, test func(*frame, Number) bool) *condition {
	return testOf(source, o.any(test), o)
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
	if o.isPlain() {
		return numberText(o, source, re.Match)
	}
	return textTest(o, source, matching(re))
}

// inList tells whether the first of what it reads has a row in l: the address,
// the number, or one of the set. The row is that of the verdict unless another
// matched before.
func inList(reads []*operand, source string, l *List, slot int) *condition {
	return &condition{
		source: source, reads: reads, list: l,
		access: &access{kind: byList, of: reads[0], slot: slot},
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
