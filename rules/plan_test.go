package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

func plan(t testing.TB, country string, extensions ...string) *Plan {
	t.Helper()
	p, err := NewPlan(country, extensions)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanNumber(t *testing.T) {
	pbx := []string{"2XXX", "1XX", "0", "NXXXXX"}
	tests := []struct {
		country    string
		extensions []string
		in         string
		kind       Kind
		want       string
	}{
		// Global form: no plan changes it.
		{"", nil, "+12025550142", Global, "+12025550142"},
		{"DE", nil, "+1 (202) 555-0142", Global, "+12025550142"},
		{"US", pbx, "+2001", Global, "+2001"},
		{"US", nil, "+0012025550142", Malformed, "0012025550142"},
		{"US", nil, "+1202555014212345", Malformed, "1202555014212345"},
		{"US", nil, "+99912345678", Global, "+99912345678"},
		{"US", nil, "+1", Malformed, "1"},

		// NANP.
		{"US", nil, "2025550142", Global, "+12025550142"},
		{"us", nil, "(202) 555-0142", Global, "+12025550142"},
		{"CA", nil, "12025550142", Global, "+12025550142"},
		{"JM", nil, "1-876-555-0142", Global, "+18765550142"},
		{"US", nil, "011442079460000", Global, "+442079460000"},
		{"US", nil, "01112025550142", Global, "+12025550142"},
		{"US", nil, "442079460000", Global, "+442079460000"},
		{"US", nil, "5550142", Malformed, "5550142"},
		{"US", nil, "911", Malformed, "911"},
		{"US", nil, "411", Malformed, "411"},
		{"US", nil, "0000000000", Malformed, "0000000000"},
		{"US", nil, "0", Malformed, "0"},
		{"US", nil, "011911", Malformed, "011911"},
		{"US", nil, "0111", Malformed, "0111"},
		{"US", nil, "0110000", Malformed, "0110000"},
		{"US", nil, "011999123456789", Malformed, "011999123456789"},
		{"US", nil, "02025550142", Malformed, "02025550142"},
		{"US", nil, "1202555014212345", Malformed, "1202555014212345"},

		// A closed plan with a national prefix.
		{"GB", nil, "02079460000", Global, "+442079460000"},
		{"GB", nil, "020 7946 0000", Global, "+442079460000"},
		{"GB", nil, "2079460000", Global, "+442079460000"},
		{"GB", nil, "442079460000", Global, "+442079460000"},
		{"GB", nil, "00442079460000", Global, "+442079460000"},
		{"GB", nil, "0012025550142", Global, "+12025550142"},
		{"GB", nil, "12025550142", Global, "+12025550142"},
		{"GB", nil, "07700900123", Global, "+447700900123"},
		{"GB", nil, "999", Malformed, "999"},
		{"JE", nil, "01534 123456", Global, "+441534123456"},
		{"FR", nil, "0123456789", Global, "+33123456789"},
		{"FR", nil, "33123456789", Global, "+33123456789"},
		{"AU", nil, "0011442079460000", Global, "+442079460000"},
		{"AU", nil, "0291234567", Global, "+61291234567"},
		{"AU", nil, "61291234567", Global, "+61291234567"},

		// An open plan with a national prefix: digits alone are E.164 first.
		{"DE", nil, "030 123456", Global, "+4930123456"},
		{"DE", nil, "4930123456", Global, "+4930123456"},
		{"DE", nil, "004930123456", Global, "+4930123456"},
		{"DE", nil, "442079460000", Global, "+442079460000"},
		{"DE", nil, "12025550142", Global, "+12025550142"},
		{"DE", nil, "112", Malformed, "112"},
		{"AT", nil, "01 234567", Global, "+431234567"},

		// No national prefix: the zero is part of the number.
		{"IT", nil, "0612345678", Global, "+390612345678"},
		{"IT", nil, "390612345678", Global, "+390612345678"},
		{"IT", nil, "3931234567", Global, "+393931234567"},
		{"IT", nil, "393931234567", Global, "+393931234567"},
		{"IT", nil, "442079460000", Global, "+442079460000"},
		{"ES", nil, "912345678", Global, "+34912345678"},
		{"DK", nil, "32123456", Global, "+4532123456"},

		// Prefixes that are not 0 and 00.
		{"RU", nil, "84951234567", Global, "+74951234567"},
		{"RU", nil, "74951234567", Global, "+74951234567"},
		{"RU", nil, "81012025550142", Global, "+12025550142"},
		{"BY", nil, "80152450911", Global, "+375152450911"},
		{"BR", nil, "011912345678", Global, "+5511912345678"},
		{"HU", nil, "0612345678", Global, "+3612345678"},
		{"JP", nil, "01012025550142", Global, "+12025550142"},
		{"SG", nil, "00112025550142", Global, "+12025550142"},
		{"HK", nil, "00112025550142", Global, "+12025550142"},

		// No plan: E.164 digits without "+".
		{"", nil, "12025550142", Global, "+12025550142"},
		{"", nil, "442079460000", Global, "+442079460000"},
		{"", nil, "02079460000", Malformed, "02079460000"},
		{"", nil, "1234567", Malformed, "1234567"},
		{"", nil, "99912345678", Malformed, "99912345678"},
		{"", nil, "1202555014212345", Malformed, "1202555014212345"},

		// Extensions come first.
		{"US", pbx, "2001", Private, "2001"},
		{"US", pbx, "20-01", Private, "2001"},
		{"US", pbx, "112", Private, "112"},
		{"US", pbx, "0", Private, "0"},
		{"US", pbx, "312345", Private, "312345"},
		{"US", pbx, "112345", Malformed, "112345"},
		{"US", pbx, "3001", Malformed, "3001"},
		{"", []string{"nxx"}, "911", Private, "911"},
		{"GB", []string{"XXXXXXXXXX"}, "2079460000", Private, "2079460000"},

		// A number in disguise is malformed, with or without a plan.
		{"", nil, "+1_303_555_0260", Malformed, "13035550260"},
		{"US", pbx, "+1_303_555_0260", Malformed, "13035550260"},
		{"US", nil, "+13035550260#", Malformed, "13035550260"},
		{"US", nil, "+1303/5550260", Malformed, "13035550260"},
		{"US", nil, "+1303\u00a05550260", Malformed, "13035550260"},
		{"US", nil, "+1303\xff5550260", Malformed, "13035550260"},
		{"US", nil, "+13035550260:", Malformed, "13035550260"},
		{"US", nil, "++13035550260", Malformed, "13035550260"},
		{"US", nil, "1+3035550260", Malformed, "13035550260"},
		{"US", nil, "+13035550260;1", Malformed, "130355502601"},
		{"US", nil, "202\x005550", Malformed, "2025550"},
		{"US", nil, "#31#2025550142", Malformed, "312025550142"},
		{"US", pbx, "2/001", Absent, ""},
		{"US", nil, "555/014", Absent, ""},

		// No number at all.
		{"US", pbx, "", Absent, ""},
		{"US", pbx, "alice", Absent, ""},
		{"US", pbx, "anonymous", Absent, ""},
		{"US", pbx, "Restricted", Absent, ""},
		{"US", pbx, "unavailable", Absent, ""},
		{"US", pbx, "unknown", Absent, ""},
		{"US", pbx, "*72", Absent, ""},
		{"US", pbx, "2025550142a", Absent, ""},
		{"US", pbx, "1-800-FLOWERS", Absent, ""},
		{"US", pbx, "2025550142é", Absent, ""},
		{"US", pbx, "+13035550260;a=b", Absent, ""},
		{"US", pbx, "()-. ", Absent, ""},
		{"US", pbx, "+", Absent, ""},
		{"US", pbx, "２０２５５５０１４２", Absent, ""},
		{"US", pbx, "202\x00555", Absent, ""},
	}
	for _, tt := range tests {
		t.Run(tt.country+" "+tt.in, func(t *testing.T) {
			got := plan(t, tt.country, tt.extensions...).Number(tt.in)
			if got.Kind() != tt.kind || got.String() != tt.want {
				t.Errorf("Number(%q) in %q = %q of kind %d, want %q of kind %d", tt.in, tt.country, got, got.Kind(), tt.want, tt.kind)
			}
			if tt.country == "" && tt.extensions == nil {
				if none := (*Plan)(nil).Number(tt.in); none != got {
					t.Errorf("no plan reads %q as %q, the empty one as %q", tt.in, none, got)
				}
			}
		})
	}
}

func TestNewPlanRefuses(t *testing.T) {
	tests := []struct {
		country    string
		extensions []string
		want       string
	}{
		{"XX", nil, `unknown country "XX"`},
		{"USA", nil, `unknown country "USA"`},
		{"001", nil, `unknown country "001"`},
		{"US", []string{"2XXX", ""}, `extension ""`},
		{"US", []string{"2**"}, `extension "2**"`},
		{"US", []string{"+2XXX"}, `extension "+2XXX"`},
		{"US", []string{strings.Repeat("X", 16)}, "1 to 15 digits"},
	}
	for _, tt := range tests {
		if _, err := NewPlan(tt.country, tt.extensions); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("NewPlan(%q, %q) = %v, want an error that says %s", tt.country, tt.extensions, err, tt.want)
		}
	}
}

