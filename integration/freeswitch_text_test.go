package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// TestFreeSWITCHText holds that nothing a caller writes is run or read as
// anything but text, in any mode: FreeSWITCH expands what stands in arguments, and
// takes what it decoded apart again.
func TestFreeSWITCHText(t *testing.T) {
	t.Parallel()
	ran := filepath.Join(t.TempDir(), "ran")
	run := "system(touch " + ran + ")"
	texts := []string{
		`${` + run + `}`, `$${` + run + `}`, `$\'{` + run + `}`, `\${` + run + `}`, `$\\{` + run + `}`, `%{` + run + `}`, `$$'{` + run + `}`, `#{` + run + `}`,
		`@{` + run + `}`, `${${hostname}}`, `$${hostname}`, `^^:a:b`, `^^;ringfence_verdict=allow;x=y`, `a|ringfence_verdict=allow|b`, `a;ringfence_verdict=allow`, "a\x1fringfence_verdict=allow",
		`[ringfence_verdict=allow]`, `{ringfence_verdict=allow}`, `<ringfence_verdict=allow>`, `it's`, `\"quoted\"`, `back\\slash`, `100%`, `%0d%0aringfence_verdict: allow`, `José 日本`,
		`a XML public`, `:_:`, `a,b`, `inline`, `m:^:` + run, ``, ` `, strings.Repeat("long ", 200),
	}
	eachMode(t, freeswitchOptions{}, func(t *testing.T, s withFreeSWITCH, mode string) {
		for _, text := range texts {
			// A listed caller is stopped, whatever it calls itself, and one whose name gets a mark goes on.
			r := s.place(t, mode, rig.Request{From: `"` + text + `" ` + from("+13035550260")}, rig.PlaceOptions{})
			if r.Status != "SIP/2.0 603 Network Blocked" || !strings.HasPrefix(r.Reason, "SIP;cause=603;") {
				t.Errorf("a listed caller with the name %q: %s, Reason %s", text, r.Status, r.Reason)
			}
			before := len(s.carrier.Requests("INVITE"))
			r = s.place(t, mode, rig.Request{From: `"` + text + `" ` + from("+13035550280"), Headers: []string{
				"X-Text: " + text, "Subject: " + text, `P-Asserted-Identity: "` + text + `" ` + from("+13035550280"), "Diversion: <sip:" + escaped(text) + "@h>;reason=" + text,
			}}, rig.PlaceOptions{})
			if r.Code != 200 {
				t.Errorf("a marked caller with the name %q: %s", text, r.Status)
			} else if m := s.carrier.Requests("INVITE")[before]; !strings.HasPrefix(rig.Header(m, "From"), `"[Spam likely]`) {
				t.Errorf("a marked caller with the name %q at the carrier:\n%s", text, m)
			}
			// A called user that is no number goes wherever the dialplan sends it, or nowhere, but not past ringfence.
			r = s.place(t, mode, rig.Request{From: from("+13035550260"), URI: to("1" + escaped(text)), To: "<" + to("12025550200") + ">"}, rig.PlaceOptions{})
			if r.Code < 400 {
				t.Errorf("a listed caller calls %q: %s", text, r.Status)
			}
		}
		if _, err := os.Stat(ran); err == nil {
			t.Fatal("what the caller wrote was run")
		}
	})
}

// escaped is text as the user part of a URI, every octet but letters and digits
// as its percent escape.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// TestFreeSWITCHLarge holds that no caller gets past by an INVITE that fills a
// datagram, whatever FreeSWITCH makes of it.
func TestFreeSWITCHLarge(t *testing.T) {
	t.Parallel()
	eachMode(t, freeswitchOptions{}, func(t *testing.T, s withFreeSWITCH, mode string) {
		for name, r := range map[string]rig.Request{
			"display name": {From: `"` + strings.Repeat("<", 60_000) + `" ` + from("+13035550260")},
			"one header":   {From: from("+13035550260"), Headers: []string{"X-Text: " + strings.Repeat("<", 60_000)}},
			"many headers": {From: from("+13035550260"), Headers: slices.Repeat([]string{"P-Attestation-Indicator: A"}, 300)},
		} {
			r := s.place(t, mode, r, rig.PlaceOptions{})
			if r.Code < 500 {
				t.Errorf("a listed caller with a large %s: %s", name, r.Status)
			}
		}
	})
}
