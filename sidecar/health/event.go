package health

import (
	"fmt"
	"time"
)

// Event is an alarm that begins or ends.
type Event struct {
	Subject
	Kind    Kind
	Begin   bool
	At      time.Time
	Since   time.Time // when it began
	Why     string    // it ends
	Figures Figures   // of the window
	Source  *Source   // of an upstream's alarm that begins: who made the most bad calls; nil: not known
}

// Source is an account, or a trunk for calls without one, whose calls an
// upstream took.
type Source struct {
	Subject
	Calls  int
	Bad    int  // of them, those that the alarm is about
	AllBad int  // of all sources
	Caused bool // but for its calls there would be no alarm
}

// Figures are the calls of a window and what is usual.
type Figures struct {
	Counts
	AnswerRate  float64  `json:"answer_rate"`
	BlockShare  float64  `json:"block_share"`
	ShortShare  float64  `json:"short_share"`
	UsualAnswer *float64 `json:"usual_answer_rate,omitempty"` // absent until it is learned
	UsualShort  *float64 `json:"usual_short_share,omitempty"`
	LearnedFrom int      `json:"learned_windows"`
}

func (s *subject) figures() Figures {
	f := Figures{
		Counts: s.sum, AnswerRate: share(s.sum.Answered, s.sum.Calls),
		BlockShare: share(s.sum.Blocked, s.sum.Calls), ShortShare: share(s.sum.Short, s.sum.Answered),
		LearnedFrom: s.answer.Windows,
	}
	if s.answer.known() {
		value := s.answer.Value
		f.UsualAnswer = &value
	}
	if s.short.known() {
		value := s.short.Value
		f.UsualShort = &value
	}
	return f
}

// View is the health of one subject.
type View struct {
	Subject
	Figures
	Alarms []On
}

// On is an alarm that is on.
type On struct {
	Kind  Kind
	Since time.Time
}

func (s *subject) on() (on []On) {
	for _, k := range Kinds {
		if s.alarms[k].on() {
			on = append(on, On{k, s.alarms[k].since})
		}
	}
	return on
}

// Views are all upstreams and trunks, and the accounts that have an alarm.
func (t *Tracker) Views() (views []View) {
	t.each(func(s *subject) {
		if s.Role != Account || s.alarmed() {
			views = append(views, View{s.Subject, s.figures(), s.on()})
		}
	})
	return views
}

// Text is the event in words.
func (e *Event) Text() string {
	f := &e.Figures
	what := ""
	switch e.Kind {
	case AnswerRate:
		what = fmt.Sprintf("%d of %d calls answered (%s)", f.Answered, f.Calls, percent(f.AnswerRate))
		if f.UsualAnswer != nil {
			what += fmt.Sprintf(", usually %s", percent(*f.UsualAnswer))
		}
	case BlockShare:
		what = fmt.Sprintf("%d of %d calls came back as unwanted (%s)", f.Blocked, f.Calls, percent(f.BlockShare))
	case ShortShare:
		what = fmt.Sprintf("%d of %d answered calls were short (%s)", f.Short, f.Answered, percent(f.ShortShare))
	}
	if !e.Begin {
		return fmt.Sprintf("%s: the alarm is over, for %s; %s", e.Subject, e.Why, what)
	}
	if s := e.Source; s != nil {
		what += fmt.Sprintf("; %d of the %d bad ones were those of %s", s.Bad, s.AllBad, s.Subject)
	}
	return fmt.Sprintf("%s: %s", e.Subject, what)
}

func percent(v float64) string { return fmt.Sprintf("%.1f%%", 100*v) }
