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
	date   int32  // in days since 1970-01-01
	minute uint16 // since midnight
}

// localAt is the time of at in a zone.
func localAt(at time.Time, zone *time.Location) localTime {
	const day = 24 * 60 * 60
	_, offset := at.In(zone).Zone()
	seconds := at.Unix() + int64(offset)
	date := seconds / day
	if seconds %= day; seconds < 0 {
		date, seconds = date-1, seconds+day
	}
	return localTime{int32(date), uint16(seconds / 60)}
}

// dateOf is a day as localTime counts them.
func dateOf(day time.Time) int32 { return localAt(day, time.UTC).date }

// weekdayOf is the weekday of a date, as time.Weekday.
func weekdayOf(date int32) int { return int((date%7 + 7 + int32(time.Thursday)) % 7) }

func (t localTime) day() int      { return weekdayOf(t.date) }
func (t localTime) ofDay() int    { return int(t.minute) }
func (t localTime) clock() string { return fmt.Sprintf("%02d:%02d", t.minute/60, t.minute%60) }

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// showLocal is what the operand says of t.
func showLocal(o *operand, t localTime) string {
	if o.typ == TimeType {
		return t.clock()
	}
	return weekdays[t.day()]
}

// localTimes are those that a frame has worked out for a number: a part of
// frame.times.
type localTimes struct {
	of       Number
	anywhere bool // also where nothing but the calling code says
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

// loadZones loads what would else be loaded by the first call that asks.
func loadZones() {
	zones()
	nanpZones()
	splits()
}

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
	names := f.possibleZones(n)
	if n.key >= nanp && n.key < 2*nanp && len(names) == nanpZones() {
		return nil
	}
	return names
}

// possibleZones are those of zonesOf, and all zones of its calling code for a
// number of the NANP of which nothing more is known.
func (f *frame) possibleZones(n Number) []string {
	if n.Kind() != Global {
		return nil
	}
	var digits [maxGlobal + 1]byte
	names, err := phonenumbers.GetTimezonesForPrefix(string(strconv.AppendUint(digits[:0], n.key, 10)))
	if err != nil || len(names) == 0 {
		return nil
	}
	switch f.factsOf(n).Type {
	case "toll-free", "premium", "shared-cost", "uan", "voicemail":
		return nil
	}
	if n.key-nanp < nanp {
		return wholeArea(n, names)
	}
	return names
}

// localTimes are the times of the call at n, worked out once a call: one for
// each zone that n can lie in, equal ones once.
func (f *frame) localTimes(n Number) []localTime { return f.timesOf(n, false) }

// possibleTimes are localTimes with those of all possibleZones.
func (f *frame) possibleTimes(n Number) []localTime { return f.timesOf(n, true) }

func (f *frame) timesOf(n Number, anywhere bool) []localTime {
	for _, t := range f.clocks {
		if t.of == n && t.anywhere == anywhere {
			return f.times[t.from:t.to]
		}
	}
	names := f.zonesOf
	if anywhere {
		names = f.possibleZones
	}
	from := len(f.times)
	for _, name := range names(n) {
		if zone := zones()[name]; zone != nil {
			if t := localAt(f.call.At, zone); !slices.Contains(f.times[from:], t) {
				f.times = append(f.times, t)
			}
		}
	}
	f.clocks = append(f.clocks, localTimes{n, anywhere, from, len(f.times)})
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
