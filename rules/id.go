package rules

import (
	"math/rand/v2"
	"time"
)

// crockford is Crockford's base 32 in lower case: no i, l, o or u.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// newID names a decision made at t, to the second. The randomness is that of
// the runtime's ChaCha8 generator, which no two threads share.
func newID(t time.Time) ID {
	var id ID
	seconds := uint64(max(t.Unix(), 0))
	for i := 7; i >= 0; i-- {
		id[i] = crockford[seconds&31]
		seconds >>= 5
	}
	random := rand.Uint64()
	for i := 8; i < len(id); i++ {
		id[i] = crockford[random&31]
		random >>= 5
	}
	return id
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
		if !inCrockford[c] {
			return ID{}, false
		}
		id[i] = c
	}
	return id, true
}

var inCrockford = func() (t [256]bool) {
	for _, c := range []byte(crockford) {
		t[c] = true
	}
	return t
}()
