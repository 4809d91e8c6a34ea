package rules

import "time"

// testSlow is a slow-down in a test.
type testSlow struct {
	place  Position // of the name
	slowed Slowed
	lasts  time.Duration
}

func (r *testReader) slow(n *node, subject string) *testSlow {
	f, ok := r.fields(n, subject, testSlowKeys)
	if !ok {
		return nil
	}
	s := &testSlow{}
	for _, of := range slowable {
		if name := f[of]; name != nil {
			if s.slowed.Of != "" {
				r.d.at(name.key, subject, "account and trunk", "keep one, and write a step for the other")
			}
			s.place, s.slowed.Of, s.slowed.Name = name.at, of, r.text(name, subject)
		}
	}
	if s.slowed.Name == "" {
		r.d.at(n.at, subject, "slow has no account and no trunk", "as in {account: alice, for: 15m}")
	}
	if f.lacks("for") {
		r.d.at(n.at, subject, "slow has no for", "as in {account: alice, for: 15m}")
		return s
	}
	s.lasts = r.duration(f["for"], subject)
	return s
}

// begin slows down, if anything is to be.
func (s *testSlow) begin(e *Engine, at time.Time) {
	if s != nil {
		slowed := s.slowed
		slowed.Until = at.Add(s.lasts)
		e.Slow(slowed, at)
	}
}
