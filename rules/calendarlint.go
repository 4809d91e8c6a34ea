package rules

import (
	"fmt"
	"time"
)

// lintPermitted warns of a rule that stops calls for being permitted.
func (r *Rule) lintPermitted(warn func(message, hint string)) {
	if !r.Ends || r.Action != Block || r.Why != Hours {
		return
	}
	for _, part := range r.condition.conjuncts() {
		if part.opens != nil {
			warn("stops calls while "+part.source+" holds, which is when they may be made", "write not "+part.source)
		}
	}
}

// calendarAge is how old what a calendar says may be, in years.
const calendarAge = 2

// lintCalendars warns of calendars that nobody asks for or that were not kept up.
func (rs *Ruleset) lintCalendars(now time.Time) {
	for _, c := range rs.calendars {
		subject := calendarSubject(c.Name)
		if !c.asked {
			rs.warnings.at(c.at, subject, "no rule asks for it", "")
		}
		if c.Date.AddDate(calendarAge, 0, 0).Before(now) {
			rs.warnings.at(c.dateAt, subject, fmt.Sprintf("was looked up on %s, more than %d years ago", c.Date.Format(time.DateOnly), calendarAge), "look it up again, and write the date")
		}
		for _, l := range c.lists {
			if l.last < dateOf(now) {
				last := time.Unix(0, 0).UTC().AddDate(0, 0, int(l.last))
				rs.warnings.at(l.at, subject, "its holidays end on "+last.Format(time.DateOnly)+": none since is known", "add those to come")
			}
		}
	}
}
