package rules

import "path/filepath"

// Covered says how far tests tried one rule. A rule in mode off is not asked and
// has none.
type Covered struct {
	Rule      string `json:"rule"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Matched   int    `json:"matched"`   // tests with a call that it matched
	Unmatched int    `json:"unmatched"` // tests with a call that it was asked about and did not match
}

// tally is what one test saw of each rule.
type tally struct {
	before    []uint64 // counts
	matched   []bool
	unmatched []bool
}

func (t *trial) begin() *tally {
	s := &tally{before: make([]uint64, len(t.set.rules)), matched: make([]bool, len(t.set.rules)), unmatched: make([]bool, len(t.set.rules))}
	for i, r := range t.set.rules {
		s.before[i] = r.Counts.total()
	}
	return s
}

func (c *RuleCounts) total() uint64 { return c.Matched.Load() + c.Monitored.Load() }

// see takes the verdict on one call: what was counted since the last matched,
// the rest up to the one that ended it was asked in vain. The index leaves out
// only what would not match.
func (s *tally) see(t *trial, v *Verdict) {
	if v.Guard != Unguarded {
		return
	}
	for i, r := range t.set.rules {
		if n := r.Counts.total(); n != s.before[i] {
			s.before[i], s.matched[i] = n, true
		} else {
			s.unmatched[i] = true
		}
		if v.Rule == r {
			return
		}
	}
}

func (t *trial) end(s *tally) {
	for i := range s.matched {
		if s.matched[i] {
			t.matched[i]++
		}
		if s.unmatched[i] {
			t.unmatched[i]++
		}
	}
}

// coverage adds up the rules of all trials: a rule may be in several.
type coverage struct{ trials []*trial }

func (c *coverage) add(t *trial) {
	for _, other := range c.trials {
		if other == t {
			return
		}
	}
	c.trials = append(c.trials, t)
}

func (c *coverage) rules() []Covered {
	type key struct{ file, id string }
	places := map[key]int{}
	var all []Covered
	for _, t := range c.trials {
		for i, r := range t.set.rules {
			if r.Mode == Off {
				continue
			}
			k := key{filepath.Clean(r.File), r.ID}
			place, ok := places[k]
			if !ok {
				place = len(all)
				places[k] = place
				all = append(all, Covered{Rule: r.ID, File: r.File, Line: r.Line})
			}
			all[place].Matched += t.matched[i]
			all[place].Unmatched += t.unmatched[i]
		}
	}
	return all
}
