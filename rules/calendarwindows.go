package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// week is the weekdays as they are written, from Monday on.
var week = append(slices.Clone(weekdays[1:]), weekdays[0])

// windows reads the hours of all days of a week; each day is named once.
func (r *calendarReader) windows(s *schedule, n *node) {
	before := len(*r.d)
	named := map[int]Position{}
	for _, e := range r.doc.members(n, r.subject) {
		days, ok := parseDays(e.name)
		if !ok {
			r.d.at(e.key, r.subject, fmt.Sprintf("%q is no weekday", e.name), "mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri")
			continue
		}
		hours := r.hours(e)
		for _, day := range days {
			if at, ok := named[day]; ok {
				r.d.at(e.key, r.subject, weekdays[day]+" has its hours already at "+at.String(), "write all windows of a day in one list")
				continue
			}
			named[day], s.windows[day] = e.key, hours
		}
	}
	if len(*r.d) > before {
		return
	}
	var missing []string
	for _, day := range week {
		if _, ok := named[slices.Index(weekdays[:], day)]; !ok {
			missing = append(missing, day)
		}
	}
	if len(missing) > 0 {
		r.d.at(n.key, r.subject, "windows say nothing of "+strings.Join(missing, ", "), fmt.Sprintf("write their hours, or %s: closed", missing[0]))
	}
}

// parseDays reads a weekday or a range of them, as in mon-fri or sat-mon.
func parseDays(text string) (days []int, ok bool) {
	first, last, _ := strings.Cut(text, "-")
	if last == "" && first == text {
		last = first
	}
	from, to := slices.Index(weekdays[:], first), slices.Index(weekdays[:], last)
	if from < 0 || to < 0 {
		return nil, false
	}
	for day := from; ; day = (day + 1) % 7 {
		if days = append(days, day); day == to {
			return days, true
		}
	}
}

// closed stands for a day without windows.
const closed = "closed"

// hours reads the windows of a day, or closed.
func (r *calendarReader) hours(e *node) (all []span) {
	if _, ok := e.raw.(*ast.SequenceNode); !ok {
		if text := r.doc.text(e, r.subject); text != "" && text != closed {
			all = r.window(all, e, text)
		}
		return all
	}
	for _, n := range r.doc.items(e, r.subject) {
		if text, ok := splitWindow(n.raw); ok {
			all = r.window(all, n, text)
		} else if text := r.doc.text(n, r.subject); text != "" {
			all = r.window(all, n, text)
		}
	}
	return all
}

// splitWindow is a window that the YAML library took for a key and a value, as it
// does within brackets in braces.
func splitWindow(n ast.Node) (text string, ok bool) {
	m, ok := n.(ast.MapNode)
	if !ok {
		return "", false
	}
	for i := m.MapRange(); i.Next(); {
		key, value := i.Key().GetToken(), i.Value().GetToken()
		if key == nil || value == nil {
			return "", false
		}
		text += key.Value + ":" + value.Value
	}
	return text, strings.Count(text, ":") == 2
}

// window adds one that is right; windows that touch are fine.
func (r *calendarReader) window(all []span, n *node, text string) []span {
	fault := func(message, hint string) []span {
		r.d.at(n.at, r.subject, message, hint)
		return all
	}
	first, last, _ := strings.Cut(text, "-")
	from, ok := parseTime(first)
	to, ok2 := parseTime(last)
	if last == "24:00" {
		to, ok2 = 24*60, true
	}
	switch {
	case text == closed:
		return fault("a day is closed or has windows, not both", "write closed alone, or take it out")
	case !ok || !ok2:
		return fault(fmt.Sprintf("%q is no window", text), "two times of day, as in 08:00-21:00, or closed; 24:00 is the end of the day")
	case from == to:
		return fault(text+" is no time at all", "write closed, or 00:00-24:00 for the whole day")
	case to == 0:
		return fault(text+" ends before it begins", fmt.Sprintf("write %s-24:00", first))
	case from > to:
		return fault(text+" goes past midnight", fmt.Sprintf("end it at 24:00, and write 00:00-%s on the day after", last))
	}
	w := span{uint16(from), uint16(to)}
	if i := slices.IndexFunc(all, func(x span) bool { return w.from < x.to && x.from < w.to }); i >= 0 {
		return fault(text+" overlaps "+all[i].String(), "make one window of both")
	}
	all = append(all, w)
	slices.SortFunc(all, func(a, b span) int { return int(a.from) - int(b.from) })
	return all
}

func (w span) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", w.from/60, w.from%60, w.to/60, w.to%60)
}
