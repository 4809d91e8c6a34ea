package rules

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ringfence/rules/state"
)

// subject is what calls are counted by: one value of a call or several together,
// and what is counted of them. Rules that ask about the same share it.
type subject struct {
	name    string // as rules have it; equal names are the same subject
	parts   []keyPart
	with    keyPart // the value that a key is seen with; zero: none is noted
	shape   state.Shape
	adds    []addend     // what a call that is over adds to the shape's tallies
	prompt  []state.Want // answered with the counting of an attempt
	late    []state.Want // answered when a rule gets that far
	going   bool         // a rule asks how many calls go on
	passing bool         // a rule asks about calls that were let pass
	asked   bool         // by a rule that is not off
	base    int          // of its answers in a frame
	place   int          // among the subjects of the ruleset
}

// keyPart is one of the values that make a key.
type keyPart struct {
	source string
	value  func(*frame, state.Seed) (v uint64, known bool)
}

// addend is what the calls of a subject add up to.
type addend struct {
	name string
	of   func(*Outcome) uint32
}

// Bounds of what is counted.
const (
	maxSubjects = 64
	maxKept     = 8  // subjects of which a call that is over is counted
	maxTallies  = 16 // of one subject
	maxParts    = 3
)

// kept tells whether calls of the subject are counted when they are over.
func (s *subject) kept() bool { return s.asked && (s.shape.Finished || s.going) }

// seen is the value that the key is seen with, 0 for none.
func (s *subject) seen(f *frame, seed state.Seed) uint64 {
	if s.with.value == nil {
		return 0
	}
	v, known := s.with.value(f, seed)
	if !known {
		return 0
	}
	return v
}

// tally is the place of a tally among those of the subject, -1 when there is no
// room.
func (s *subject) tally(name string, of func(*Outcome) uint32) int {
	i := slices.Index(s.shape.Tallies, name)
	if i < 0 && len(s.adds) < maxTallies {
		i = len(s.adds)
		s.shape.Tallies = append(s.shape.Tallies, name)
		s.adds = append(s.adds, addend{name, of})
	}
	return i
}

// want is the place of a question among those of its kind.
func (s *subject) want(w state.Want) (place int, late bool) {
	all := &s.prompt
	if late = w.Ask == state.Finished || w.Ask == state.Part || w.Ask == state.Distinct; late {
		all = &s.late
	}
	if place = slices.Index(*all, w); place < 0 {
		place = len(*all)
		*all = append(*all, w)
	}
	return place, late
}

// answers is how many answers a frame holds of the subject.
func (s *subject) answers() int { return len(s.prompt) + len(s.late) }

// subjectOf is the subject of that key and value, made when there is none yet.
// The values that most rules ask for stand in the same record as all else of the
// key; others have a record of their own.
func (c *compiler) subjectOf(parts []keyPart, with keyPart, span time.Duration) *subject {
	var names []string
	for _, p := range parts {
		names = append(names, p.source)
	}
	name := strings.Join(names, ", ")
	if with.value != nil && with.source != counterparts[name] {
		name += " with " + with.source
	}
	s := c.subjects[name]
	if s == nil {
		s = &subject{name: name, parts: parts}
		c.subjects[name] = s
		c.counted = append(c.counted, s)
	}
	if with.value != nil {
		s.with, s.shape.Distinct = with, true
	}
	s.shape.Keep = max(s.shape.Keep, span)
	return s
}

// counterparts are the values that keys are most often seen with.
var counterparts = map[string]string{"caller": "callee", "callee": "caller"}

// arrange gives the subjects that a rule asks about their places.
func (rs *Ruleset) arrange(c *compiler) {
	asked, kept := 0, 0
	for _, r := range rs.rules {
		if r.Mode == Off || r.condition == nil {
			continue
		}
		bound := func(n *int, most int, what string) {
			if *n++; *n == most+1 {
				c.d.at(Position{r.File, r.Line, r.Column}, fmt.Sprintf("rule %q", r.ID), fmt.Sprintf("%s by one more value, and with the rules before by more than %d", what, most),
					"ask by values that others ask by, or take out what is hardly asked about")
			}
		}
		r.condition.walk(true, func(p *condition, _ bool) {
			for _, o := range p.reads {
				if s := o.subject; s != nil && !s.asked {
					s.asked = true
					bound(&asked, maxSubjects, "counts calls")
					if s.kept() {
						bound(&kept, maxKept, "asks how calls ended, or go on,")
					}
				}
			}
		})
	}
	for _, s := range c.counted {
		if !s.asked {
			continue
		}
		s.base, s.place = rs.answers, len(rs.subjects)
		rs.answers += s.answers()
		rs.subjects = append(rs.subjects, s)
	}
}

// numberPart, textPart and addressPart read a key's value; an absent one is not
// known.
func numberPart(o *operand) keyPart {
	read := o.number
	return keyPart{o.source, func(f *frame, _ state.Seed) (uint64, bool) {
		n := read(f)
		return n.key, !n.IsZero()
	}}
}

func textPart(o *operand) keyPart {
	read := o.asText()
	return keyPart{o.source, func(f *frame, seed state.Seed) (uint64, bool) {
		text := read(f)
		return uint64(seed.Text(text)), text != ""
	}}
}

func addressPart(o *operand) keyPart {
	read := o.address
	return keyPart{o.source, func(f *frame, seed state.Seed) (uint64, bool) {
		a := read(f)
		return hashAddress(a, seed), a.IsValid()
	}}
}

func hashAddress(a netip.Addr, seed state.Seed) uint64 {
	b := a.As16()
	return uint64(seed.With(state.Hash(binary.BigEndian.Uint64(b[:8])), binary.BigEndian.Uint64(b[8:])))
}

// prefixPart is the first digits of an E.164 number; what is shorter, or none, is
// not known.
func prefixPart(o *operand, digits int) keyPart {
	read := o.number
	return keyPart{fmt.Sprintf("prefix(%s, %d)", o.source, digits), func(f *frame, _ state.Seed) (uint64, bool) {
		n := read(f)
		all := digitsOf(n)
		if all < digits {
			return 0, false
		}
		return n.key / powers[all-digits], true
	}}
}
