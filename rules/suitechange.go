package rules

import (
	"errors"
	"fmt"
	"time"
)

var liveActions = [...]LiveAction{LiveAdd, LiveRemove, LiveRevert}

// testChange is a live change to a list in a test.
type testChange struct {
	place  Position
	list   Position
	change LiveChange
	lasts  time.Duration // 0: for good
}

func (r *testReader) change(n *node, action LiveAction, subject string) testChange {
	c := testChange{place: n.at, change: LiveChange{Action: action}}
	f, ok := r.fields(n, subject, testChangeKeys)
	if !ok {
		return c
	}
	for _, key := range [...]string{"list", "entry"} {
		if f.lacks(key) {
			r.d.at(n.at, subject, fmt.Sprintf("%s has no %s", action, key), `as in {list: spam, entry: "+13035550260"}`)
		}
	}
	if c.change.List = r.text(f["list"], subject); f["list"] != nil {
		c.list = f["list"].at
	}
	for _, n := range r.several(f["entry"], subject) {
		if entry := r.text(n, subject); entry != "" {
			c.change.Entries = append(c.change.Entries, entry)
		}
	}
	c.change.Subscriber = r.text(f["subscriber"], subject)
	if word := r.text(f["why"], subject); word != "" {
		if c.change.Why, ok = ParseWhy(word); !ok {
			r.d.at(f["why"].at, subject, fmt.Sprintf("unknown why %q", word), didYouMean(word, rowWhys()))
		}
	}
	if f["for"] != nil {
		c.lasts = r.duration(f["for"], subject)
	}
	return c
}

// change makes the live changes of the step.
func (s *testStep) change(e *Engine, at time.Time) (d Diagnostics) {
	for _, c := range s.changes {
		ch := c.change
		ch.Added = at
		if c.lasts > 0 {
			ch.Expires = at.Add(c.lasts)
		}
		_, err := e.ChangeList(ch, at, func(LiveChange) error { return nil })
		var findings Diagnostics
		if !errors.As(err, &findings) && err != nil {
			findings = Diagnostics{{Message: err.Error()}}
		}
		for _, f := range findings {
			d.at(c.place, s.subject, fmt.Sprintf("%s: %s", ch.Action, f.Message), f.Hint)
		}
	}
	return d
}
