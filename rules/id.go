package rules

import (
	"math/rand/v2"
	"time"
)

// crockford is Crockford's base 32 in lower case: no i, l, o or u.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// An ID is 8 digits of time, 6 of randomness and 6 that are random too, until
// Pending writes there where it remembers the call.
const (
	timeDigits  = 8
	placeDigits = 6
	placeAt     = len(ID{}) - placeDigits
	placeBits   = 5 * placeDigits
)

// newID names a decision made at t, to the second. The randomness is that of
// the runtime's ChaCha8 generator, which no two threads share.
func newID(t time.Time) ID {
	var id ID
	random := rand.Uint64()
	writeDigits(id[:timeDigits], uint64(max(t.Unix(), 0)))
	writeDigits(id[timeDigits:placeAt], random)
	writeDigits(id[placeAt:], random>>placeBits)
	return id
}

// random is what no other id of the same second is likely to have.
func (id *ID) random() uint64 { return readDigits(id[timeDigits:placeAt]) }

// place is what setPlace wrote. It stands under the randomness so that ids look
// alike; it is no secret, and find holds the whole id against what is there.
func (id *ID) place() uint64 { return readDigits(id[placeAt:]) ^ id.random() }

func (id *ID) setPlace(place uint64) { writeDigits(id[placeAt:], place^id.random()) }

// writeDigits writes the low bits of v, 5 a digit.
func writeDigits(to []byte, v uint64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = crockford[v&31]
		v >>= 5
	}
}

// readDigits reads what writeDigits wrote.
func readDigits(from []byte) uint64 {
	var v uint64
	for _, c := range from {
		v = v<<5 | uint64(digitOf[c]&31)
	}
	return v
}

// ParseID reads an id in lower or upper case.
func ParseID(s string) (ID, bool) {
	var id ID
	if len(s) != len(id) {
		return ID{}, false
	}
	for i := range id {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if digitOf[c] == noDigit {
			return ID{}, false
		}
		id[i] = c
	}
	return id, true
}

const noDigit = 0xff

// digitOf are the values of the digits.
var digitOf = func() (t [256]uint8) {
	for c := range t {
		t[c] = noDigit
	}
	for v, c := range []byte(crockford) {
		t[c] = uint8(v)
	}
	return t
}()
