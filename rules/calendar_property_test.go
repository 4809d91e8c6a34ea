package rules

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	yaml "github.com/goccy/go-yaml"
	"github.com/nyaruka/phonenumbers"
)

// plainCalendar is a calendar as a YAML library reads it.
type plainCalendar struct {
	Countries []string
	Windows   map[string]any
	Holidays  any
	Regions   map[string]struct {
		Prefixes []string
		Windows  map[string]any
		Holidays any
	}
	days map[string]map[string]bool // holidays, by region
}

func plainOf(t *testing.T, file string) *plainCalendar {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := &plainCalendar{days: map[string]map[string]bool{}}
	if err := yaml.Unmarshal(text, p); err != nil {
		t.Fatal(err)
	}
	var add func(region string, holidays any)
	add = func(region string, holidays any) {
		switch h := holidays.(type) {
		case []any:
			for _, one := range h {
				add(region, one)
			}
		case map[string]any:
			p.days[region][h["date"].(string)] = true
		case string:
			rows, err := os.ReadFile(filepath.Join(filepath.Dir(file), h))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(rows)) {
				p.days[region][line[:min(10, len(line))]] = true
			}
		}
	}
	p.days[""] = map[string]bool{}
	add("", p.Holidays)
	for name, r := range p.Regions {
		for i, prefix := range r.Prefixes { // +1305 is a number to that library
			r.Prefixes[i] = "+" + strings.TrimPrefix(prefix, "+")
		}
		p.days[name] = map[string]bool{}
		add(name, r.Holidays)
	}
	return p
}

// within24 tells whether HH:MM of a weekday is in one of the windows.
func within24(windows map[string]any, weekday, clock string) bool {
	for days, value := range windows {
		first, last, ranged := strings.Cut(days, "-")
		if !ranged {
			last = first
		}
		order := "mon tue wed thu fri sat sun"
		if i := strings.Index(order, weekday); i < strings.Index(order, first) || i > strings.Index(order, last) {
			continue
		}
		all, ok := value.([]any)
		if !ok {
			all = []any{value}
		}
		return slices.ContainsFunc(all, func(w any) bool {
			from, to, _ := strings.Cut(w.(string), "-")
			return from <= clock && clock < to
		})
	}
	return false
}

// permits is a slow evaluation of n at each of its zones.
func (p *plainCalendar) permits(t *testing.T, f *frame, n Number, at time.Time, zone func(string) *time.Location) bool {
	if !slices.Contains(p.Countries, f.country(n)) || slices.Contains([]string{"toll-free", "premium", "shared-cost", "uan", "voicemail"}, f.kind(n)) {
		return true
	}
	names, err := phonenumbers.GetTimezonesForPrefix(n.String())
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := splits()[n.key/powers[7]]; ok && &names[0] == s.whole {
		names = splitAreas[int(n.key/powers[7]-1000)]
	}
	for _, name := range names {
		local := at.In(zone(name))
		day, weekday, clock := local.Format(time.DateOnly), strings.ToLower(local.Format("Mon")), local.Format("15:04")
		if p.days[""][day] || !within24(p.Windows, weekday, clock) {
			return false
		}
		for region, r := range p.Regions {
			if !slices.ContainsFunc(r.Prefixes, func(prefix string) bool { return strings.HasPrefix(n.String(), prefix) }) {
				continue
			}
			if p.days[region][day] || r.Windows != nil && !within24(r.Windows, weekday, clock) {
				return false
			}
		}
	}
	return true
}

