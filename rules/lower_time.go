package rules

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// clock lowers weekday(number) and local_time(number).
func (l *lowering) clock(n *ast.CallNode, fn *Function) *operand {
	of := l.numberArgument(n, fn, 0)
	if of == nil {
		return nil
	}
	loadZones()
	o := &operand{source: fn.Name + "(" + of.source + ")", typ: fn.Result, number: of.number, set: of.set, numbers: of.source,
		local: localTime.day, what: fn.Name, words: fn.words, state: fn.State}
	if fn.Result == TimeType {
		o.local, o.what = localTime.ofDay, "time of day"
	}
	return o
}

// atAny tells whether test holds of a local time at the number, or at one of the
// set.
func atAny(o *operand, source string, test func(int) bool) *condition {
	local := o.local
	return numberTest(o, source, func(f *frame, n Number) bool {
		for _, t := range f.localTimes(n) {
			if test(local(t)) {
				return true
			}
		}
		return false
	})
}

// atMinute is atAny of a time of day.
func atMinute(o *operand, source string, test func(int) bool) *condition {
	c := atAny(o, source, test)
	c.minute = test
	return c
}

// oneTimeOf lowers equality of a weekday or a time with constants.
func (l *lowering) oneTimeOf(o *operand, source string, constants []*ast.StringNode) *condition {
	var wanted uint64 // weekdays as bits
	var times []int
	for _, s := range constants {
		if o.typ == TimeType {
			times = append(times, l.timeOfDay(s))
			continue
		}
		l.checkWord(o, s)
		if day := slices.Index(weekdays[:], s.Value); day >= 0 {
			wanted |= 1 << day
		}
	}
	if o.typ == TimeType {
		return atMinute(o, source, func(minute int) bool { return slices.Contains(times, minute) })
	}
	return atAny(o, source, func(day int) bool { return wanted&(1<<day) != 0 })
}

// timeOfDay is a constant "HH:MM" in minutes, 0 after a finding.
func (l *lowering) timeOfDay(s *ast.StringNode) int {
	minute, ok := parseTime(s.Value)
	if !ok {
		hint := `HH:MM, "00:00" to "23:59"`
		if padded, ok := parseTime("0" + s.Value); ok {
			hint = fmt.Sprintf("write %q", localTime{minute: uint16(padded)}.clock())
		}
		l.fault(s, fmt.Sprintf("%q is no time of day", s.Value), hint)
	}
	return minute
}

// order lowers < <= > >=, with the constant on either side.
func (l *lowering) order(n *ast.BinaryNode) *condition {
	left, right, op := n.Left, n.Right, n.Operator
	if _, ok := left.(*ast.StringNode); ok {
		left, right = right, left
		op = mirrored(op)
	}
	o := l.value(left)
	switch {
	case o == nil:
		return constant(false)
	case o.typ != TimeType:
		return l.fault(n, fmt.Sprintf("%s is %s and has no order", o.source, article(o.typ)), `< <= > >= are for times, counts, shares and durations, as in local_time(callee) < "08:00"`)
	}
	s, ok := right.(*ast.StringNode)
	if !ok {
		return l.fault(right, "want a time in quotes, got "+shorten(right.String()), `as in "08:00"`)
	}
	limit := l.timeOfDay(s)
	test := map[string]func(int) bool{
		"<":  func(minute int) bool { return minute < limit },
		"<=": func(minute int) bool { return minute <= limit },
		">":  func(minute int) bool { return minute > limit },
		">=": func(minute int) bool { return minute >= limit },
	}[op]
	return atMinute(o, fmt.Sprintf("%s %s %q", o.source, op, s.Value), test)
}
