package health

import (
	"fmt"
	"slices"
	"time"
)

// Saved is what outlives a restart: what is usual, and which alarms are on. The
// calls of the last window are not in it.
type Saved struct {
	Short    time.Duration  `json:"short"` // below it calls were short
	Subjects []SavedSubject `json:"subjects"`
}

// SavedSubject is one subject.
type SavedSubject struct {
	Role   string               `json:"role"`
	Name   string               `json:"name"`
	Last   time.Time            `json:"last"`
	Answer usual                `json:"answer"`
	Shorts usual                `json:"short"`
	Alarms map[string]time.Time `json:"alarms,omitempty"` // by kind, since when
}

// Save is what is to be kept.
func (t *Tracker) Save() Saved {
	saved := Saved{Short: t.config.Short, Subjects: []SavedSubject{}}
	t.each(func(s *subject) {
		one := SavedSubject{Role: s.Role.String(), Name: s.Name, Last: s.last, Answer: s.answer, Shorts: s.short}
		for _, on := range s.on() {
			if one.Alarms == nil {
				one.Alarms = make(map[string]time.Time)
			}
			one.Alarms[on.Kind.String()] = on.Since
		}
		saved.Subjects = append(saved.Subjects, one)
	})
	return saved
}

// Restore takes what was kept into a tracker that has seen nothing. When it
// makes no sense nothing is taken.
func (t *Tracker) Restore(saved Saved, at time.Time) error {
	for i := range saved.Subjects {
		if err := saved.Subjects[i].check(); err != nil {
			return err
		}
	}
	for _, one := range slices.Backward(saved.Subjects) { // the one with the latest call in front again
		if at.Sub(one.Last) > forgetAfter {
			continue
		}
		s := t.subject(Subject{Role(slices.Index(roleNames[:], one.Role)), one.Name}, at)
		s.last, s.answer = earlier(one.Last, at), one.Answer
		if saved.Short == t.config.Short {
			s.short = one.Shorts
		}
		for name, since := range one.Alarms {
			s.alarms[slices.Index(kindNames[:], name)].since = earlier(since, at)
		}
	}
	t.evicted = 0
	t.events = nil
	return nil
}

// earlier is the earlier of two times: nothing kept lies in the future.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (s *SavedSubject) check() error {
	if s.Name == "" || !slices.Contains(roleNames[:], s.Role) {
		return fmt.Errorf("%q %q is no subject of health", s.Role, s.Name)
	}
	for _, u := range [...]usual{s.Answer, s.Shorts} {
		if u.Value < 0 || u.Value > 1 || u.Windows < 0 || u.Windows > memory {
			return fmt.Errorf("%s %s: %g after %d windows can't be usual", s.Role, s.Name, u.Value, u.Windows)
		}
	}
	for name, since := range s.Alarms {
		if !slices.Contains(kindNames[:], name) || since.IsZero() {
			return fmt.Errorf("%s %s: %q since %s is no alarm", s.Role, s.Name, name, since)
		}
	}
	return nil
}
