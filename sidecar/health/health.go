// Package health watches how carriers, trunks and accounts do, by the calls
// that are over: how many are answered, how many of those end at once, how many
// are sent back as unwanted. It knows no clock and no server: each call brings
// its time, and what has changed is returned to whoever tells.
package health

import (
	"container/list"
	"strings"
	"time"

	"ringfence/rules"
)

// Role is the part that a subject has in calls.
type Role uint8

// The roles.
const (
	Upstream Role = iota // the trunk that answered
	Trunk                // the trunk that the call came in by
	Account              // the authenticated account
)

var roleNames = [...]string{"upstream", "trunk", "account"}

func (r Role) String() string { return roleNames[r] }

// Subject is whose health it is.
type Subject struct {
	Role Role
	Name string
}

func (s Subject) String() string { return s.Role.String() + " " + s.Name }

// Config says what is watched for. Shares are of 1.
type Config struct {
	Window         time.Duration // that is judged; it moves on in fifths
	Min            int           // calls over within it, or it is not judged
	AnswerRateDrop float64       // below what is usual
	BlockShare     float64       // of all calls
	Short          time.Duration // an answered call below it is short
	ShortShare     float64       // of answered calls
}

// Bounds of what is remembered. A subject beyond them takes the place of the one
// whose last call is the longest ago, of those without an alarm if there is one
// among the first few.
const (
	maxTrunks   = 256    // upstreams, and trunks
	maxAccounts = 10_000 // accounts
	spared      = 8      // subjects with an alarm that are passed over

	forgetAfter = 30 * 24 * time.Hour // without a call
)

// Tracker keeps the health of all subjects. It is used by one goroutine at a
// time.
type Tracker struct {
	config  Config
	present int64 // number of the step that calls are counted in now
	closed  int   // steps since the windows are empty
	roles   [len(roleNames)]roster
	evicted uint64
	events  []Event
}

// roster are the subjects of one role, those with the latest call in front.
type roster struct {
	named map[string]*list.Element // of *subject
	order list.List
	most  int
}

// New makes a tracker that has seen nothing.
func New(c Config, at time.Time) *Tracker {
	t := &Tracker{config: c}
	for role := range t.roles {
		t.roles[role] = roster{named: make(map[string]*list.Element), most: maxTrunks}
	}
	t.roles[Account].most = maxAccounts
	t.present = t.step(at)
	return t
}

// step numbers the step that a time lies in.
func (t *Tracker) step(at time.Time) int64 { return at.UnixNano() / int64(t.config.length()) }

// length is that of a step.
func (c *Config) length() time.Duration { return max(c.Window/steps, 1) }

// Ended takes a call that is over, told at that time, and returns the alarms
// that began or ended. When the call itself says that it was over does not
// count: that can be wrong.
func (t *Tracker) Ended(e *rules.Ended, at time.Time) []Event {
	t.advance(at)
	one := t.counts(e)
	source := Subject{Account, e.Account}
	if source.Name == "" {
		source = Subject{Trunk, e.Trunk}
	}
	for _, of := range [...]Subject{{Upstream, e.Carrier}, {Trunk, e.Trunk}, {Account, e.Account}} {
		if of.Name == "" {
			continue
		}
		s := t.subject(of, at)
		s.now.add(one)
		s.last = at
		if of.Role == Upstream && source.Name != "" {
			s.recent[0].add(source, one)
		}
	}
	return t.told()
}

// Advance lets the time go on and returns the alarms that began or ended.
func (t *Tracker) Advance(at time.Time) []Event {
	t.advance(at)
	return t.told()
}

func (t *Tracker) told() []Event {
	events := t.events
	t.events = nil
	return events
}

// counts are what one call adds.
func (t *Tracker) counts(e *rules.Ended) Counts {
	one := Counts{Calls: 1}
	switch {
	case e.Answered():
		one.Answered = 1
		if e.Talk < t.config.Short {
			one.Short = 1
		}
	case blocked(e):
		one.Blocked = 1
	}
	return one
}

