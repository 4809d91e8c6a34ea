package rules

import (
	"slices"
	"time"
)

// Calendar is when numbers of some countries may be called: windows by weekday,
// days on which nobody is, and stricter schedules for numbers of a region. It
// does not change.
type Calendar struct {
	Name   string
	Source string    // which law or contract it is made of
	Date   time.Time // when that was looked up

	at        Position // of its declaration
	dateAt    Position // of Date
	files     []string // that it was read from: its own, and those of holidays
	lists     []holidayList
	countries []string
	common    schedule
	regions   map[prefix]*schedule
	digits    []int // of the prefixes, longest first
	asked     bool  // a rule asks for it
}

// schedule is when calls are permitted at one place.
type schedule struct {
	region   string // empty for the one that holds everywhere
	timed    bool   // it has windows; without them every hour of a day counts
	windows  [7][]span
	holidays map[int32]string // names by date; nobody is called then
}

// span is a part of a day, in minutes since midnight; to is not in it.
type span struct{ from, to uint16 }

// wholeDay is every minute of a day.
var wholeDay = []span{{0, 24 * 60}}

// holidayList is one list of holidays, for what is told of it.
type holidayList struct {
	at   Position
	last int32 // date
}

// on are the windows of a date.
func (s *schedule) on(date int32) []span {
	if _, ok := s.holidays[date]; ok {
		return nil
	}
	if !s.timed {
		return wholeDay
	}
	return s.windows[weekdayOf(date)]
}

// holds tells whether t is within a window.
func (s *schedule) holds(t localTime) bool {
	for _, w := range s.on(t.date) {
		if t.minute >= w.from && t.minute < w.to {
			return true
		}
	}
	return false
}

// maxClosed is how far ahead an opening is looked for.
const maxClosed = 24 * time.Hour

// next is the first time from at on that lies within a window in the zone; beyond
// maxClosed it can be any time. Where clocks are put forward or back it can be off
// by so much.
func (s *schedule) next(at time.Time, zone *time.Location) time.Time {
	now := localAt(at, zone)
	for day := range int32(maxClosed/(24*time.Hour)) + 2 {
		for _, w := range s.on(now.date + day) {
			if day == 0 && now.minute >= w.to {
				continue
			}
			if day == 0 && now.minute >= w.from {
				return at
			}
			t := time.Date(1970, time.January, 1+int(now.date+day), 0, int(w.from), 0, 0, zone)
			if !t.After(at) { // the same minute comes twice
				t = at.Add(time.Duration(int(day)*24*60+int(w.from)-int(now.minute)) * time.Minute)
			}
			return t
		}
	}
	return at.Add(2 * maxClosed)
}

// region is the schedule for numbers that begin like n, nil for none.
func (c *Calendar) region(n Number) *schedule {
	have := digitsOf(n)
	for _, digits := range c.digits {
		if digits <= have {
			if s := c.regions[prefix{digits, n.Key() / powers[have-digits]}]; s != nil {
				return s
			}
		}
	}
	return nil
}

// covers tells whether the calendar is about n at all.
func (c *Calendar) covers(f *frame, n Number) bool { return slices.Contains(c.countries, f.country(n)) }

// permits tells whether n may be called now: it is within the windows wherever n
// can lie. A number of another country, and one that is no place, can be called
// at any time.
func (c *Calendar) permits(f *frame, n Number) bool {
	if !c.covers(f, n) {
		return true
	}
	region := c.region(n)
	for _, t := range f.possibleTimes(n) {
		if !c.common.holds(t) || region != nil && !region.holds(t) {
			return false
		}
	}
	return true
}

// opens is the first time from at on that n may be called in one of its zones, by
// one of its schedules, whichever opens last: a step towards the time at which n
// may be called, which is reached when the step is none.
func (c *Calendar) opens(f *frame, n Number, at time.Time) time.Time {
	if !c.covers(f, n) {
		return at
	}
	last, region := at, c.region(n)
	for _, name := range f.possibleZones(n) {
		zone := zones()[name]
		if zone == nil {
			continue
		}
		if t := c.common.next(at, zone); t.After(last) {
			last = t
		}
		if region != nil {
			if t := region.next(at, zone); t.After(last) {
				last = t
			}
		}
	}
	return last
}

// maxOpenings bounds the steps to an opening: each zone and schedule has few a day.
const maxOpenings = 64

// untilOpen is how long it is until all calendars by which r blocked the call
// permit it, in whole seconds and at most maxClosed; otherwise, when it was not
// for one of them.
func (r *Rule) untilOpen(f *frame, otherwise time.Duration) time.Duration {
	from := f.call.At
	at, limit := from, from.Add(maxClosed)
	for range maxOpenings {
		next := at
		for _, opens := range r.opens {
			if t := opens(f, at); t.After(next) {
				next = t
			}
		}
		if !next.After(at) {
			break
		}
		if at = next; at.After(limit) {
			at = limit
			break
		}
	}
	if at.Equal(from) {
		return otherwise
	}
	return (at.Sub(from) + time.Second - 1).Truncate(time.Second)
}

// openings are those of the calendars that c asks for not permitting a call.
func (c *condition) openings() (all []func(*frame, time.Time) time.Time) {
	c.walk(true, func(p *condition, positive bool) {
		if p.opens != nil && !positive {
			all = append(all, p.opens)
		}
	})
	return all
}
