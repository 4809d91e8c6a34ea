package rules

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
)

// inLearned lowers o in learned("name"), and o in learned("name", subscriber)
// of a learned list per subscriber.
func (l *lowering) inLearned(n *ast.CallNode, o *operand, name string) *condition {
	entry, ok := l.learned[name]
	if !ok {
		hint := didYouMean(name, names(l.learned))
		if l.lists[name] != nil {
			hint = fmt.Sprintf("it is a list: write list(%q)", name)
		}
		if hint == "" {
			hint = "declare it under learn:"
		}
		return l.fault(n.Arguments[0], fmt.Sprintf("unknown learned list %q", name), hint)
	}
	if entry.faulty {
		return constant(false)
	}
	subscriber, ok := l.subscriber(n, "learned", name, entry.spec.Per)
	if o == nil || !ok {
		return constant(false)
	}
	i, source, reads := entry.place, fmt.Sprintf("%s in learned(%q)", o.source, name), []*operand{o}
	test := func(f *frame, n Number) bool { return f.knows(i, n, Number{}) }
	if subscriber != nil {
		source, reads = fmt.Sprintf("%s in learned(%q, %s)", o.source, name, subscriber.source), append(reads, subscriber)
		whose := subscriber.number
		test = func(f *frame, n Number) bool { return f.knows(i, n, whose(f)) }
	}
	if entry.spec.Scoped {
		reads = append(reads, attributeNamed("upstream").operand())
	}
	c := testOf(source, o.any(test), reads...).asks(whatLearned)
	c.learned = entry.spec
	return c
}
