package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// permitted lowers permitted(number, "calendar").
func (l *lowering) permitted(n *ast.CallNode, fn *Function) *condition {
	o := l.numberArgument(n, fn, 0)
	if o != nil && o.set {
		l.fault(n.Arguments[0], fn.Name+" is about one number, "+o.source+" are several", "write callee")
		o = nil
	}
	name, ok := l.word(n.Arguments[1])
	if o == nil || !ok {
		return constant(false)
	}
	c := l.calendars[name]
	if c == nil {
		hint := didYouMean(name, names(l.calendars))
		if hint == "" {
			hint = "declare it under calendars:"
		}
		return l.fault(n.Arguments[1], fmt.Sprintf("unknown calendar %q", name), hint)
	}
	c.asked = true
	loadZones()
	read, source := o.number, fmt.Sprintf("%s(%s, %q)", fn.Name, o.source, name)
	shown := &operand{source: source, typ: FlagType, numbers: o.source, state: fn.State,
		text: func(f *frame) string { return c.explain(f, read(f)) }}
	p := testOf(source, func(f *frame) bool { return c.permits(f, read(f)) }, shown)
	p.opens = func(f *frame, at time.Time) time.Time { return c.opens(f, read(f), at) }
	return p
}

// maxTold is how many local times an explanation tells.
const maxTold = 4

// explain says what the calendar makes of n, at each local time that it can have.
func (c *Calendar) explain(f *frame, n Number) string {
	country := f.country(n)
	switch {
	case country == "":
		return "a number of no country, any time is permitted"
	case !c.covers(f, n):
		return fmt.Sprintf("a number of %s, the calendar is about %s", country, strings.Join(c.countries, ", "))
	}
	var all, open []string // what forbids the call comes first
	told := map[localTime]bool{}
	for _, name := range f.possibleZones(n) {
		zone := zones()[name]
		if zone == nil {
			continue
		}
		t := localAt(f.call.At, zone)
		if told[t] {
			continue
		}
		told[t] = true
		said := c.common.explain(t)
		if region := c.region(n); said == "" && region != nil {
			said = region.explain(t)
		}
		here := fmt.Sprintf("%s %s in %s: ", showDate(t.date), t.clock(), name)
		if said == "" {
			open = append(open, here+"permitted")
		} else {
			all = append(all, here+said)
		}
	}
	if all = append(all, open...); len(all) == 0 {
		return "a number that is in no place, any time is permitted"
	}
	if more := len(all) - maxTold; more > 0 {
		all = append(all[:maxTold], fmt.Sprintf("and at %d more local times", more))
	}
	return strings.Join(all, "; ")
}

// explain says why t is not within the schedule, empty when it is.
func (s *schedule) explain(t localTime) string {
	if s.holds(t) {
		return ""
	}
	where := ""
	if s.region != "" {
		where = " in " + s.region
	}
	if name, ok := s.holidays[t.date]; ok {
		return name + where
	}
	var all []string
	for _, w := range s.on(t.date) {
		all = append(all, w.String())
	}
	if len(all) == 0 {
		return "no calls on " + weekdays[t.day()] + where
	}
	return "not within " + strings.Join(all, ", ") + where
}

// showDate is a date with its weekday.
func showDate(date int32) string {
	return weekdays[weekdayOf(date)] + " " + time.Unix(0, 0).UTC().AddDate(0, 0, int(date)).Format(time.DateOnly)
}
