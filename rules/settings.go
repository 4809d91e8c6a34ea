package rules

import (
	"fmt"
	"net/url"
	"strings"
)

// Mode says whether a rule, or the whole daemon, acts.
type Mode uint8

// The modes.
const (
	Enforce Mode = iota // act
	Monitor             // count and record what would have happened, alter nothing
	Off                 // do not ask (rules only)
)

var modeNames = []string{"enforce", "monitor", "off"}

// String is the word that rule files and the configuration use.
func (m Mode) String() string { return modeNames[m] }

// MarshalText writes the word of the mode.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// ParseMode reads enforce, monitor or off.
func ParseMode(word string) (Mode, error) {
	for i, name := range modeNames {
		if word == name {
			return Mode(i), nil
		}
	}
	return 0, fmt.Errorf("unknown mode %q, want enforce, monitor or off", word)
}

// Redress is how a caller who was blocked by analytics can complain, and where
// in the network the block happened. It goes into the Reason header of a
// 603 Network Blocked (ATIS-1000099).
type Redress struct {
	URL      string // https, absolute
	Tel      string // "+" and 7 to 15 digits
	Email    string // user@host
	Location string // LN, TN, RLN, LPN or RPN (RFC 8606)
}

// Settings are what a ruleset is compiled from.
type Settings struct {
	Mode      Mode        // Enforce or Monitor
	Profile   string      // "us", or empty for the same
	Redress   Redress     // needed by rules that block for analytics
	Answers   map[Why]int // status of DNO and Administrative: 603 (the default) or 403
	Emergency []string    // emergency numbers beside the built-in ones
	Country   string      // whose national numbers come without a trunk or by one without a country, ISO 3166-1 alpha-2 or empty
	Trunks    []Trunk
	Files     []string // rule files and folders of them, in order
	Feeds     string   // folder with the copies of lists that are fetched; empty: there are none

	// Previous lends its lists: one whose file and declaration are unchanged
	// is not read again. Nil: all are read.
	Previous *Ruleset
	// Progress is told how far the load of a list is, some times a second and
	// only when it takes longer than that. Nil: nobody is.
	Progress func(ListProgress)
}

var locations = []string{"LN", "TN", "RLN", "LPN", "RPN"}

// check finds what is wrong with the settings themselves. The positions are
// those of no file: the caller knows where the settings come from.
func (s *Settings) check() Diagnostics {
	var d Diagnostics
	none := Position{}
	if s.Mode > Monitor {
		d.at(none, "mode", fmt.Sprintf("%q is for single rules", s.Mode), "use enforce or monitor")
	}
	switch s.Profile {
	case "", "us":
	case "rfc8688":
		d.at(none, "profile", "rfc8688 (608 Rejected with its Call-Info, RFC 8688) is not supported", "use us: 603 Network Blocked")
	default:
		d.at(none, "profile", fmt.Sprintf("unknown profile %q", s.Profile), "use us")
	}
	for why, code := range s.Answers {
		switch {
		case why != DNO && why != Administrative:
			d.at(none, "answers", fmt.Sprintf("the answer to %q is fixed", why), "only dno and administrative have a choice")
		case code != 603 && code != 403:
			d.at(none, "answers", fmt.Sprintf("%d is no answer to %q", code, why), "use 603 or 403")
		}
	}
	s.Redress.check(&d)
	return d
}

// warn finds what is likely not meant.
func (s *Settings) warn(d *Diagnostics) {
	const hint = "set country, as in country: US"
	var lacking []string
	for i := range s.Trunks {
		if s.Trunks[i].Country == "" {
			lacking = append(lacking, s.Trunks[i].Name)
		}
	}
	switch {
	case s.Country != "":
	case len(s.Trunks) == 0:
		d.at(Position{}, "country", "is not set: national numbers are taken for those of other countries or for invalid", hint)
	case len(lacking) > 0:
		d.at(Position{}, "trunks", "no country for "+strings.Join(lacking, ", ")+": national numbers are taken for those of other countries or for invalid", hint)
	}
}

func (r *Redress) check(d *Diagnostics) {
	none := Position{}
	bad := func(name, value, want string) {
		d.at(none, "redress."+name, fmt.Sprintf("%q is no %s", value, want), "")
	}
	// given tells whether there is a value to look at further.
	given := func(name, value string) bool {
		if strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"\\;,", c) }) {
			d.at(none, "redress."+name, fmt.Sprintf("%q holds a character that a Reason header cannot carry", value), "write quotes, backslashes, semicolons, commas, spaces and non-ASCII characters as %22, %5C, %3B, %2C, %20 and so on")
			return false
		}
		return value != ""
	}
	if given("url", r.URL) {
		if u, err := url.Parse(r.URL); err != nil || u.Scheme != "https" || u.Hostname() == "" {
			bad("url", r.URL, "https address")
		}
	}
	if given("tel", r.Tel) && !isE164(r.Tel) {
		bad("tel", r.Tel, "number of + and 7 to 15 digits")
	}
	if given("email", r.Email) {
		if user, host, ok := strings.Cut(r.Email, "@"); !ok || user == "" || strings.Contains(host, "@") || !strings.Contains(strings.Trim(host, "."), ".") {
			bad("email", r.Email, "mail address")
		}
	}
	if r.Location != "" && !containsWord(locations, r.Location) {
		bad("location", r.Location, "location of "+strings.Join(locations, ", "))
	}
}

// complete tells what an analytics block still needs, empty for nothing.
func (r *Redress) complete() string {
	switch {
	case r.URL == "" && r.Tel == "" && r.Email == "" && r.Location == "":
		return "a redress contact (url, tel or email) and a location"
	case r.URL == "" && r.Tel == "" && r.Email == "":
		return "a redress contact (url, tel or email)"
	case r.Location == "":
		return "a redress location (" + strings.Join(locations, ", ") + ")"
	}
	return ""
}

func isE164(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' {
		return false
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func containsWord(words []string, w string) bool {
	for _, k := range words {
		if k == w {
			return true
		}
	}
	return false
}
