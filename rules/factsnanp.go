package rules

import (
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// area is one area code of the NANP (NPA), from libphonenumber's metadata at
// start.
type area struct {
	assigned   bool
	geographic bool
	country    string
	kind       string // its type, when all its numbers have the same
	fixed      *automaton
	mobile     *automaton
}

// areas are those of the NANP by their three digits.
type areas [1000]area

// openedAreas are area codes in service that the metadata of the library does
// not know yet. A number of theirs must not be called invalid; an entry goes
// when the library has it. As of 2026-11-21:
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
			*a = area{assigned: true, geographic: true, country: o.country, kind: "fixed-or-mobile"}
		}
	}
	return t
})

// add takes the area codes of one country of the NANP. Those that several
// countries share, the toll-free ones among them, stay with the first, which
// is the main one.
func (t *areas) add(region string, m *phonenumbers.PhoneMetadata) {
	fixed, mobile := numbersOf(m.GetFixedLine()), numbersOf(m.GetMobile())
	same := m.GetFixedLine().GetNationalNumberPattern() == m.GetMobile().GetNationalNumberPattern()
	others := [...]struct {
		name string
		set  *automaton
	}{
		{"toll-free", numbersOf(m.GetTollFree())},
		{"premium", numbersOf(m.GetPremiumRate())},
		{"shared-cost", numbersOf(m.GetSharedCost())},
		{"personal", numbersOf(m.GetPersonalNumber())},
		{"voip", numbersOf(m.GetVoip())},
		{"pager", numbersOf(m.GetPager())},
		{"uan", numbersOf(m.GetUan())},
	}
	for code := 200; code <= 999; code++ {
		a := &t[code]
		if a.assigned {
			continue
		}
		digits := []byte{byte(code / 100), byte(code / 10 % 10), byte(code % 10)}
		for _, o := range others {
			if o.set != nil && o.set.begins(digits) {
				*a = area{assigned: true, country: region, kind: o.name}
				break
			}
		}
		isFixed, isMobile := fixed != nil && fixed.begins(digits), mobile != nil && mobile.begins(digits)
		if a.assigned || !isFixed && !isMobile {
			continue
		}
		*a = area{assigned: true, geographic: true, country: region, fixed: fixed, mobile: mobile}
		switch {
		case same || !isMobile && !isFixed:
			a.kind = "fixed-or-mobile"
		case !isMobile:
			a.kind = "fixed"
		case !isFixed:
			a.kind = "mobile"
		}
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
func (t *areas) facts(number uint64) Facts {
	code, exchange, line := number/10_000_000, number/10_000%1000, number%10_000
	a := &t[code]
	if !a.assigned {
		return Facts{Country: "US", Type: unknownType}
	}
	f := Facts{Country: a.country, Type: unknownType}
	switch {
	case exchange < 200, exchange == 911,
		a.geographic && exchange%100 == 11,
		a.geographic && exchange == 555 && line/100 == 1,
		code == 800 && exchange == 555 && line == 199:
		return f
	}
	f.Valid = true
	f.Type = a.kind
	if f.Type == "" {
		f.Type = a.lineType(number)
	}
	return f
}

// lineType tells fixed from mobile where the area code does not.
func (a *area) lineType(number uint64) string {
	var digits [10]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte(number % 10)
		number /= 10
	}
	switch fixed, mobile := a.fixed.matches(digits[:]), a.mobile.matches(digits[:]); {
	case fixed && !mobile:
		return "fixed"
	case mobile && !fixed:
		return "mobile"
	}
	return "fixed-or-mobile"
}
