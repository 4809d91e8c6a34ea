package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The unit of docs/operations.md is one that systemd takes without a word, and
// has the daemon killed in time.
func TestUnit(t *testing.T) {
	const installed = "/usr/local/bin/ringfence"
	unit := ""
	for _, b := range blocks(t) {
		if strings.HasPrefix(b.text, "[Unit]") {
			unit += b.text
		}
	}
	for _, want := range []string{"Type=notify", "ExecStart=" + installed + " serve ", "WatchdogSec=1s", "WatchdogSignal=SIGKILL", "Restart=always"} {
		if !strings.Contains(unit, "\n"+want) {
			t.Errorf("no unit has %s", want)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("skipped: systemd-analyze is not installed")
	}
	file := filepath.Join(t.TempDir(), "ringfence.service")
	unit = strings.ReplaceAll(unit, installed, filepath.Join(programs, "ringfence"))
	if err := os.WriteFile(file, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", file).CombinedOutput(); err != nil || strings.Contains(string(out), "ringfence") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
