package rules

import (
	"fmt"

	"github.com/expr-lang/expr/ast"

	"ringfence/rules/state"
)

// whatCallsDid is what signals ask beside the call and the lists.
const whatCallsDid = "what calls did"

// signals are the functions about what calls did. Each counts by a key, and most
// look at a window that ends with the call.
func signals() []Function {
	const from = "calls and what became of them"
	all := []Function{
		{Name: "rate", Signature: `rate(key, "1m")`, Result: CountType, Doc: "call attempts in the window, blocked ones and this one among them",
			Example: `rate(caller, "1m") > 60`, least: 2, most: 2, value: (*lowering).rate},
		{Name: "calls", Signature: `calls(key, "1h")`, Result: CountType, Doc: "calls that were let pass in the window, with this one",
			Example: `calls([account, callee], "1d") > 3`, least: 2, most: 2, value: (*lowering).passed},
		{Name: "concurrent", Signature: "concurrent(key)", Result: CountType, Doc: "calls that go on, ringing or answered, with this one",
			Example: `concurrent(account) > 30`, least: 1, most: 1, value: (*lowering).concurrent},
		{Name: "answer_ratio", Signature: `answer_ratio(key, "1h", 20)`, Result: ShareType, Doc: "share of the calls over in the window that were answered; unknown while they are fewer than the last argument",
			Example: `answer_ratio(caller, "1h", 20) < 0.1`, least: 3, most: 3, value: (*lowering).ratio},
		{Name: "short_ratio", Signature: `short_ratio(key, "1h", "6s", 20)`, Result: ShareType, Doc: "share of the calls answered and over in the window that were shorter than so long; unknown while they are fewer than the last argument",
			Example: `short_ratio(caller, "1h", "6s", 20) > 0.8`, least: 4, most: 4, value: (*lowering).ratio},
		{Name: "cancel_ratio", Signature: `cancel_ratio(key, "1h", "8s", 20)`, Result: ShareType, Doc: "share of the calls over in the window that rang and that the caller gave up before so long; unknown while they are fewer than the last argument",
			Example: `cancel_ratio(caller, "1h", "8s", 20) > 0.9`, least: 4, most: 4, value: (*lowering).ratio},
		{Name: "average_duration", Signature: `average_duration(key, "1h", 20)`, Result: SpanType, Doc: "mean talk time of the calls answered and over in the window, in seconds; unknown while they are fewer than the last argument",
			Example: `average_duration(caller, "1h", 20) < "10s"`, least: 3, most: 3, value: (*lowering).ratio},
		{Name: "redials", Signature: `redials(caller, callee, "10m")`, Result: CountType, Doc: "call attempts from one to the other in the window, this one among them",
			Example: `redials(caller, callee, "10m") > 5`, least: 3, most: 3, value: (*lowering).redials},
		{Name: "distinct", Signature: `distinct(key, value, "10m")`, Result: CountType, Doc: "different values that the key was seen with in the window, as callees of a caller",
			Example: `distinct(caller, callee, "10m") > 100`, least: 3, most: 3, value: (*lowering).distinct},
		{Name: "sequential", Signature: `sequential(key, "10m")`, Result: CountType, Doc: "call attempts in the window to a callee that was new then and within 3 of one called before",
			Example: `sequential(caller, "10m") > 15`, least: 2, most: 2, value: (*lowering).sequential},
		{Name: "responses", Signature: `responses(key, "1d", 607, 608)`, Result: CountType, Doc: "calls over in the window with one of these final SIP statuses from upstream",
			Example: `responses(caller, "1d", 607) >= 3`, least: 3, most: 10, value: (*lowering).responses},
		{Name: "first_seen", Signature: "first_seen(key)", Result: SpanType, Doc: "since the first call attempt that is remembered; 0 for the first",
			Example: `first_seen(caller) < "1h"`, least: 1, most: 1, value: (*lowering).firstSeen},
		{Name: "idle", Signature: "idle(key)", Result: SpanType, Doc: "since the last call that was let pass, not this one; unknown before there was any",
			Example: `idle([account, callee]) < "4h"`, least: 1, most: 1, value: (*lowering).idle},
	}
	for i := range all {
		all[i].State, all[i].Kamailio, all[i].FreeSWITCH = whatCallsDid, from, from
	}
	return append(all, Function{Name: "prefix", Signature: "prefix(number, digits)", Result: KeyType, Doc: "the first digits of an E.164 number, its calling code among them: a key to count by",
		Kamailio: "the digits", FreeSWITCH: "the digits",
		Example: `rate(prefix(callee, 7), "1m") > 100`, least: 2, most: 2})
}

// signal is the operand of a function about what calls did, which measures it.
func (l *lowering) signal(n *ast.CallNode, fn *Function, s *subject, measure func(*frame) (float64, bool)) *operand {
	source := fn.Name + "("
	for i, arg := range n.Arguments {
		if i > 0 {
			source += ", "
		}
		source += canonical(arg)
	}
	return &operand{source: source + ")", typ: fn.Result, what: fn.Name, state: fn.State, subject: s, measure: measure}
}

