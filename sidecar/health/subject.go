package health

import (
	"math"
	"time"
)

// What is usual is learned from whole windows, the last day of them with the
// default window counting most.
const (
	memory    = 288 // windows
	learnFrom = 12  // windows, before it counts
)

// usual is what is usual of a share: the mean of the first windows, then the
// exponentially weighted one.
type usual struct {
	Value   float64 `json:"value"`
	Windows int     `json:"windows"` // up to memory
}

func (u *usual) learn(v float64) {
	u.Windows = min(u.Windows+1, memory)
	u.Value += (v - u.Value) / float64(u.Windows)
}

// known tells whether enough was learned.
func (u usual) known() bool { return u.Windows >= learnFrom }

// Kind is what an alarm is about.
type Kind uint8

// The kinds.
const (
	AnswerRate Kind = iota // far fewer calls are answered than usual
	BlockShare             // many calls come back as unwanted
	ShortShare             // many answered calls end at once
)

var kindNames = [...]string{"answer-rate", "block-share", "short-share"}

func (k Kind) String() string { return kindNames[k] }

// Kinds are all of them.
var Kinds = [...]Kind{AnswerRate, BlockShare, ShortShare}

// subject is what is known of one.
type subject struct {
	Subject
	window
	recent [steps + 1]sources // of an upstream: the present step, then the last whole one and so on
	answer usual
	short  usual
	alarms [len(Kinds)]alarm
	last   time.Time // of its last call
}

// alarm is on when it has begun.
type alarm struct {
	since   time.Time
	unclear int // steps in a row without calls enough to judge by
}

func (a *alarm) on() bool { return !a.since.IsZero() }

func (s *subject) alarmed() bool {
	for i := range s.alarms {
		if s.alarms[i].on() {
			return true
		}
	}
	return false
}

// move ends the present step.
func (s *subject) move() {
	s.window.move()
	copy(s.recent[1:], s.recent[:steps])
	s.recent[0] = nil
}

// learn takes the window as usual, unless an alarm is on: what is wrong must not
// become what is usual.
func (s *subject) learn(c *Config) {
	if s.sum.Calls < c.Min || s.alarmed() {
		return
	}
	s.answer.learn(share(s.sum.Answered, s.sum.Calls))
	if s.sum.Answered >= c.enough() {
		s.short.learn(share(s.sum.Short, s.sum.Answered))
	}
}

// enough is how many answered calls say something about short ones, and how
// many bad calls about who made them.
func (c *Config) enough() int { return max(c.Min/2, 1) }

// What makes an alarm, beside the configuration.
const (
	deviations  = 3   // standard deviations below what is usual, or chance explains it
	blockedMin  = 5   // calls that came back as unwanted
	shortGrowth = 1.5 // of what is usual
	recovered   = 0.75

	unclearMost = 12 * steps     // steps, then an alarm that cannot be judged ends
	lastsMost   = 24 * time.Hour // then what is is usual
)

// judgement is what a window says about one kind of alarm.
type judgement struct {
	judged bool // there were calls enough
	bad    bool // an alarm begins
	well   bool // it ends; between the two it stays as it is
}

// judgeCalls judges calls by the configuration and by what is usual of s.
func (s *subject) judgeCalls(k Kind, c *Config, t Counts) judgement {
	if t.Calls < c.Min {
		return judgement{}
	}
	switch k {
	case AnswerRate:
		if !s.answer.known() {
			return judgement{}
		}
		rate, usual := share(t.Answered, t.Calls), s.answer.Value
		chance := deviations * math.Sqrt(usual*(1-usual)/float64(t.Calls))
		return judgement{true, rate < usual*(1-c.AnswerRateDrop) && usual-rate > chance, rate >= usual*(1-c.AnswerRateDrop/2)}
	case BlockShare:
		part := share(t.Blocked, t.Calls)
		return judgement{true, part >= c.BlockShare && t.Blocked >= blockedMin, part < recovered*c.BlockShare}
	default:
		if t.Answered < c.enough() {
			return judgement{}
		}
		limit := c.ShortShare
		if s.short.known() {
			limit = max(limit, shortGrowth*s.short.Value)
		}
		part := share(t.Short, t.Answered)
		return judgement{true, part >= limit, part < recovered*limit}
	}
}

// judge begins and ends the alarms of s.
func (s *subject) judge(t *Tracker, at time.Time) {
	for _, k := range Kinds {
		a, now := &s.alarms[k], s.judgeCalls(k, &t.config, s.sum)
		if now.judged {
			a.unclear = 0
		}
		switch {
		case !a.on() && now.bad:
			a.since = at
			t.events = append(t.events, Event{Subject: s.Subject, Kind: k, Begin: true, At: at, Since: at, Figures: s.figures(), Source: s.cause(k, &t.config)})
		case !a.on():
		case now.judged && now.well:
			s.end(t, k, at, "it has recovered")
		case !now.judged:
			if a.unclear++; a.unclear >= unclearMost {
				s.end(t, k, at, "there are too few calls to tell")
			}
		case k == AnswerRate && at.Sub(a.since) >= lastsMost:
			s.answer = usual{}
			s.end(t, k, at, "it has lasted so long that it is taken as usual")
		}
	}
}

// end ends an alarm that is on.
func (s *subject) end(t *Tracker, k Kind, at time.Time, why string) {
	t.events = append(t.events, Event{Subject: s.Subject, Kind: k, At: at, Since: s.alarms[k].since, Why: why, Figures: s.figures()})
	s.alarms[k] = alarm{}
}

// quiet ends all alarms that are on.
func (s *subject) quiet(t *Tracker, at time.Time, why string) {
	for _, k := range Kinds {
		if s.alarms[k].on() {
			s.end(t, k, at, why)
		}
	}
}

// cause is who made the most of the bad calls of an upstream, nil when nobody is
// known. He has caused the alarm when over half of them, and enough, are his and
// the calls that all others made meanwhile are well. When there are too few of
// those to tell, codes and short calls are his doing; that nobody answers may be
// the carrier's.
func (s *subject) cause(k Kind, c *Config) *Source {
	of, counts := most(s.recent[1:], k)
	bad, all := counts.bad(k), s.sum.bad(k)
	if bad == 0 {
		return nil
	}
	var others Counts
	for i := 1; i <= steps; i++ {
		if his := s.recent[i][of]; his != nil {
			others.add(s.past[(s.next+steps-i)%steps].less(his.Counts))
		}
	}
	meanwhile := s.judgeCalls(k, c, others)
	caused := 2*bad > all && bad >= c.enough() && (meanwhile.well || !meanwhile.judged && k != AnswerRate)
	return &Source{Subject: of, Calls: counts.Calls, Bad: bad, AllBad: all, Caused: caused}
}