// blocked tells whether a call came back as unwanted: 607 (RFC 8197), or stopped by
// a carrier's analytics (608, 603+).
func blocked(e *rules.Ended) bool { return e.Code == 607 || e.Blocked != nil }

// advance closes the steps that are over at that time. A clock that was set back
// by more than a window begins anew.
func (t *Tracker) advance(at time.Time) {
	next := t.step(at)
	if next < t.present-steps {
		t.restart(at)
		return
	}
	for gone := 0; t.present < next && gone <= steps; gone++ {
		t.present++
		t.close(at)
	}
	t.present = max(t.present, next) // the steps between were as empty as the last
}

// restart empties the windows. What was learned and what is on stays.
func (t *Tracker) restart(at time.Time) {
	t.present, t.closed = t.step(at), 0
	t.each(func(s *subject) { s.window, s.recent = window{}, [steps + 1]sources{} })
}

func (t *Tracker) each(do func(*subject)) {
	for role := range t.roles {
		for e := t.roles[role].order.Front(); e != nil; e = e.Next() {
			do(e.Value.(*subject))
		}
	}
}

// close ends a step: every window moves on and is judged, and a whole one that
// was judged well is learned from.
func (t *Tracker) close(at time.Time) {
	t.closed++
	whole := t.closed >= steps
	t.each(func(s *subject) {
		s.move()
		if whole {
			s.judge(t, at)
		}
		if t.closed%steps == 0 {
			s.learn(&t.config)
		}
	})
	for role := range t.roles {
		r := &t.roles[role]
		for e := r.order.Back(); e != nil && at.Sub(e.Value.(*subject).last) > forgetAfter; e = r.order.Back() {
			t.forget(r, e, at)
		}
	}
}

// subject is the one of that name, new when it is not known.
func (t *Tracker) subject(of Subject, at time.Time) *subject {
	r := &t.roles[of.Role]
	if e := r.named[of.Name]; e != nil {
		r.order.MoveToFront(e)
		return e.Value.(*subject)
	}
	if r.order.Len() >= r.most {
		t.evict(r, at)
	}
	of.Name = strings.Clone(of.Name) // it can be part of a larger text
	s := &subject{Subject: of, last: at}
	r.named[of.Name] = r.order.PushFront(s)
	return s
}

// evict makes room for one.
func (t *Tracker) evict(r *roster, at time.Time) {
	for range spared {
		if !r.order.Back().Value.(*subject).alarmed() {
			break
		}
		r.order.MoveToFront(r.order.Back())
	}
	t.forget(r, r.order.Back(), at)
	t.evicted++
}

func (t *Tracker) forget(r *roster, e *list.Element, at time.Time) {
	s := e.Value.(*subject)
	s.quiet(t, at, "it is watched no more")
	r.order.Remove(e)
	delete(r.named, s.Name)
}

// Set changes what is watched for. Another window begins anew, and so does what
// was learned of short calls when they are others now.
func (t *Tracker) Set(c Config, at time.Time) {
	before := t.config
	t.config = c
	if c.Short != before.Short {
		t.each(func(s *subject) { s.short = usual{} })
	}
	if c.Window != before.Window || c.Short != before.Short {
		t.restart(at)
	}
}

// Quiet ends all alarms and empties the windows; what was learned stays.
func (t *Tracker) Quiet(at time.Time) []Event {
	t.each(func(s *subject) { s.quiet(t, at, "health is off") })
	t.restart(at)
	return t.told()
}

// Stats count what a tracker holds.
type Stats struct {
	Subjects int
	Evicted  uint64 // subjects that made room for others
}

// Stats are those of now.
func (t *Tracker) Stats() Stats {
	s := Stats{Evicted: t.evicted}
	for role := range t.roles {
		s.Subjects += t.roles[role].order.Len()
	}
	return s
}