// asks is a measure that reads the answer to one question about a subject.
func asks(s *subject, w state.Want, value func(state.Got) (float64, bool)) func(*frame) (float64, bool) {
	place, late := s.want(w)
	return func(f *frame) (float64, bool) {
		got, known := f.counted(s, place, late)
		if !known {
			return 0, false
		}
		return value(got)
	}
}

func counted(g state.Got) (float64, bool) { return float64(g.Count), true }

func (l *lowering) rate(n *ast.CallNode, fn *Function) *operand {
	return l.attempts(n, fn, n.Arguments[0], n.Arguments[1])
}

func (l *lowering) redials(n *ast.CallNode, fn *Function) *operand {
	return l.attempts(n, fn, &ast.ArrayNode{Nodes: n.Arguments[:2]}, n.Arguments[2])
}

// attempts counts call attempts by a key in a window.
func (l *lowering) attempts(n *ast.CallNode, fn *Function, key, window ast.Node) *operand {
	parts, ok := l.key(key)
	w, good := l.window(window)
	if !ok || !good {
		return nil
	}
	s := l.subjectOf(parts, keyPart{}, w)
	s.shape.Attempts = true
	return l.signal(n, fn, s, asks(s, state.Want{Ask: state.Attempts, Window: state.Span(w)}, counted))
}

func (l *lowering) passed(n *ast.CallNode, fn *Function) *operand {
	parts, ok := l.key(n.Arguments[0])
	w, good := l.window(n.Arguments[1])
	if !ok || !good {
		return nil
	}
	s := l.subjectOf(parts, keyPart{}, w)
	s.shape.Attempts, s.shape.Passed, s.passing = true, true, true
	place, late := s.want(state.Want{Ask: state.Passed, Window: state.Span(w)})
	return l.signal(n, fn, s, func(f *frame) (float64, bool) {
		got, known := f.counted(s, place, late)
		if !f.history.passed {
			got.Count++ // this call
		}
		return float64(got.Count), known
	})
}

func (l *lowering) concurrent(n *ast.CallNode, fn *Function) *operand {
	parts, ok := l.key(n.Arguments[0])
	if !ok {
		return nil
	}
	s := l.subjectOf(parts, keyPart{}, shortest)
	s.going = true
	place, late := s.want(state.Want{Ask: state.Going})
	return l.signal(n, fn, s, func(f *frame) (float64, bool) {
		got, known := f.counted(s, place, late)
		if !f.history.going {
			got.Count++ // this call
		}
		return float64(got.Count), known
	})
}

func (l *lowering) distinct(n *ast.CallNode, fn *Function) *operand {
	parts, ok := l.key(n.Arguments[0])
	with, known := l.keyPart(n.Arguments[1])
	w, good := l.window(n.Arguments[2])
	if !ok || !good || !known {
		return nil
	}
	for _, p := range parts {
		if p.source == with.source {
			l.fault(n.Arguments[1], fmt.Sprintf("%s is always seen with itself", p.source), "as in distinct(caller, callee, \"10m\")")
			return nil
		}
	}
	s := l.subjectOf(parts, with, w)
	want := state.Want{Ask: state.Distinct, Window: state.Span(w)}
	o := l.signal(n, fn, s, asks(s, want, counted))
	o.upTo = func(limit float64) func(*frame) (float64, bool) {
		want.Enough = uint64(max(limit, 0)) + 1
		place, late := s.want(want)
		return func(f *frame) (float64, bool) {
			got, known := f.counted(s, place, late)
			return float64(got.Count), known
		}
	}
	return o
}

func (l *lowering) sequential(n *ast.CallNode, fn *Function) *operand {
	parts, ok := l.key(n.Arguments[0])
	w, good := l.window(n.Arguments[1])
	if !ok || !good {
		return nil
	}
	for _, p := range parts {
		if p.source == "callee" {
			l.fault(n.Arguments[0], "the callee is whom runs are of, not a key to count them by", "as in sequential(caller, \"10m\")")
			return nil
		}
	}
	s := l.subjectOf(parts, numberPart(attributeNamed("callee").operand()), w)
	s.shape.Attempts, s.shape.Runs = true, max(s.shape.Runs, w)
	return l.signal(n, fn, s, asks(s, state.Want{Ask: state.Runs, Window: state.Span(w)}, counted))
}

func (l *lowering) firstSeen(n *ast.CallNode, fn *Function) *operand {
	parts, ok := l.key(n.Arguments[0])
	if !ok {
		return nil
	}
	s := l.subjectOf(parts, keyPart{}, shortest)
	return l.signal(n, fn, s, asks(s, state.Want{Ask: state.First}, counted))
}

func (l *lowering) idle(n *ast.CallNode, fn *Function) *operand {
	parts, ok := l.key(n.Arguments[0])
	if !ok {
		return nil
	}
	s := l.subjectOf(parts, keyPart{}, shortest)
	s.passing = true
	idle, late := s.want(state.Want{Ask: state.Idle})
	before, _ := s.want(state.Want{Ask: state.IdleBefore})
	o := l.signal(n, fn, s, func(f *frame) (float64, bool) {
		place := idle
		if f.history.passed { // the last one was this call, when it was asked about before
			place = before
		}
		got, known := f.counted(s, place, late)
		return float64(got.Count), known && got.Count != state.Never
	})
	o.most = state.MaxWindow.Seconds()
	return o
}
