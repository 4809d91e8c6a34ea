package rules

import (
	"fmt"
	"math"
	"time"

	"github.com/expr-lang/expr/ast"

	"ringfence/rules/state"
)

// What calls that are over add up to.
const (
	answeredTally = "answered"
	talkTally     = "talk" // tenths of a second
)

func answeredOne(o *Outcome) uint32 { return one(o.answered()) }

func talked(o *Outcome) uint32 {
	if !o.answered() {
		return 0
	}
	return uint32(min(o.Talk/(time.Second/10), math.MaxUint32))
}

func one(is bool) uint32 {
	if is {
		return 1
	}
	return 0
}

// shorterThan counts calls that were answered and shorter than so long.
func shorterThan(limit time.Duration) (string, func(*Outcome) uint32) {
	return fmt.Sprintf("short:%s", limit), func(o *Outcome) uint32 { return one(o.answered() && o.Talk < limit) }
}

// givenUpBefore counts calls that rang and that the caller gave up before they had
// been under way for so long.
func givenUpBefore(limit time.Duration) (string, func(*Outcome) uint32) {
	return fmt.Sprintf("cancelled:%s", limit), func(o *Outcome) uint32 {
		return one(o.Rang && !o.answered() && (o.Code == 487 || o.ByCaller) && o.Ring < limit)
	}
}

// ratio lowers what is counted over calls that are over, and is not known before
// there are enough of them.
func (l *lowering) ratio(n *ast.CallNode, fn *Function) *operand {
	parts, ok := l.key(n.Arguments[0])
	w, good := l.window(n.Arguments[1])
	least, enough := l.least(n.Arguments[fn.most-1])
	ok = ok && good && enough
	limit := time.Duration(0)
	if fn.most == 4 {
		if limit, good = l.span(n.Arguments[2]); !good {
			ok = false
		}
	}
	if !ok {
		return nil
	}
	s := l.subjectOf(parts, keyPart{}, w)
	s.shape.Finished = true
	switch fn.Name {
	case "answer_ratio":
		return l.share(n, fn, s, w, least, answeredTally, answeredOne)
	case "cancel_ratio":
		name, of := givenUpBefore(limit)
		return l.share(n, fn, s, w, least, name, of)
	case "short_ratio":
		name, of := shorterThan(limit)
		return l.ofAnswered(n, fn, s, w, least, name, of, 1)
	}
	return l.ofAnswered(n, fn, s, w, least, talkTally, talked, 10)
}

// share is a tally by all calls that are over.
func (l *lowering) share(n *ast.CallNode, fn *Function, s *subject, w time.Duration, least float64, name string, of func(*Outcome) uint32) *operand {
	i := s.tally(name, of)
	if i < 0 {
		return l.tooMany(n, s)
	}
	o := l.signal(n, fn, s, asks(s, state.Want{Ask: state.Finished, Tally: i, Window: state.Span(w)}, func(g state.Got) (float64, bool) {
		return float64(g.Sum) / float64(max(g.Count, 1)), float64(g.Count) >= least
	}))
	o.sparse = true
	return o
}

// ofAnswered is a tally by the calls that were answered.
func (l *lowering) ofAnswered(n *ast.CallNode, fn *Function, s *subject, w time.Duration, least float64, name string, of func(*Outcome) uint32, unit float64) *operand {
	i, answered := s.tally(name, of), s.tally(answeredTally, answeredOne)
	if i < 0 || answered < 0 {
		return l.tooMany(n, s)
	}
	o := l.signal(n, fn, s, asks(s, state.Want{Ask: state.Part, Tally: i, Among: answered, Window: state.Span(w)}, func(g state.Got) (float64, bool) {
		return float64(g.Sum) / float64(max(g.Count, 1)) / unit, float64(g.Count) >= least
	}))
	o.sparse = true
	return o
}

func (l *lowering) tooMany(n *ast.CallNode, s *subject) *operand {
	l.fault(n, fmt.Sprintf("more than %d different things are counted of the calls by %s", maxTallies, s.name), "ask with the same durations and statuses where you can")
	return nil
}

// span is an argument that is a duration.
func (l *lowering) span(n ast.Node) (time.Duration, bool) {
	d, ok := durationOf(n)
	if !ok || d > longestCall {
		l.fault(n, canonical(n)+" is no duration of a call", `in quotes, as in "6s"`)
		return 0, false
	}
	return d, true
}

// responses lowers how many calls ended with one of some statuses.
func (l *lowering) responses(n *ast.CallNode, fn *Function) *operand {
	parts, ok := l.key(n.Arguments[0])
	w, good := l.window(n.Arguments[1])
	ok = ok && good
	codes := map[int]bool{}
	for _, arg := range n.Arguments[2:] {
		v, isInteger := arg.(*ast.IntegerNode)
		switch {
		case !isInteger || v.Value < 200 || v.Value > 699:
			l.fault(arg, shorten(arg.String())+" is no final SIP status", "200 to 699, as in 607")
			ok = false
		case codes[v.Value]:
			l.fault(arg, fmt.Sprintf("%d is there twice", v.Value), "keep one")
			ok = false
		default:
			codes[v.Value] = true
		}
	}
	if !ok {
		return nil
	}
	s := l.subjectOf(parts, keyPart{}, w)
	s.shape.Finished = true
	var places []int
	for _, arg := range n.Arguments[2:] {
		code := arg.(*ast.IntegerNode).Value
		i := s.tally(fmt.Sprintf("code:%d", code), func(o *Outcome) uint32 { return one(o.Code == code) })
		if i < 0 {
			return l.tooMany(n, s)
		}
		place, _ := s.want(state.Want{Ask: state.Finished, Tally: i, Window: state.Span(w)})
		places = append(places, place)
	}
	return l.signal(n, fn, s, func(f *frame) (float64, bool) {
		sum := uint64(0)
		for _, place := range places {
			got, known := f.counted(s, place, true)
			if !known {
				return 0, false
			}
			sum += got.Sum
		}
		return float64(sum), true
	})
}
