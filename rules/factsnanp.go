package rules

import (
	"slices"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// area is one area code of the NANP (NPA), from libphonenumber's metadata at
// start.
type area struct {
	assigned   bool
	geographic bool
	sets       []numberSet // of what types its numbers can be, when there are several
	valid      *Facts      // of its numbers that can be assigned, where sets does not tell
	both       *Facts      // of those that are of a fixed line or mobile
	invalid    *Facts
}

// numberSet are the numbers of one type.
type numberSet struct {
	in *automaton
	is *Facts
}

// newArea is an assigned one.
func newArea(country, kind string, geographic bool) area {
	return area{assigned: true, geographic: geographic,
		valid:   &Facts{Valid: true, Country: country, Type: kind},
		both:    &Facts{Valid: true, Country: country, Type: "fixed-or-mobile"},
		invalid: &Facts{Country: country, Type: unknownType}}
}

// areas are those of the NANP by their three digits.
type areas [1000]area

// openedAreas are area codes in service that the metadata of the library does
// not know yet. An entry goes when the library has it. As of 2026-11-21:
var openedAreas = [...]struct {
	code    int
	country string
	since   string // in service, as announced
}{
	{679, "US", "2025-11-07"}, // Michigan, overlay of 313 (announced by Verizon)
	// Assigned by NANPA and missing in the library; the dates are not known.
	{357, "US", ""},
	{436, "US", ""},
	{457, "US", ""},
	{465, "US", ""},
	{471, "US", ""},
	{483, "US", ""},
	{621, "US", ""},
	{624, "US", ""},
	{837, "US", ""},
	{861, "US", ""},
}

// nanpAreas knows all area codes.
var nanpAreas = sync.OnceValue(func() *areas {
	t := new(areas)
	for _, region := range phonenumbers.GetRegionCodesForCountryCode(1) {
		m, _ := numbering().region(region)
		if m == nil {
			continue
		}
		t.add(region, m)
	}
	for _, o := range openedAreas {
		if a := &t[o.code]; !a.assigned {
			*a = newArea(o.country, "fixed-or-mobile", true)
		}
	}
	return t
})

// add takes the area codes of one country of the NANP. Those that several
// countries share, the toll-free ones among them, stay with the first, which
// is the main one.
func (t *areas) add(region string, m *phonenumbers.PhoneMetadata) {
	var sets []numberSet
	for _, s := range [...]struct {
		kind string
		of   *phonenumbers.PhoneNumberDesc
	}{
		{"premium", m.GetPremiumRate()},
		{"toll-free", m.GetTollFree()},
		{"shared-cost", m.GetSharedCost()},
		{"voip", m.GetVoip()},
		{"personal", m.GetPersonalNumber()},
		{"pager", m.GetPager()},
		{"uan", m.GetUan()},
		{"fixed", m.GetFixedLine()},
		{"mobile", m.GetMobile()},
	} {
		if a := numbersOf(s.of); a != nil {
			sets = append(sets, numberSet{a, &Facts{Valid: true, Country: region, Type: s.kind}})
		}
	}
	same := m.GetFixedLine().GetNationalNumberPattern() == m.GetMobile().GetNationalNumberPattern()
	for code := 200; code <= 999; code++ {
		if t[code].assigned {
			continue
		}
		digits := []byte{byte(code / 100), byte(code / 10 % 10), byte(code % 10)}
		var own []numberSet
		geographic, kind := false, ""
		for _, s := range sets {
			if !s.in.begins(digits) {
				continue
			}
			kind = s.is.Type
			if line := kind == "fixed" || kind == "mobile"; line {
				geographic = true
				if same {
					kind = "fixed-or-mobile"
				}
			}
			own = append(own, numberSet{s.in, &Facts{Valid: true, Country: region, Type: kind}})
		}
		if len(own) == 0 {
			continue
		}
		if geographic && len(own) > 1 {
			kind = "fixed-or-mobile"
		}
		a := newArea(region, kind, geographic)
		if slices.ContainsFunc(own, func(s numberSet) bool { return s.is.Type != kind }) {
			a.sets = own
		}
		t[code] = a
	}
}

// numbersOf is the set that a metadata description has, nil for none.
func numbersOf(d *phonenumbers.PhoneNumberDesc) *automaton {
	if d.GetNationalNumberPattern() == "" || d.GetNationalNumberPattern() == "NA" {
		return nil
	}
	a, err := newAutomaton(d.GetNationalNumberPattern())
	if err != nil {
		return nil
	}
	return a
}

// facts are those of the ten digits after the calling code 1. The plan has the
// form NPA NXX XXXX; the rules beyond assigned area codes are: NXX begins with
// 2 to 9; it is not N11 in a geographic area, nor 911 in any; 555-01XX is kept
// for fiction in geographic areas, as is 800-555-0199.
func (t *areas) facts(number uint64) *Facts {
	code, exchange, line := number/10_000_000, number/10_000%1000, number%10_000
	a := &t[code]
	if !a.assigned {
		if opens(code) && exchange >= 200 && exchange != 911 {
			return &unopened
		}
		return &unassigned
	}
	switch {
	case exchange < 200, exchange == 911,
		a.geographic && exchange%100 == 11,
		a.geographic && exchange == 555 && line/100 == 1,
		code == 800 && exchange == 555 && line == 199:
		return a.invalid
	case a.sets == nil:
		return a.valid
	}
	return a.of(number)
}

// What is said of numbers of area codes that are not assigned.
var (
	unassigned = Facts{Country: "US", Type: unknownType}
	unopened   = Facts{Country: "US", Type: unknownType, Unopened: true}
)

// opens tells whether an area code that no table has can be opened: about
// fifteen are in a year. None can that begins with 0 or 1, is a service code
// (N11), has a 9 in the middle or begins with 37 or 96 (all kept for longer
// numbers), is 555 or 950, or ends with two equal digits. Of the last, kept for
// services, those with 5, 6 and 8 in front do open.
func opens(code uint64) bool {
	first, middle, last := code/100, code/10%10, code%10
	switch {
	case first < 2, middle == 1 && last == 1, middle == 9, code/10 == 37, code/10 == 96, code == 555, code == 950:
		return false
	case middle == last:
		return first == 5 || first == 6 || first == 8
	}
	return true
}

// of are the facts of ten digits: of the first set that has them, where two have
// them those for both, and those of the area where none has.
func (a *area) of(number uint64) *Facts {
	var digits [10]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte(number % 10)
		number /= 10
	}
	var is *Facts
	for i := range a.sets {
		switch s := &a.sets[i]; {
		case !s.in.matches(digits[:]):
		case is == nil:
			is = s.is
		case is.Type == "fixed" && s.is.Type == "mobile":
			return a.both
		}
	}
	if is == nil {
		return a.valid
	}
	return is
}
