package rules

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
	_ "time/tzdata" // the image has no zones of its own

	"github.com/nyaruka/phonenumbers"
)

// localTime is the time of a call at one of the places where a number can be.
type localTime struct {
	weekday uint8  // as time.Weekday
	minute  uint16 // since midnight
}

func (t localTime) day() int      { return int(t.weekday) }
func (t localTime) ofDay() int    { return int(t.minute) }
func (t localTime) clock() string { return fmt.Sprintf("%02d:%02d", t.minute/60, t.minute%60) }

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// showLocal is what the operand says of t.
func showLocal(o *operand, t localTime) string {
	if o.typ == TimeType {
		return t.clock()
	}
	return weekdays[t.weekday]
}

// localTimes are those that a frame has worked out for a number: a part of
// frame.times.
type localTimes struct {
	of       Number
	from, to int
}

// zones are the time zones of all numbers, by name. No number has a zone that
// its calling code has not, and those have three digits at most.
var zones = sync.OnceValue(func() map[string]*time.Location {
	all := map[string]*time.Location{}
	for code := 1; code <= 999; code++ {
		names, err := phonenumbers.GetTimezonesForPrefix(strconv.Itoa(code))
		if err != nil {
			continue // no number then has a zone
		}
		for _, name := range names {
			if _, ok := all[name]; ok || name == phonenumbers.UNKNOWN_TIMEZONE {
				continue
			}
			if zone, err := time.LoadLocation(name); err == nil {
				all[name] = zone
			}
		}
	}
	return all
})

// nanpZones is how many zones the calling code 1 has: the zones of a number
// whose area code says nothing.
var nanpZones = sync.OnceValue(func() int {
	names, err := phonenumbers.GetTimezonesForPrefix("1")
	if err != nil {
		return 0
	}
	return len(names)
})

// zonesOf are the names of the time zones that n can lie in: none for a number
// that is no place, such as a toll-free one, or of which nothing is known. It
// does not allocate.
func (f *frame) zonesOf(n Number) []string {
	if n.Kind() != Global {
		return nil
	}
	var digits [maxGlobal + 1]byte
	names, err := phonenumbers.GetTimezonesForPrefix(string(strconv.AppendUint(digits[:0], n.key, 10)))
	if err != nil || n.key >= nanp && n.key < 2*nanp && len(names) == nanpZones() {
		return nil
	}
	switch f.factsOf(n).Type {
	case "toll-free", "premium", "shared-cost", "uan", "voicemail":
		return nil
	}
	return names
}

// localTimes are the times of the call at n, worked out once a call: one for
// each zone that n can lie in, equal ones once.
func (f *frame) localTimes(n Number) []localTime {
	for _, t := range f.clocks {
		if t.of == n {
			return f.times[t.from:t.to]
		}
	}
	from := len(f.times)
	for _, name := range f.zonesOf(n) {
		if zone := zones()[name]; zone != nil {
			at := f.call.At.In(zone)
			hour, minute, _ := at.Clock()
			t := localTime{uint8(at.Weekday()), uint16(60*hour + minute)}
			if !slices.Contains(f.times[from:], t) {
				f.times = append(f.times, t)
			}
		}
	}
	f.clocks = append(f.clocks, localTimes{n, from, len(f.times)})
	return f.times[from:]
}

// parseTime reads "HH:MM" as minutes since midnight.
func parseTime(s string) (minute int, ok bool) {
	if len(s) != len("00:00") || s[2] != ':' {
		return 0, false
	}
	hour, err := strconv.ParseUint(s[:2], 10, 8)
	minutes, err2 := strconv.ParseUint(s[3:], 10, 8)
	if err != nil || err2 != nil || hour > 23 || minutes > 59 {
		return 0, false
	}
	return int(60*hour + minutes), true
}
