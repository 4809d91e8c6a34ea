package rules

import (
	"fmt"
	"strings"
)

// emergencyNumbers are those that no rule may stop, whatever the country:
// US and EU, UK, Germany, Australia, then the US test number 933 and the
// crisis line 988.
var emergencyNumbers = [...]string{"911", "112", "999", "110", "000", "933", "988"}

const emergencyService = "urn:service:sos" // RFC 5031 §4.2

// EmergencyTable knows the emergency numbers. It does not change and is safe
// for concurrent use.
type EmergencyTable struct {
	numbers map[Number]bool // as raw digits
	longest int             // digits that one of them has at most
}

// NewEmergency makes a table of the built-in numbers and extra ones: short
// codes ("116117") or whole numbers ("+12025550142").
func NewEmergency(extra []string) (*EmergencyTable, error) {
	t := &EmergencyTable{numbers: make(map[Number]bool, len(emergencyNumbers)+len(extra))}
	for _, s := range emergencyNumbers {
		d, _ := scan(s)
		t.add(&d)
	}
	for _, s := range extra {
		d, ok := scan(s)
		if !ok || d.n < 2 || d.n > maxGlobal {
			return nil, fmt.Errorf("emergency number %q is none, write 2 to %d digits with or without +", s, maxGlobal)
		}
		t.add(&d)
	}
	return t, nil
}

func (t *EmergencyTable) add(d *digits) {
	t.numbers[d.raw(0)] = true
	t.longest = max(t.longest, d.n)
}

// Called tells whether a call is an emergency call, by its Request-URI alone.
// requestURI is the URI as it stands, requestUser its user part or tel number,
// percent-decoded. An emergency call has the service sos or one below it
// (urn:service:sos.fire, in any case), or a user that is, without visual
// separators, a whole number of the table. A number with and without a leading
// "+" is the same one: no E.164 number is as short as "+911", and dialplans
// that add a "+" to everything are common.
func (t *EmergencyTable) Called(requestURI, requestUser string) bool {
	if len(requestURI) >= len(emergencyService) && strings.EqualFold(requestURI[:len(emergencyService)], emergencyService) {
		rest := requestURI[len(emergencyService):]
		return rest == "" || strings.IndexByte(".;?#", rest[0]) >= 0
	}
	if t.beyond(requestUser) {
		return false
	}
	d, ok := scan(requestUser)
	return ok && t.numbers[d.raw(0)]
}

// beyond tells whether a user begins with more digits than any number of the
// table has, as nearly all do.
func (t *EmergencyTable) beyond(user string) bool {
	user = strings.TrimPrefix(user, "+")
	if len(user) <= t.longest {
		return false
	}
	for i := range t.longest + 1 {
		if user[i] < '0' || user[i] > '9' {
			return false
		}
	}
	return true
}

// Holds tells whether n, a Global number, is in the table with or without its
// "+". Of any other, Called knows.
func (t *EmergencyTable) Holds(n Number) bool {
	if n.Kind() != Global || t.longest < maxGlobal && n.key >= powers[t.longest] {
		return false
	}
	length := 0
	for v := n.key; v > 0; v /= 10 {
		length++
	}
	return t.numbers[Number{rawBit | uint64(length)<<lengthBits | n.key}]
}

// lists tells whether the digits of n are in the table, whatever n is.
func (t *EmergencyTable) lists(n Number) bool {
	return t.Holds(n) || n.Kind() != Global && t.numbers[Number{n.key &^ privateBit}]
}
