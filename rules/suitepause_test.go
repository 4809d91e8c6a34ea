package rules_test

import (
	"os"
	"path/filepath"
	"testing"
)

// Calls of a test can be closer together than the shortest window of a rule.
func TestPauses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"rules.yaml": "rules:\n  - {id: burst, when: 'rate(caller, \"1s\") > 3', block: dno}\n",
		"rules.test.yaml": `rules: rules.yaml
tests:
  - name: four within a second
    steps:
      - {repeat: 3, every: 200ms, call: {caller: +13035550260, callee: +12025557100}, want: allow}
      - {after: 200ms, call: {caller: +13035550260, callee: +12025557100}, want: {block: dno}}
  - name: four in more than four
    steps:
      - {repeat: 4, every: 1s500ms, call: {caller: +13035550260, callee: +12025557100}, want: allow}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, _, err := played(t, nil, filepath.Join(dir, "rules.test.yaml")); err != nil || text != "" {
		t.Errorf("%v\n%s", err, text)
	}
}
