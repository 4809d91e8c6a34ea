package rules

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// Plan reads the numbers of one trunk or list: how its country dials, and
// which short numbers are its own. The nil Plan has neither. A Plan does not
// change and is safe for concurrent use.
type Plan struct {
	country    string
	extensions []string // wildcard patterns in upper case
	dial       *dialling
}

// dialling is how a country writes numbers, from the metadata of
// libphonenumber.
type dialling struct {
	code          []byte     // calling code
	international *automaton // prefixes of an international call: 00, 011, 0011, …
	trunk         *automaton // national prefixes, often 0; nil: none
	national      *automaton // national numbers of the calling code
	closed        bool       // they have few lengths, so a length tells a national number
}

// NewPlan makes the plan of a country (ISO 3166-1 alpha-2, or empty for none)
// and of extensions: patterns of digits, N for 2 to 9 and X for any digit,
// such as "2XXX" or "1XX".
func NewPlan(country string, extensions []string) (*Plan, error) {
	p := &Plan{country: strings.ToUpper(country)}
	for _, e := range extensions {
		pattern := strings.ToUpper(e)
		if pattern == "" || len(pattern) > maxGlobal || strings.Trim(pattern, "0123456789NX") != "" {
			return nil, fmt.Errorf("extension %q is no pattern, write 1 to %d digits, N for 2 to 9 and X for any digit", e, maxGlobal)
		}
		p.extensions = append(p.extensions, pattern)
	}
	if p.country == "" {
		return p, nil
	}
	var err error
	if p.dial, err = diallingOf(p.country); err != nil {
		return nil, err
	}
	return p, nil
}

// Number reads the user part of a URI: past visual separators, in the global
// form ("+12025550142"), with the country's international or national prefix,
// in its national form, or as E.164 digits without the "+", which carriers
// commonly send. It tries, in this order and for a number without "+":
//
//  1. an extension of the plan: Private;
//  2. the international prefix and a number of another country;
//  3. the country's own forms: in the NANP 10 digits, or 11 that begin with 1;
//     elsewhere the national prefix and a national number, the own calling
//     code and a national number, and a national number alone. Where national
//     numbers have a prefix and many lengths (an open numbering plan, as in
//     Germany), the last is read only if it is no number of another country;
//  4. 8 to 15 digits that begin with an assigned calling code.
//
// Digits that are none of these are Malformed: N11 and short codes that the
// plan does not name, only zeros, more than 15 digits. So are 7 digits or more
// among signs that are neither separators nor letters ("+1303/5550260",
// "+13035550260#"). Anything else ("alice", "anonymous", "*72") is absent.
func (p *Plan) Number(user string) Number {
	if n, ok := readPlain(user); ok {
		return n
	}
	return read(p, user)
}

func read[T string | []byte](p *Plan, user T) Number {
	d, ok := scan(user)
	switch {
	case !ok:
		return garbled(user)
	case d.plus:
		return d.global()
	case p != nil && p.extension(&d):
		return d.raw(privateBit)
	case d.n > len(d.at):
		return d.raw(0)
	}
	seen := d.seen()
	if p != nil && p.dial != nil {
		if n := p.dial.read(seen); n.key != 0 {
			return n
		}
	}
	if len(seen) >= minBare && len(seen) <= maxGlobal && seen[0] != 0 {
		if code := numbering().code(seen); code != 0 {
			return Number{value(seen)}
		}
	}
	return d.raw(0)
}

// extension tells whether d is an extension of p.
func (p *Plan) extension(d *digits) bool {
	for _, e := range p.extensions {
		if len(e) == d.n && fits(e, d.at[:d.n]) {
			return true
		}
	}
	return false
}

// fits tells whether the digits, as many as the pattern has signs, fit it.
func fits(pattern string, digits []byte) bool {
	for i, c := range digits {
		switch sign := pattern[i]; {
		case sign == 'N' && c >= 2, sign == 'X', sign == '0'+c:
		default:
			return false
		}
	}
	return true
}

// read is the Global number that the digits are when dialled in the country,
// or absent.
func (c *dialling) read(digits []byte) Number {
	if n := c.abroad(digits); n.key != 0 {
		return n
	}
	if c.national == nil {
		return readNANP(digits)
	}
	if rest, ok := c.inland(digits); ok {
		return c.global(rest)
	}
	whole := c.isNational(digits)
	if n := len(c.code); len(digits) > n && slices.Equal(digits[:n], c.code) && c.isNational(digits[n:]) && (!whole || c.trunk != nil) {
		return c.global(digits[n:])
	}
	if whole && (c.closed || c.trunk == nil || !numbering().possible(digits)) {
		return c.global(digits)
	}
	return Number{}
}

