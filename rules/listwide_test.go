package rules

import (
	"strings"
	"testing"
)

func TestWideRows(t *testing.T) {
	for text, want := range map[string]string{
		"+X*": "every", "+N*": "every", "+XXXXXXXXXXX": "every", "+NXXXXXXXXXX": "every", "+10000000000-+99999999999": "every",
		"+20000000000-+99999999999": "every", "0.0.0.0/0": "every",
		"+1*": "all numbers with +1", "+1XXXXXXXXXX": "all numbers with +1", "+1NXXNXXXXXX": "all numbers with +1", "+10000000000-+19999999999": "all numbers with +1",
		"+12000000000-+19999999999": "all numbers with +1", "+44*": "all numbers with +44", "+441*": "", "+252*": "all numbers with +252", "+4*": "several countries",
		"+2X*": "several countries", "+X1*": "several countries", "+10000000000-+49999999999": "several countries", "+19999999990-+20000000010": "",
		"+1202*": "", "+1XXX5550100": "", "+12000000000-+12999999999": "", "+12025550142": "",
		"0.0.0.0/1": "all addresses", "10.0.0.0/7": "all addresses", "10.0.0.0/8": "", "::/1": "all addresses", "2000::/3": "all addresses", "2001::/16": "",
	} {
		for _, per := range []string{"", "callee"} {
			lines, said := []string{text}, want
			if per != "" {
				if strings.Contains(text, "/") {
					continue
				}
				lines = []string{"number,subscriber", text + ",+12025550100"}
				if want != "every" {
					said = "" // it is one subscriber's own choice
				}
			}
			l, findings := listOf(t, listSpec{Per: per}, lines...)
			got := Diagnostics(findings).Error()
			if (l == nil) != (want == "every") || said == "" && len(findings) > 0 || !strings.Contains(got, said) {
				t.Errorf("%s, per %q: %q, want %q", text, per, got, said)
			}
			if l != nil && (len(l.Wide()) > 0) != (want != "") {
				t.Errorf("%s: wide rows %q", text, l.Wide())
			}
		}
	}
}

func TestCoverage(t *testing.T) {
	for text, want := range map[string]Coverage{
		"+12025550142\n+12025550143":          {Numbers: 2},
		"+1404555*\n+140455511XX":             {Numbers: 10_100},
		"+1NXX5550100":                        {Numbers: 800},
		"+4420*":                              {Numbers: 1e8},
		"+12025550100-+12025550199":           {Numbers: 100},
		"+120255501421*":                      {Numbers: 1},
		"192.0.2.0/24\n2001:db8::/32\n::1":    {Addresses: 256 + 65_536 + 1},
		"number,note\n+1202555*,a\n10.0.0.1,": {Numbers: 10_000, Addresses: 1},
	} {
		l, findings := listOf(t, listSpec{}, text)
		if l == nil {
			t.Fatal(Diagnostics(findings))
		}
		if got := l.Coverage(); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
