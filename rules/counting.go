package rules

import (
	"ringfence/rules/state"
)

// counting is what an engine counts calls with, for the ruleset at work.
type counting struct {
	store    *state.Store
	subjects []*subject    // of the ruleset
	kinds    []*state.Kind // by subject
	salts    []state.Hash  // of their names
	numbers  []uint16      // by subject: its number in this engine, the same over reloads
	places   []int         // by number: the subject's place, -1 for one that is not counted any more
}

// counting readies the subjects of rs. Numbers are given out once: beyond their
// bound further subjects are not counted when a call is over.
func (e *Engine) counting(rs *Ruleset) counting {
	c := counting{store: e.store, subjects: rs.subjects}
	for _, s := range rs.subjects {
		kind, err := e.store.Kind(s.shape)
		if err != nil {
			kind = nil // too many reloads have changed what is counted: nothing is known of it
		}
		c.kinds, c.salts, c.numbers = append(c.kinds, kind), append(c.salts, e.store.Seed().Text(s.name)), append(c.numbers, e.subject(s.name))
	}
	c.places = make([]int, len(e.numbers))
	for i := range c.places {
		c.places[i] = -1
	}
	for place, number := range c.numbers {
		if number != noSubject {
			c.places[number] = place
		}
	}
	return c
}

// noSubject is the number of subjects for which none was left.
const noSubject = 1<<16 - 1

// subject is the number of the subject of that name, from now on. Swap is locked,
// or no call is under way.
func (e *Engine) subject(name string) uint16 {
	number, ok := e.numbers[name]
	if !ok {
		if len(e.numbers) == noSubject {
			return noSubject
		}
		number = uint16(len(e.numbers))
		e.numbers[name] = number
	}
	return number
}

// of is the place of the subject with that number, -1 when it is not counted.
func (c *counting) of(number uint16) int {
	if int(number) >= len(c.places) {
		return -1
	}
	return c.places[number]
}

// history is the answers of one evaluation about what calls did.
type history struct {
	with    *counting    // nil: nothing is known
	foresee bool         // answer as if this call were counted
	passed  bool         // this call was let pass before, when it was asked about first
	going   bool         // and is among those that go on
	keys    []state.Hash // by subject; 0: the call has no such key
	keyed   []bool       // by subject: its key was looked for
	got     []state.Got
	known   []bool // by answer
}

// start forgets what the call before was told.
func (c *history) start(with *counting, answers int) {
	c.with, c.foresee, c.passed, c.going = with, false, false, false
	n := 0
	if with != nil {
		n = len(with.subjects)
	}
	c.keys, c.keyed = resized(c.keys, n), resized(c.keyed, n)
	c.got, c.known = resized(c.got, answers), resized(c.known, answers)
}

// resized is s with n zero values.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// key is that of the i-th subject, 0 when the call has none.
func (f *frame) key(i int) state.Hash {
	c := &f.history
	if !c.keyed[i] {
		c.keyed[i] = true
		if c.with.kinds[i] == nil {
			return 0
		}
		s, seed := c.with.subjects[i], c.with.store.Seed()
		h := c.with.salts[i]
		for p := range s.parts {
			v, known := s.parts[p].value(f, seed)
			if !known {
				return 0
			}
			h = seed.With(h, v)
		}
		c.keys[i] = h
	}
	return c.keys[i]
}

// attempt counts the call as an attempt, by all that rules ask about.
func (f *frame) attempt() {
	c := &f.history
	seed := c.with.store.Seed()
	for i, s := range c.with.subjects {
		h := f.key(i)
		if h == 0 {
			continue
		}
		n := len(s.prompt)
		c.with.store.Attempt(seed.Key(h), c.with.kinds[i], f.call.At, s.seen(f, seed), s.prompt, c.got[s.base:s.base+n])
		for j := range n {
			c.known[s.base+j] = true
		}
	}
}

// counted is the answer to a question about a subject, asked once a call; false
// when the call has no such key.
func (f *frame) counted(s *subject, place int, late bool) (state.Got, bool) {
	c := &f.history
	if c.with == nil || !s.asked {
		return state.Got{}, false
	}
	h := f.key(s.place)
	if h == 0 {
		return state.Got{}, false
	}
	at, wants := s.base+place, s.prompt
	if late {
		at, wants = at+len(s.prompt), s.late
	}
	if !c.known[at] {
		c.known[at] = true
		seed := c.with.store.Seed()
		key, kind := seed.Key(h), c.with.kinds[s.place]
		if c.foresee {
			c.with.store.Foresee(key, kind, f.call.At, s.seen(f, seed), wants[place:place+1], c.got[at:at+1])
		} else {
			c.with.store.Read(key, kind, f.call.At, wants[place:place+1], c.got[at:at+1])
		}
	}
	return c.got[at], true
}

// keep counts that the call was let pass, once, and notes by what it is counted
// when it is over.
func (f *frame) keep(call *pendingCall) {
	c := &f.history
	seed := c.with.store.Seed()
	for i, s := range c.with.subjects {
		passes := s.passing && !c.passed
		if !passes && !s.kept() {
			continue
		}
		h := f.key(i)
		if h == 0 {
			continue
		}
		if passes || s.going {
			c.with.store.Pass(seed.Key(h), c.with.kinds[i], f.call.At, passes, s.going)
		}
		if !s.kept() {
			continue
		}
		n := call.kept
		call.keys[n], call.by[n] = h, c.with.numbers[i]
		call.kept++
		if s.going {
			call.going |= 1 << n
		}
	}
}

// finish counts a call that is over.
func (c *counting) finish(call *pendingCall, o *Outcome) {
	seed := c.store.Seed()
	var tallies [maxTallies]uint32
	for n := range int(call.kept) {
		going := call.going&(1<<n) != 0
		place := c.of(call.by[n])
		if place < 0 || c.kinds[place] == nil {
			if going {
				c.store.End(seed.Key(call.keys[n]))
			}
			continue
		}
		s := c.subjects[place]
		for i := range s.adds {
			tallies[i] = s.adds[i].of(o)
		}
		c.store.Finish(seed.Key(call.keys[n]), c.kinds[place], o.At, tallies[:len(s.adds)], going)
	}
}

// end takes a call of which no outcome will come off those that go on.
func (c *counting) end(call *pendingCall) {
	for n := range int(call.kept) {
		if call.going&(1<<n) != 0 {
			c.store.End(c.store.Seed().Key(call.keys[n]))
		}
	}
}
