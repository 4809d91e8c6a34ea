package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What cannot be read is wrong usage, and says which argument it is.
func TestMisuse(t *testing.T) {
	config := filepath.Join(t.TempDir(), "ringfence.yaml")
	if err := os.WriteFile(config, []byte("rules: [rules.yaml]\ncountry: US\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, says string }{
		{"report monitor --since foo", `--since: "foo" is no time`},
		{"report monitor --until foo", `--until: "foo" is no time`},
		{"report monitor --since 1h --until 2h", "--until 2h ("},
		{"report monitor --since 2999-01-01", "now ("},
		{"report blocks --since foo", `--since: "foo" is no time`},
		{"report blocks --caller 5", `--caller: "5" is no number of US`},
		{"report list +5x", `NUMBER: "+5x" is no telephone number`},
		{"report add x --by 2001", `NUMBER: "x" is no number of US`},
		{"report remove x", `NUMBER: "x" is no number of US`},
		{"journal xx", `"xx" is no decision id`},
		{"explain --caller 1 --callee 2 --at tomorrow", `--at "tomorrow" is no time`},
		{"explain --caller 1 --callee 2 --source x", "--source: "},
		{"explain --caller 1 --callee 2 --header x", "--header "},
	} {
		var out, err strings.Builder
		if code := run(append(strings.Fields(c.args), "--config", config), &out, &err); code != exitUsage || !strings.HasPrefix(err.String(), "ringfence: "+c.says) {
			t.Errorf("%s: exit code %d, %s%s", c.args, code, out.String(), err.String())
		}
	}
}

func TestPeriod(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 0, 0, 0, time.Local)
	for _, c := range []struct {
		since, until string
		from, to     time.Time
	}{
		{"24h", "", now.Add(-24 * time.Hour), now},
		{"7d", "1h", now.Add(-7 * 24 * time.Hour), now.Add(-time.Hour)},
		{"2026-03-13", "2026-03-14 01:00", time.Date(2026, 3, 13, 0, 0, 0, 0, time.Local), time.Date(2026, 3, 14, 1, 0, 0, 0, time.Local)},
	} {
		if from, to, err := period(c.since, c.until, now); err != nil || !from.Equal(c.from) || !to.Equal(c.to) {
			t.Errorf("%s to %s: %s to %s, %v", c.since, c.until, from, to, err)
		}
	}
}

func TestSpelled(t *testing.T) {
	for in, want := range map[string]string{
		"": "--help", "help": "--help", "help serve": "serve --help", "help report monitor": "report monitor --help",
		"help rules": "help rules", "help --help": "help --help", "--version": "version", "--version --json": "version --json", "serve": "serve",
	} {
		if got := strings.Join(spelled(strings.Fields(in)), " "); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