// isNational tells whether the digits are a national number.
func (c *dialling) isNational(digits []byte) bool {
	return len(c.code)+len(digits) <= maxGlobal && c.national.matches(digits)
}

// inland is the national number after a national prefix.
func (c *dialling) inland(digits []byte) ([]byte, bool) {
	if c.trunk == nil {
		return nil, false
	}
	state := int32(1)
	for i, d := range digits {
		if state = c.trunk.next[state][d]; state == 0 {
			break
		}
		if c.trunk.accept[state] && c.isNational(digits[i+1:]) {
			return digits[i+1:], true
		}
	}
	return nil, false
}

// abroad reads digits that begin with the international prefix. Of several
// prefixes that fit ("00" and, with a carrier's digits, "0015") the shortest
// that leaves a possible number wins, then the shortest that leaves 8 digits or
// more with an assigned calling code.
func (c *dialling) abroad(digits []byte) Number {
	var assigned Number
	state := int32(1)
	for i, d := range digits {
		if state = c.international.next[state][d]; state == 0 {
			break
		}
		rest := digits[i+1:]
		if !c.international.accept[state] || len(rest) > maxGlobal || numbering().code(rest) == 0 {
			continue
		}
		if numbering().possible(rest) {
			return Number{value(rest)}
		}
		if assigned.key == 0 && len(rest) >= minBare {
			assigned = Number{value(rest)}
		}
	}
	return assigned
}

func (c *dialling) global(national []byte) Number {
	v := value(c.code)
	for _, d := range national {
		v = v*10 + uint64(d)
	}
	return Number{v}
}

const minBare = 8 // digits that are taken for E.164 by their calling code alone

const nanp = 10_000_000_000 // the calling code 1 before 10 digits

func readNANP(digits []byte) Number {
	switch {
	case len(digits) == 10 && digits[0] >= 2:
		return Number{nanp + value(digits)}
	case len(digits) == 11 && digits[0] == 1:
		return Number{value(digits)}
	}
	return Number{}
}

var diallings sync.Map // country → *dialling

// diallingOf knows how a country writes numbers.
func diallingOf(country string) (*dialling, error) {
	if c, ok := diallings.Load(country); ok {
		return c.(*dialling), nil
	}
	region, main := numbering().region(country)
	if region == nil {
		return nil, fmt.Errorf("unknown country %q, write it as in ISO 3166-1 (US, CA, GB, DE, …)", country)
	}
	c := &dialling{code: values(fmt.Sprint(region.GetCountryCode()))}
	var err error
	if c.international, err = newAutomaton(region.GetInternationalPrefix()); err != nil {
		return nil, fmt.Errorf("international prefix of %s: %w", country, err)
	}
	if len(c.code) != 1 || c.code[0] != 1 {
		if c.national, err = newAutomaton(main.GetGeneralDesc().GetNationalNumberPattern()); err != nil {
			return nil, fmt.Errorf("national numbers of %s: %w", country, err)
		}
		if c.trunk, err = newTrunkPrefix(region); err != nil {
			return nil, fmt.Errorf("national prefix of %s: %w", country, err)
		}
		c.closed = len(main.GetGeneralDesc().GetPossibleLength()) <= 3
	}
	diallings.Store(country, c)
	return c, nil
}

// newTrunkPrefix is the set of a country's national prefixes, nil for none.
// Where one is part of a longer transformation (a carrier's digits in Brazil,
// the 15 of mobiles in Argentina) it is the plain prefix alone.
func newTrunkPrefix(m *phonenumbers.PhoneMetadata) (*automaton, error) {
	expression := m.GetNationalPrefix()
	if expression == "" {
		return nil, nil
	}
	if m.GetNationalPrefixTransformRule() == "" && m.GetNationalPrefixForParsing() != "" {
		expression = m.GetNationalPrefixForParsing()
	}
	return newAutomaton(expression)
}

// values are the digits of s as values 0 to 9.
func values(s string) []byte {
	d, _ := scan(s)
	return slices.Clone(d.seen())
}
