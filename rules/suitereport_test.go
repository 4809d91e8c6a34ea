package rules_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringfence/adapters/kamailio"
	"ringfence/rules"
)

const reportRules = `rules:
  - {id: reported, when: 'reports(caller, "30d") >= 2', block: analytics}
  - {id: blocked, when: 'blocked_upstream(caller, "7d") >= 1', label: Blocked by a carrier}
`

const reportSuite = `settings: {redress: {url: "https://redress.example/x", location: TN}}
rules: rules.yaml
tests:
  - name: two users' reports count for a month, one who reports twice does not
    steps:
      - report: {number: "+13035550260", by: "+12025557100"}
      - report: {number: "+13035550260", by: "+1 202-555-7100"}
        call: {caller: "+13035550260", callee: "+12025557100"}
        want: allow
      - report: {number: "+13035550260", by: "2001"}
        call: {caller: "+13035550260", callee: "+12025557100"}
        want: {block: analytics, rule: reported}
      - after: 31d
        call: {caller: "+13035550260", callee: "+12025557100"}
        want: allow
  - name: a carrier's 603+ counts, the called party's 603 does not
    steps:
      - call: {caller: "+13035550260", callee: "+12025557100"}
        outcome: {code: 603, phrase: Decline}
      - call: {caller: "+13035550260", callee: "+12025557100"}
        want: allow
        outcome: {code: 603, phrase: Network Blocked, reason: 'SIP;cause=603;text="v=analytics1;url=https://carrier.example/x"'}
      - call: {caller: "+13035550260", callee: "+12025557100"}
        want: {allow: true, label: Blocked by a carrier}
`

func TestSuiteOfReports(t *testing.T) {
	t.Parallel()
	s, err := rules.ReadSuite([]string{testFile(t, reportSuite)}, kamailio.ReadCall)
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	if _, err := s.Run(context.Background(), nil, func(r rules.TestResult) {
		if passed++; !r.Passed() {
			t.Errorf("%s: %v\n%s", r.Name, r.Faults, strings.Join(r.Because, "\n"))
		}
	}); err != nil || passed != 2 {
		t.Errorf("%d ran: %v", passed, err)
	}
}

func TestSuiteReportFaults(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		`report: {number: "+13035550260"}`:                               "report has no by",
		`report: {by: x}`:                                                "report has no number",
		`report: {number: "3035550260", by: x}`:                          "has no country",
		`report: {number: "+13035550260", by: x, note: y}`:               "note",
		`{report: {number: "+13035550260", by: x}, want: {allow: true}}`: "has no call",
	} {
		file := testFile(t, "rules: rules.yaml\ntests:\n  - name: a\n    steps:\n      - "+step+"\n")
		if _, err := rules.ReadSuite([]string{file}, kamailio.ReadCall); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", step, err, want)
		}
	}
	itself := strings.ReplaceAll(reportSuite, `by: "2001"`, `by: "+13035550260"`)
	s, err := rules.ReadSuite([]string{testFile(t, itself)}, kamailio.ReadCall)
	if err != nil {
		t.Fatal(err)
	}
	var faults string
	if _, err := s.Run(context.Background(), nil, func(r rules.TestResult) { faults += r.Faults.Error() }); err != nil || !strings.Contains(faults, "reports itself") {
		t.Errorf("%v: %s", err, faults)
	}
}

// testFile is a test file beside reportRules.
func testFile(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"rules.yaml": reportRules, "a.test.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "a.test.yaml")
}
