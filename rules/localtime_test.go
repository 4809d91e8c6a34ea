package rules

import (
	"slices"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// Where a number is decides the day and the time, over changes of daylight
// saving time, the date line and midnight.
func TestLocalTimes(t *testing.T) {
	f := &frame{facts: facts(t, 0)}
	tests := []struct {
		number, at string // at in UTC
		want       []string
	}{
		{"+12023340100", "2026-03-08T06:59:59Z", []string{"sun 01:59"}}, // New York, the second before
		{"+12023340100", "2026-03-08T07:00:00Z", []string{"sun 03:00"}}, // daylight saving begins
		{"+12023340100", "2026-11-01T05:59:59Z", []string{"sun 01:59"}},
		{"+12023340100", "2026-11-01T06:00:00Z", []string{"sun 01:00"}}, // and ends
		{"+442079460000", "2026-03-29T00:59:59Z", []string{"sun 00:59"}},
		{"+442079460000", "2026-03-29T01:00:00Z", []string{"sun 02:00"}},
		{"+16023340100", "2026-07-01T06:59:00Z", []string{"tue 23:59"}}, // Phoenix knows none
		{"+6493001234", "2026-11-21T11:30:00Z", []string{"sun 00:30"}},  // Auckland
		{"+18083340100", "2026-11-21T11:30:00Z", []string{"sat 01:30"}}, // Honolulu
		{"+919811234567", "2026-11-21T11:30:00Z", []string{"sat 17:00"}},
		{"+12089990100", "2026-07-01T12:00:00Z", []string{"wed 06:00", "wed 05:00"}}, // Idaho has two
		{"+18502340100", "2026-07-01T12:00:00Z", []string{"wed 07:00"}},              // an exchange of Florida's west
		{"+14482000100", "2026-07-01T12:00:00Z", []string{"wed 07:00", "wed 08:00"}}, // and one that is not known
		{"+12702000100", "2026-07-01T12:00:00Z", []string{"wed 07:00", "wed 08:00"}}, // Kentucky
		{"+18003340100", "2026-07-01T12:00:00Z", nil},                                // toll-free
		{"+19003340100", "2026-07-01T12:00:00Z", nil},
		{"+448001111111", "2026-07-01T12:00:00Z", nil}, // toll-free of a country with one zone
		{"+80012345678", "2026-07-01T12:00:00Z", nil},  // no country
		{"+15552223333", "2026-07-01T12:00:00Z", nil},  // no such area code
		{"+99912345678", "2026-07-01T12:00:00Z", nil},
		{"", "2026-07-01T12:00:00Z", nil},
	}
	for _, tt := range tests {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		f.start(&Call{At: at}, &Ruleset{})
		n := Number{}
		if tt.number != "" {
			n = global(t, tt.number)
		}
		var got []string
		for _, l := range f.localTimes(n) {
			got = append(got, weekdays[l.day()]+" "+l.clock())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s at %s: %q, want %q", tt.number, tt.at, got, tt.want)
		}
	}
}

// Every zone that the library can name is known.
func TestZonesAreComplete(t *testing.T) {
	known := map[string]bool{}
	for prefix := 1; prefix < 200_000; prefix++ {
		n := Number{uint64(prefix)}
		names, err := phonenumbers.GetTimezonesForPrefix(n.String())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			known[name] = true
			if zones()[name] == nil && name != phonenumbers.UNKNOWN_TIMEZONE {
				t.Errorf("%s: no zone %q", n, name)
			}
		}
	}
	for area, names := range splitAreas {
		for _, name := range names {
			if !known[name] {
				t.Errorf("%d: no zone %q", area, name)
			}
		}
	}
	if len(splits()) != len(splitAreas) {
		t.Errorf("%d area codes of %d are split", len(splits()), len(splitAreas))
	}
	if len(known) < 200 {
		t.Errorf("%d zones", len(known))
	}
}

func TestParseTime(t *testing.T) {
	for s, want := range map[string]int{"00:00": 0, "08:05": 485, "23:59": 1439} {
		if got, ok := parseTime(s); !ok || got != want {
			t.Errorf("%s: %d, %t", s, got, ok)
		}
	}
	for _, s := range []string{"", "8:00", "24:00", "12:60", "1200", "12:0x", "+1:00", "12:00 ", "١٢:٠٠"} {
		if _, ok := parseTime(s); ok {
			t.Errorf("%q is a time", s)
		}
	}
}

func TestLocalTimesDoNotAllocate(t *testing.T) {
	f := &frame{facts: facts(t, 1<<20)}
	c, set, numbers := &Call{At: testTime}, &Ruleset{}, []Number{global(t, "+12083340100"), global(t, "+12023340100")}
	f.start(c, set)
	f.localTimes(numbers[0])
	if n := testing.AllocsPerRun(100, func() {
		f.start(c, set)
		for _, number := range numbers {
			f.localTimes(number)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLocalTimes(b *testing.B) {
	f := &frame{facts: facts(b, 1<<20)}
	c, set, n := &Call{At: testTime}, &Ruleset{}, global(b, "+12023340100")
	for b.Loop() {
		f.start(c, set)
		f.localTimes(n)
	}
}
