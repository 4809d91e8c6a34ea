package parity

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// exception is something that FreeSWITCH does not show as Kamailio does, the
// calls that show it, and what of each differs.
type exception struct {
	doc   string
	calls map[string][]string
}

var exceptions = []exception{
	{"The Request-URI is shown in parts and percent-decoded: its scheme (`sip:` or `sips:`), its headers after `?` and its escapes are lost.", map[string][]string{
		"sips":                                  {"RequestURI"},
		"headers of the Request-URI":            {"RequestURI"},
		"percent escapes":                       {"RequestURI"},
		"911 with escapes":                      {"RequestURI"},
		"911 escaped twice":                     {"RequestURI"},
		"an escaped at sign in the Request-URI": {"RequestURI"},
	}},
	{"An escaped `;` in the user of the Request-URI can't be told from a parameter: `911%3B…` is an emergency call.", map[string][]string{
		"an escaped semicolon in the Request-URI": {"RequestURI", "RequestUser", "callee", "guard", "To", "header To"},
	}},
	{"Needless escapes are undone. And the answer to `connect`, unlike an event in JSON, does not mark what was escaped before: of a text with `%25`, `%40`, `%2B` or another escape of a byte that is no letter, digit or `-._~!$'()*,/` it can't be told whether the switch wrote that.", map[string][]string{
		"percent escapes":                         {"header From", "header To"},
		"911 with escapes":                        {"header To"},
		"911 escaped twice":                       {"To", "header To"},
		"an escaped at sign in From":              {"From", "header From"},
		"an escaped at sign in the Request-URI":   {"To", "header To"},
		"display name with percents":              {"From", "display_name", "header From"},
		"a percent escape in P-Asserted-Identity": {"header P-Asserted-Identity"},
		"an escaped variable in the user of From": {"header From"},
	}},
	{"Parameters are cut off the user of the identity that the caller id comes from, P-Asserted-Identity before From. verstat is read all the same.", map[string][]string{
		"parameters of the user part":    {"header From"},
		"verstat of From":                {"header From"},
		"verstat of P-Asserted-Identity": {"header P-Asserted-Identity"},
	}},
	{"A variable whose text holds `${` is not set. Of From the number and name are read from the caller id, where they have `%{`; a User-Agent or header with it is absent.", map[string][]string{
		"a variable in the display name": {"From", "display_name", "header From", "verdict"},
		"a variable in the user of From": {"From", "header From"},
		"a variable in a header":         {"UserAgent", "user_agent", "header User-Agent", "header X-Campaign", "verdict"},
	}},
	{"P-Asserted-Identity is known by its first value. Without a user there, none is read.", map[string][]string{
		"P-Asserted-Identity without a user": {"Asserted", "caller", "callers", "network", "header P-Asserted-Identity", "verdict"},
	}},
	{"A second P-Asserted-Identity is read when the first is no number or the same one: it may have come in a header `P_Asserted_Identity`, which no border strips. `header(\"P-Asserted-Identity\")` has the first alone.", map[string][]string{
		"two numbers in P-Asserted-Identity":     {"Asserted", "caller", "callers", "network", "header P-Asserted-Identity", "verdict"},
		"sip and tel in one P-Asserted-Identity": {"header P-Asserted-Identity"},
	}},
	{"A header with `_` for `-` counts as the one with `-`, but for those that begin with `X-` or `P-` and those that FreeSWITCH reads itself. Let a trusted peer strip `Attestation_Info` where it strips `Attestation-Info`.", map[string][]string{
		"a header with an underscore": {"Attestation", "attestation", "header Attestation-Info", "verdict"},
	}},
	{"Of several Remote-Party-ID or Privacy headers the first is shown.", map[string][]string{
		"two Remote-Party-ID": {"RemoteParty", "caller", "callers", "network", "verdict"},
		"two Privacy":         {"Privacy", "privacy"},
	}},
	{"P-Attestation-Indicator comes before Attestation-Info, whatever their order; the weakest word counts in any.", map[string][]string{
		"attestations in the other order": {"Attestation"},
	}},
}

const (
	docs      = "../../docs/freeswitch.md"
	docsBegin = "<!-- what differs: begin -->\n"
	docsEnd   = "<!-- what differs: end -->\n"
)

// TestDocs holds that the documentation has the exceptions and what each of them
// changes.
func TestDocs(t *testing.T) {
	text := readFile(t, docs)
	before, rest, found := strings.Cut(text, docsBegin)
	_, after, closed := strings.Cut(rest, docsEnd)
	if !found || !closed {
		t.Fatalf("%s has no markers", docs)
	}
	want := before + docsBegin + table() + docsEnd + after
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Errorf("the table of %s is not that of the code: run go test ./integration/parity -run TestDocs -update", docs)
	}
}

// table is the exceptions in Markdown.
func table() string {
	var b strings.Builder
	b.WriteString("| what FreeSWITCH does | what rules ask for that can differ |\n|---|---|\n")
	for _, e := range exceptions {
		var asked []string
		for _, names := range e.calls {
			for _, name := range names {
				if header, ok := strings.CutPrefix(name, "header "); ok {
					name = `header("` + header + `")`
				} else if name != strings.ToLower(name) || name == "verdict" || name == "guard" {
					continue // no word of the language
				}
				if name = "`" + name + "`"; !slices.Contains(asked, name) {
					asked = append(asked, name)
				}
			}
		}
		slices.Sort(asked)
		b.WriteString("| " + e.doc + " | " + strings.Join(asked, ", ") + " |\n")
	}
	return b.String()
}

// TestExceptionsAreOfCalls holds that each exception names calls of the table.
func TestExceptionsAreOfCalls(t *testing.T) {
	for _, e := range exceptions {
		if len(e.calls) == 0 {
			t.Errorf("no call shows that %s", e.doc)
		}
		for name := range e.calls {
			if !slices.ContainsFunc(calls, func(c call) bool { return c.name == name }) {
				t.Errorf("%q is no call: %s", name, e.doc)
			}
		}
	}
}
