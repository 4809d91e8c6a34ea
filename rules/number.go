package rules

// Kind says what a Number is.
type Kind uint8

// The kinds of a Number.
const (
	Absent    Kind = iota // no number: empty, or a user that is no number ("alice", "anonymous")
	Global                // an E.164 number
	Private               // an extension or short code of the trunk's plan: neither valid nor invalid
	Malformed             // digits that no plan makes a number of
)

// Number is a telephone number as a comparable value. The zero Number is
// absent.
type Number struct {
	// key is 0 for absent. For Global: the E.164 digits as an integer. For the
	// others: kind, length and digits, so that 007 and 7 differ; bit 63 is set.
	key uint64
}

// Key is the number as a map key; equal numbers have equal keys.
func (n Number) Key() uint64 { return n.key }

// IsZero tells whether n is absent.
func (n Number) IsZero() bool { return n.key == 0 }
