package rules

import "slices"

// Measured is what a rule that stopped a call, or would have, read of what calls
// did: the figure that decided.
type Measured struct {
	Signal string  `json:"signal"` // as the rule has it
	Value  float64 `json:"value"`  // seconds of a duration
}

// measures are the signals that the condition of r asks for, each once.
func (r *Rule) measures() (all []*operand) {
	r.condition.walk(true, func(c *condition, _ bool) {
		for _, o := range c.reads {
			if o.measure != nil && o.state != whatRulesGave && !slices.ContainsFunc(all, func(other *operand) bool { return other.source == o.source }) {
				all = append(all, o)
			}
		}
	})
	return all
}

// measured notes what r read, as far as it is known and not noted yet.
func (r *Rule) measured(f *frame, v *Verdict) {
	for _, o := range r.signals {
		if value, known := o.measure(f); known && !slices.ContainsFunc(v.Measured, func(m Measured) bool { return m.Signal == o.source }) {
			v.Measured = append(v.Measured, Measured{o.source, value})
		}
	}
}
