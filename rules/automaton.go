package rules

import (
	"fmt"
	"regexp/syntax"
	"slices"
)

// automaton recognises a set of digit strings in one step a digit and without
// allocation, which regexp does not promise. State 0 is the dead one, state 1
// the first.
type automaton struct {
	next   [][10]int32
	accept []bool
}

const maxStates = 1 << 14 // far above any numbering plan

// newAutomaton makes an automaton of a regular expression over digits.
func newAutomaton(expression string) (*automaton, error) {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("number pattern: %w", err)
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, fmt.Errorf("number pattern: %w", err)
	}
	a := &automaton{next: make([][10]int32, 1, 64), accept: make([]bool, 1, 64)}
	known := map[string]int32{}
	var open [][]uint32
	// state numbers the set of instructions, which are sorted.
	state := func(set []uint32) int32 {
		if len(set) == 0 {
			return 0
		}
		key := fmt.Sprint(set)
		s, ok := known[key]
		if !ok {
			s = int32(len(a.next))
			known[key] = s
			a.next = append(a.next, [10]int32{})
			a.accept = append(a.accept, slices.ContainsFunc(set, func(pc uint32) bool {
				return prog.Inst[pc].Op == syntax.InstMatch
			}))
			open = append(open, set)
		}
		return s
	}
	state(closure(prog, uint32(prog.Start)))
	for from := int32(1); len(open) > 0; from++ {
		set := open[0]
		open = open[1:]
		for digit := range 10 {
			var reached []uint32
			for _, pc := range set {
				if i := &prog.Inst[pc]; i.Op != syntax.InstMatch && i.MatchRune('0'+rune(digit)) {
					reached = append(reached, i.Out)
				}
			}
			a.next[from][digit] = state(closure(prog, reached...))
		}
		if len(a.next) > maxStates {
			return nil, fmt.Errorf("number pattern of more than %d states", maxStates)
		}
	}
	return a, nil
}

// closure is the set of matching instructions that can be reached from the
// given ones without reading a digit.
func closure(prog *syntax.Prog, from ...uint32) []uint32 {
	var set []uint32
	seen := map[uint32]bool{}
	for len(from) > 0 {
		pc := from[len(from)-1]
		from = from[:len(from)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch i := &prog.Inst[pc]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			from = append(from, i.Out, i.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			from = append(from, i.Out)
		case syntax.InstFail:
		default:
			set = append(set, pc)
		}
	}
	slices.Sort(set)
	return set
}

// matches tells whether all of the digits are in the set.
func (a *automaton) matches(digits []byte) bool { return a.accept[a.walk(digits)] }

// begins tells whether the set has a string that begins with the digits.
func (a *automaton) begins(digits []byte) bool { return a.walk(digits) != 0 }

func (a *automaton) walk(digits []byte) int32 {
	s := int32(1)
	for _, d := range digits {
		s = a.next[s][d]
	}
	return s
}
