package rules

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
)

// perAttributes are the attributes that a list can be per.
var perAttributes = []string{"callee", "caller", "network", "presentation", "diverted_by"}

// inList lowers o in list("name"), and o in list("name", subscriber) of a list
// per subscriber.
func (l *lowering) inList(n *ast.CallNode, o *operand, name string) *condition {
	at := n.Arguments[0]
	entry := l.lists[name]
	if entry == nil {
		hint := didYouMean(name, names(l.lists))
		if _, ok := l.learned[name]; ok {
			hint = fmt.Sprintf("it is learned: write learned(%q)", name)
		}
		if hint == "" {
			hint = "declare it under lists:"
		}
		return l.fault(at, fmt.Sprintf("unknown list %q", name), hint)
	}
	if entry.decl.faulty {
		return constant(false)
	}
	subscriber, ok := l.subscriber(n, "list", name, entry.decl.per)
	if !ok || o == nil {
		return constant(false)
	}
	if o.address != nil && subscriber != nil {
		return l.fault(at, fmt.Sprintf("list %q is per %s, which holds numbers", name, entry.decl.per), "put networks into a list for everybody")
	}
	if entry.list == nil {
		return constant(false)
	}
	l.checkKind(at, o, entry.list)
	source, reads := fmt.Sprintf("%s in list(%q)", o.source, name), []*operand{o}
	if subscriber != nil {
		source, reads = fmt.Sprintf("%s in list(%q, %s)", o.source, name, subscriber.source), append(reads, subscriber)
	}
	return inList(reads, source, entry.list, l.look(source, find{of: o, list: entry.list, subscriber: subscriber}))
}

// look is the slot of a look-up, by its canonical text.
func (c *compiler) look(source string, look find) int {
	slot, ok := c.slots[source]
	if !ok {
		slot = len(c.finds)
		c.slots[source] = slot
		c.finds = append(c.finds, look)
	}
	return slot
}

// subscriber is whose rows of a list, or whose learned list, are asked for, nil
// for everybody's; false when that is not as the list is declared.
func (l *lowering) subscriber(n *ast.CallNode, function, name, per string) (*operand, bool) {
	kind := map[string]string{"list": "list", "learned": "learned list"}[function]
	cure := fmt.Sprintf("write %s(%q, %s)", function, name, per)
	if len(n.Arguments) == 1 {
		if per != "" {
			l.fault(n, fmt.Sprintf("%s %q is per %s and has no rows for everybody", kind, name, per), cure)
		}
		return nil, per == ""
	}
	if per == "" {
		l.fault(n.Arguments[1], fmt.Sprintf("%s %q is for everybody, not per subscriber", kind, name), fmt.Sprintf("write %s(%q), or declare it with per: callee", function, name))
		return nil, false
	}
	o := l.value(n.Arguments[1])
	if o == nil {
		return nil, false
	}
	if o.source != per {
		l.fault(n.Arguments[1], fmt.Sprintf("%s %q is per %s, not per %s", kind, name, per, o.source), cure)
		return nil, false
	}
	return o, true
}

// checkKind warns of a list that has no rows of the kind that is asked for.
func (l *lowering) checkKind(at ast.Node, o *operand, list *List) {
	switch networks := list.Networks(); {
	case list.Len() == 0:
	case o.address != nil && networks == 0:
		l.warn.at(l.when.point(at.Location().From), l.subject, fmt.Sprintf("%s is in no row of list %q: it holds only numbers", o.source, list.Name), "add networks as in 192.0.2.0/24, or ask for a number")
	case o.address == nil && networks == list.Len():
		l.warn.at(l.when.point(at.Location().From), l.subject, fmt.Sprintf("%s is in no row of list %q: it holds only networks", o.source, list.Name), "write source in list(…), or add numbers")
	}
}
