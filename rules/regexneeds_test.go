package rules

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNeeds(t *testing.T) {
	for expression, want := range map[string]string{
		`(?i)\b(warranty|irs|final notice)\b`: "[final notice irs warranty]",
		`(?i)friendly-scanner|sipcli`:         "[friendly-scanner sipcli]",
		`^Bank of .*America$`:                 "[bank of ]",
		`(spam){2,}x+`:                        "[spam]",
		`a|bc`:                                "<nil>", // one is too short
		`(?i)[a-z]+`:                          "<nil>",
		`(spam)?`:                             "<nil>",
		`spam|`:                               "<nil>",
		`Müller`:                              "<nil>",
	} {
		got := "<nil>"
		if n := needsOf(regexp.MustCompile(expression)); n != nil {
			got = fmt.Sprint(n.texts)
		}
		if got != want {
			t.Errorf("%s needs %s, want %s", expression, got, want)
		}
	}
}

// What is looked for first changes no match.
func TestMatchingAgainstTheLibrary(t *testing.T) {
	words := []string{"warranty", "irs", "IRS", "Kelvin", "sipcli", "a", "", "müller", "ok", "spam", " "}
	word := rapid.SampledFrom(words)
	rapid.Check(t, func(t *rapid.T) {
		alternatives := rapid.SliceOfN(rapid.Map(word, regexp.QuoteMeta), 1, 4).Draw(t, "alternatives")
		form := rapid.SampledFrom([]string{"%s", "(?i)%s", `(?i)\b(%s)\b`, "^(%s)$", "(?i)x?(%s)+", "(%s){2}", "(?i)(%s)?y"}).Draw(t, "form")
		re := regexp.MustCompile(fmt.Sprintf(form, strings.Join(alternatives, "|")))
		match := matching(re)
		text := strings.Join(rapid.SliceOfN(rapid.OneOf(word, rapid.SampledFrom([]string{"WARRANTY", "\u212aelvin", "\u017fpam", "SipCLI", "y", "x"}), rapid.StringN(0, 3, 6)), 0, 5).Draw(t, "text"), "")
		if got, want := match(text), re.MatchString(text); got != want {
			t.Fatalf("%s on %q: %v, want %v", re, text, got, want)
		}
	})
}
