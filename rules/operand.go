package rules

import (
	"net/netip"
	"strconv"
	"strings"
)

// operand is a value that a test looks at.
type operand struct {
	source string // as canonical text; equal texts are equal values
	typ    ValueType

	text    func(*frame) string
	number  func(*frame) Number         // of NumberType; nil for callers
	project func(*frame, Number) string // text made of number or callers: country, kind
	local   func(localTime) int         // of the local times at number or callers: weekday, local_time
	address func(*frame) netip.Addr
	measure func(*frame) (value float64, known bool) // of CountType, ShareType and SpanType
	most    float64                                  // that is measured; 0: no bound
	numbers string                                   // source of the number or set that is projected
	set     bool                                     // number or set of numbers: callers

	what  string   // what a constant is called that is compared with it
	words []string // all constants that can equal it; nil: any
	state string   // what it asks beside the call and the lists, empty for nothing

	// upTo measures only as far as it takes to compare with a limit, which is
	// cheaper; nil: measure does.
	upTo func(limit float64) func(*frame) (value float64, known bool)

	subject *subject // whose calls it counts, nil for none
	sparse  bool     // it is often unknown: a ratio of too few calls
}

// isNumber tells whether the value is made of numbers.
func (o *operand) isNumber() bool { return o.number != nil || o.set }

// isPlain tells whether tests look at the numbers themselves.
func (o *operand) isPlain() bool { return o.typ == NumberType || o.typ == NumberSetType }

// any calls test with the number, or with those of the set until one holds.
func (o *operand) any(test func(*frame, Number) bool) func(*frame) bool {
	if !o.set {
		read := o.number
		return func(f *frame) bool { return test(f, read(f)) }
	}
	return func(f *frame) bool {
		for _, n := range f.callers() {
			if test(f, n) {
				return true
			}
		}
		return false
	}
}

// asText reads text, also where it is made of a single number.
func (o *operand) asText() func(*frame) string {
	if o.project == nil {
		return o.text
	}
	read, project := o.number, o.project
	return func(f *frame) string { return project(f, read(f)) }
}

// show is the value in words, for explanations.
func (o *operand) show(f *frame) string {
	if o.measure != nil {
		return o.showMeasure(f)
	}
	if !o.isNumber() {
		if o.address != nil {
			if a := o.address(f); a.IsValid() {
				return a.String()
			}
			return ""
		}
		return o.text(f)
	}
	var all []string
	one := func(n Number) {
		switch {
		case o.local != nil:
			for _, t := range f.localTimes(n) {
				all = append(all, showLocal(o, t))
			}
		case o.project != nil:
			all = append(all, o.project(f, n))
		case !n.IsZero():
			all = append(all, n.String())
		}
	}
	if !o.set {
		one(o.number(f))
		return strings.Join(all, ", ")
	}
	for _, n := range f.callers() {
		one(n)
	}
	return strings.Join(all, ", ")
}

// flagOperand shows a flag in explanations.
func flagOperand(a *Attribute) *operand {
	flag := a.flag
	return &operand{source: a.Name, typ: FlagType, text: func(f *frame) string { return strconv.FormatBool(flag(f)) }}
}
