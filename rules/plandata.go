package rules

import (
	"strconv"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// numberingPlans is what the metadata of libphonenumber says of all calling
// codes.
type numberingPlans struct {
	lengths [1000]uint32 // by calling code: bit i is set when national numbers have i digits; 0: not assigned
	regions map[string]*phonenumbers.PhoneMetadata
	main    map[int32]*phonenumbers.PhoneMetadata // the main region of a calling code
}

var numbering = sync.OnceValue(func() *numberingPlans {
	p := &numberingPlans{
		regions: map[string]*phonenumbers.PhoneMetadata{},
		main:    map[int32]*phonenumbers.PhoneMetadata{},
	}
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		return p // it comes with the program: the library's own start has failed before
	}
	for _, m := range all.GetMetadata() {
		code := m.GetCountryCode()
		if code <= 0 || int(code) >= len(p.lengths) {
			continue
		}
		for _, length := range m.GetGeneralDesc().GetPossibleLength() {
			p.lengths[code] |= 1 << uint(length)
		}
		if m.GetId() != phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
			p.regions[m.GetId()] = m
		}
		if p.main[code] == nil || m.GetMainCountryForCode() {
			p.main[code] = m
		}
	}
	return p
})

// code is the calling code that the digits begin with, 0 for none. Calling
// codes are free of prefixes of each other.
func (p *numberingPlans) code(digits []byte) int {
	code := 0
	for _, d := range digits[:min(3, len(digits))] {
		code = code*10 + int(d)
		if code == 0 {
			return 0
		}
		if p.lengths[code] != 0 {
			return code
		}
	}
	return 0
}

// possible tells whether the digits are a calling code and as many more as its
// national numbers have; in the NANP also whether neither area code nor
// exchange begins with 0 or 1.
func (p *numberingPlans) possible(digits []byte) bool {
	code := p.code(digits)
	if code == 0 || code == 1 && (len(digits) != 11 || digits[1] < 2 || digits[4] < 2) {
		return false
	}
	return p.lengths[code]&(1<<uint(len(digits)-digitsIn(code))) != 0
}

func digitsIn(code int) int {
	switch {
	case code >= 100:
		return 3
	case code >= 10:
		return 2
	}
	return min(code, 1)
}

// region is the metadata of a country and of the main country of its calling
// code; nil when there is no such country.
func (p *numberingPlans) region(country string) (region, main *phonenumbers.PhoneMetadata) {
	if region = p.regions[country]; region == nil {
		return nil, nil
	}
	return region, p.main[region.GetCountryCode()]
}

// mainCountry is the main country of a calling code, empty for none.
func (p *numberingPlans) mainCountry(code int) string {
	m := p.main[int32(code)]
	if m == nil || m.GetId() == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
		return ""
	}
	return m.GetId()
}

// callingCode is the calling code of a Global number, 0 for none.
func (p *numberingPlans) callingCode(n Number) int {
	var buffer [maxGlobal]byte
	digits := strconv.AppendUint(buffer[:0], n.key, 10)
	for i := range digits {
		digits[i] -= '0'
	}
	return p.code(digits)
}

// codeLength is how many digits the calling code of n has, 0 for none.
func (p *numberingPlans) codeLength(n Number) int {
	if n.key >= nanp && n.key < 2*nanp {
		return 1
	}
	return digitsIn(p.callingCode(n))
}

// hasNumbers tells whether a country (ISO 3166-1 alpha-2, or XK, AC and TA) has
// numbers of its own.
func hasNumbers(country string) bool {
	region, _ := numbering().region(country)
	return region != nil
}