// Every country's plan reads that country's numbers as libphonenumber prints
// them for people of the country, and as one abroad would dial them.
func TestPlanReadsEveryCountry(t *testing.T) {
	// In Argentina mobiles are written with a 15 in the middle, which no switch
	// sends; in China they have 11 digits that may as well be +1 without "+".
	odd := []string{"AR", "CN"}
	types := []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE}
	checked := 0
	for country := range phonenumbers.GetSupportedRegions() {
		if slices.Contains(odd, country) {
			continue
		}
		p := plan(t, country)
		for _, typ := range types {
			example := phonenumbers.GetExampleNumberForType(country, typ)
			if example == nil {
				continue
			}
			want := phonenumbers.Format(example, phonenumbers.E164)
			for _, in := range []string{
				phonenumbers.Format(example, phonenumbers.NATIONAL),
				phonenumbers.Format(example, phonenumbers.INTERNATIONAL),
				want, want[1:],
			} {
				if got := p.Number(strings.ReplaceAll(in, "/", "-")); got.String() != want {
					t.Errorf("%s reads %q as %q, want %q", country, in, got, want)
				}
				checked++
			}
		}
	}
	if checked < 1500 {
		t.Errorf("only %d numbers checked", checked)
	}
}

func FuzzPlanNumber(f *testing.F) {
	for _, s := range []string{"+12025550142", "2025550142", "011442079460000", "02079460000", "alice", "2001", "*72", "+", "0000000000", "1202555014212345678901234567890", "(202) 555-0142;ext=1", "00112025550142"} {
		f.Add(s)
	}
	plans := []*Plan{nil, plan(f, "", "2XXX"), plan(f, "US", "2XXX"), plan(f, "GB"), plan(f, "DE"), plan(f, "IT"), plan(f, "AU"), plan(f, "HK")}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseNumber(s); (err == nil) != (n.Kind() == Global) {
			t.Fatalf("%q is %q, %v", s, n, err)
		}
		for _, p := range plans {
			n := p.Number(s)
			switch n.Kind() {
			case Absent:
				if n.String() != "" {
					t.Fatalf("%q is absent and %q", s, n)
				}
			case Global:
				again, err := ParseNumber(string(n.Append(nil)))
				if err != nil || again != n || p.Number(n.String()) != n {
					t.Fatalf("%q is %q, which reads as %q, %v", s, n, again, err)
				}
			default:
				if n.String() == "" || strings.Trim(n.String(), "0123456789") != "" {
					t.Fatalf("%q has the digits %q", s, n)
				}
			}
		}
	})
}
