package rules

import (
	"errors"
	"fmt"
	"strconv"
	"unicode"
)

// Kind says what a Number is.
type Kind uint8

// The kinds of a Number.
const (
	Absent    Kind = iota // no number: empty, or a user that is no number ("alice", "anonymous")
	Global                // an E.164 number
	Private               // an extension or short code of the trunk's plan: neither valid nor invalid
	Malformed             // digits that no plan makes a number of, or digits among other signs
)

// Number is a telephone number as a comparable value. The zero Number is
// absent.
type Number struct {
	// key is 0 for absent. For Global: the E.164 digits as an integer, below
	// 10^15. For the others: kind, length and digits, so that 007 and 7
	// differ; bit 63 is set, bit 62 for Private, bits 57 to 61 are the length
	// and the rest is the value of the digits. Of more than 17 digits the
	// first 17 are kept, of more than 31 the length too is 31.
	key uint64
}

const (
	maxGlobal  = 15 // digits of an E.164 number (ITU-T E.164 §6)
	rawBit     = 1 << 63
	privateBit = 1 << 62
	lengthBits = 57
	rawDigits  = 17
	rawLength  = 31
)

// Key is the number as a map key; equal numbers have equal keys.
func (n Number) Key() uint64 { return n.key }

// IsZero tells whether n is absent.
func (n Number) IsZero() bool { return n.key == 0 }

// Kind says what n is.
func (n Number) Kind() Kind {
	switch {
	case n.key == 0:
		return Absent
	case n.key&rawBit == 0:
		return Global
	case n.key&privateBit != 0:
		return Private
	}
	return Malformed
}

// Append adds n to dst: "+12025550142" for a Global number, the digits as they
// were for a Private or Malformed one (the first 17 of them), nothing for an
// absent one.
func (n Number) Append(dst []byte) []byte {
	if n.key == 0 {
		return dst
	}
	if n.key&rawBit == 0 {
		return strconv.AppendUint(append(dst, '+'), n.key, 10)
	}
	length := min(int(n.key>>lengthBits)&rawLength, rawDigits)
	value := n.key & (1<<lengthBits - 1)
	at := len(dst)
	for range length {
		dst = append(dst, '0')
	}
	for i := at + length - 1; i >= at; i-- {
		dst[i] += byte(value % 10)
		value /= 10
	}
	return dst
}

// String is n as Append writes it.
func (n Number) String() string { return string(n.Append(make([]byte, 0, maxGlobal+3))) }

// MarshalText writes n as Append does.
func (n Number) MarshalText() ([]byte, error) { return n.Append(nil), nil }

// UnmarshalText reads what MarshalText wrote of a Global or absent number.
func (n *Number) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*n = Number{}
		return nil
	}
	got, err := ParseNumber(string(text))
	if err != nil {
		return err
	}
	*n = got
	return nil
}

// ParseNumber reads a number in its global form: "+", then 2 to 15 digits that
// do not begin with 0, with visual separators (RFC 3966 §5.1.1) or blanks
// between them.
func ParseNumber(s string) (Number, error) {
	d, ok := scan(s)
	switch {
	case !ok:
		return Number{}, fmt.Errorf("%q is no telephone number, write it as +12025550142", s)
	case !d.plus:
		return Number{}, fmt.Errorf("%q has no country, write it in its global form as +12025550142", s)
	}
	n := d.global()
	if n.Kind() != Global {
		return Number{}, fmt.Errorf("%q is no global number: %w", s, d.fault())
	}
	return n, nil
}

// digits are what scan found in a user part.
type digits struct {
	plus bool     // a "+" came first
	n    int      // how many digits, also those that at has no room for
	at   [24]byte // the first of them, as values 0 to 9
}

// scan reads the digits of s past visual separators. It is false when s holds
// anything else than one leading "+", digits and separators, or no digit.
func scan[T string | []byte](s T) (d digits, ok bool) {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			if d.n < len(d.at) {
				d.at[d.n] = c - '0'
			}
			d.n++
		case c == '(' || c == ')' || c == '-' || c == '.' || c == ' ':
		case c == '+' && !d.plus && d.n == 0:
			d.plus = true
		default:
			return d, false
		}
	}
	return d, d.n > 0
}

// subscriber is how many digits a number in a user part has at least: a NANP
// number without its area code.
const subscriber = 7

// garbled is what becomes of a user part that scan refuses: absent when it is a
// name or a service code, Malformed when it has the digits of a number, no
// letter and some sign that no number has ("+1_303_555_0260"). A switch behind
// may read a number there, so it must not count as none.
func garbled[T string | []byte](s T) Number {
	var d digits
	for _, c := range string(s) {
		switch {
		case c >= '0' && c <= '9':
			if d.n < len(d.at) {
				d.at[d.n] = byte(c - '0')
			}
			d.n++
		case unicode.IsLetter(c):
			return Number{}
		}
	}
	if d.n < subscriber {
		return Number{}
	}
	return d.raw(0)
}

// seen are the digits that there was room for.
func (d *digits) seen() []byte { return d.at[:min(d.n, len(d.at))] }

// global is d as E.164 digits; Malformed when there are too many of them or
// the first is 0.
func (d *digits) global() Number {
	if d.n > maxGlobal || d.n < 2 || d.at[0] == 0 {
		return d.raw(0)
	}
	return Number{value(d.at[:d.n])}
}

func (d *digits) fault() error {
	switch {
	case d.n > maxGlobal:
		return fmt.Errorf("%d digits, at most %d", d.n, maxGlobal)
	case d.at[0] == 0:
		return errors.New("no country code begins with 0")
	}
	return fmt.Errorf("%d digit, at least 2", d.n)
}

// raw is d as it is, Malformed or with privateBit Private.
func (d *digits) raw(bit uint64) Number {
	return Number{rawBit | bit | uint64(min(d.n, rawLength))<<lengthBits | value(d.at[:min(d.n, rawDigits)])}
}

func value(digits []byte) uint64 {
	var v uint64
	for _, c := range digits {
		v = v*10 + uint64(c)
	}
	return v
}