// The property: of random numbers at random times a calendar says what a plain
// evaluation of its text says, and where it says no, a call a minute before its
// Retry-After would be told no, too, and one then yes.
func TestCalendarsAgreeWithAPlainEvaluation(t *testing.T) {
	loaded := map[string]*time.Location{}
	zone := func(name string) *time.Location {
		if loaded[name] == nil {
			var err error
			if loaded[name], err = time.LoadLocation(name); err != nil {
				t.Fatal(err)
			}
		}
		return loaded[name]
	}
	f := &frame{facts: facts(t, 1<<20)}
	for _, name := range []string{"us-federal", "us-states", "france"} {
		file := "packs/calendars/" + name + ".calendar.yaml"
		var d Diagnostics
		c := loadCalendar(calendarDecl{name: name, file: file}, &d)
		if len(d) > 0 {
			t.Fatal(d)
		}
		p, r := plainOf(t, file), rand.New(rand.NewPCG(1, uint64(len(name))))
		var prefixes []string
		for _, region := range p.Regions {
			prefixes = append(prefixes, region.Prefixes...)
		}
		slices.Sort(prefixes)
		permitted, refused, closed := 0, 0, 0
		for range 3000 {
			begins := pick(r, []string{"+1208", "+1907", "+1602", "+1808", "+1212", "+1787", "+1671", "+1605555", "+1541", "+1850", "+1270", "+1679", "+1800", "+33", "+336", "+339", "+44", "+1" + fmt.Sprint(200+r.IntN(800))})
			if len(prefixes) > 0 && r.IntN(2) == 0 {
				begins = pick(r, prefixes)
			}
			length := 12
			if !strings.HasPrefix(begins, "+1") {
				length = 12
			}
			for len(begins) < length {
				begins += fmt.Sprint(r.IntN(10))
			}
			n := global(t, begins)
			// Any minute of three years, every second one near a change of clocks.
			at := time.Date(2026, 1, 1, 0, r.IntN(3*365*24*60), 0, 0, time.UTC)
			if r.IntN(2) == 0 {
				at = pick(r, []time.Time{time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
					time.Date(2027, 3, 28, 0, 0, 0, 0, time.UTC), time.Date(2027, 10, 31, 0, 0, 0, 0, time.UTC)}).Add(time.Duration(r.IntN(3*24*60)-24*60) * time.Minute)
			}
			got, want := permittedAt(f, c, n, at), p.permits(t, f, n, at, zone)
			if got != want {
				t.Fatalf("%s: %s at %s: %t, want %t\n%s", name, n, at, got, want, c.explain(f, n))
			}
			if got {
				permitted++
				continue
			}
			if refused++; refused%20 != 0 {
				continue
			}
			rule := &Rule{opens: []func(*frame, time.Time) time.Time{func(f *frame, at time.Time) time.Time { return c.opens(f, n, at) }}}
			wait := rule.untilOpen(f, 0)
			first := at
			for !p.permits(t, f, n, first, zone) && first.Sub(at) < maxClosed {
				first = first.Add(time.Minute)
			}
			if closed++; first.Sub(at) != wait {
				t.Fatalf("%s: %s at %s opens in %s, want %s\n%s", name, n, at, wait, first.Sub(at), c.explain(f, n))
			}
		}
		if permitted < 300 || refused < 300 || closed < 15 {
			t.Errorf("%s: %d permitted, %d refused, %d openings", name, permitted, refused, closed)
		}
	}
}

// The holidays of the packs are those of their laws.
func TestHolidaysOfFrance(t *testing.T) {
	p := plainOf(t, "packs/calendars/france.calendar.yaml")
	easter := map[int]string{2026: "2026-04-05", 2027: "2027-03-28", 2028: "2028-04-16"}
	for year, sunday := range easter {
		day, err := time.Parse(time.DateOnly, sunday)
		if err != nil {
			t.Fatal(err)
		}
		for _, after := range []int{1, 39, 50} {
			if d := day.AddDate(0, 0, after).Format(time.DateOnly); !p.days[""][d] {
				t.Errorf("%s is no holiday", d)
			}
		}
		if d := day.AddDate(0, 0, -2).Format(time.DateOnly); !p.days["alsace-moselle"][d] || p.days[""][d] {
			t.Errorf("%s is no holiday of Alsace alone", d)
		}
		for _, fixed := range []string{"01-01", "05-01", "05-08", "07-14", "08-15", "11-01", "11-11", "12-25"} {
			if d := fmt.Sprintf("%d-%s", year, fixed); !p.days[""][d] {
				t.Errorf("%s is no holiday", d)
			}
		}
	}
}
