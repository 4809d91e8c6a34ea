package rules

import (
	"fmt"
	"strconv"
	"time"

	"github.com/expr-lang/expr/ast"
)

// blockedUpstream lowers blocked_upstream(number, "7d").
func (l *lowering) blockedUpstream(n *ast.CallNode, fn *Function) *operand {
	return l.saidOf(n, fn, blocksKept, func(f *frame) *numberEvents { return f.blocks })
}

// reported lowers reports(number, "30d").
func (l *lowering) reported(n *ast.CallNode, fn *Function) *operand {
	return l.saidOf(n, fn, ReportsKept, func(f *frame) *numberEvents { return f.reports })
}

// saidOf lowers a count of what was said of a number in a window; of several
// numbers it is that of the one with most.
func (l *lowering) saidOf(n *ast.CallNode, fn *Function, longest time.Duration, events func(*frame) *numberEvents) *operand {
	o := l.numberArgument(n, fn, 0)
	text, ok := l.word(n.Arguments[1])
	if !ok {
		return nil
	}
	window, ok := parseDuration(text)
	if !ok || window > longest {
		l.fault(n.Arguments[1], fmt.Sprintf("%q is no window of %s", text, fn.Name), fmt.Sprintf(`"1s" to "%dd"`, longest/(24*time.Hour)))
		return nil
	}
	if o == nil {
		return nil
	}
	of := func(f *frame, n Number) int { return events(f).count(n, f.call.At, window) }
	read := func(f *frame) (float64, bool) { return float64(of(f, o.number(f))), true }
	if o.set {
		read = func(f *frame) (float64, bool) {
			most := 0
			for _, n := range f.callers() {
				most = max(most, of(f, n))
			}
			return float64(most), true
		}
	}
	return &operand{source: fmt.Sprintf("%s(%s, %s)", fn.Name, o.source, strconv.Quote(text)), typ: CountType, measure: read, most: eventsPerNumber,
		what: fn.Name, state: fn.State}
}
