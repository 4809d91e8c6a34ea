package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// runDemo runs a demo with temporary files in a folder of its own and says what
// it printed and whether it succeeded; it must leave no file and no process.
func runDemo(t *testing.T, name string, args ...string) (printed string, ok bool) {
	t.Helper()
	rig.Need(t, "kamailio", "make")
	temp := t.TempDir()
	cmd := exec.Command(name, args...)
	cmd.Dir = rig.Root()
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	left, readErr := filepath.Glob(filepath.Join(temp, "ringfence-*"))
	if readErr != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind (%v)", left, readErr)
	}
	if err := rig.Wait(rig.Patience, "no process in "+temp, func() bool { // one that was killed is there for a moment
		return !slices.ContainsFunc(links("/proc/[0-9]*/cwd"), func(cwd string) bool { return strings.HasPrefix(cwd, temp) })
	}); err != nil {
		t.Errorf("the demo left a process behind: %v", err)
	}
	return string(out), err == nil
}

// links are where the symbolic links point that match.
func links(pattern string) (targets []string) {
	names, err := filepath.Glob(pattern)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	for _, name := range names {
		if to, err := os.Readlink(name); err == nil { // else the process has just ended
			targets = append(targets, to)
		}
	}
	return targets
}

func TestDemo(t *testing.T) {
	printed, ok := runDemo(t, "make", "demo")
	if !ok {
		t.Fatalf("make demo failed:\n%s", printed)
	}
	for _, want := range []string{
		"clean call, answered and hung up", "SIP/2.0 200 OK", "SIP/2.0 603 Network Blocked", `Reason: SIP;cause=603;text="v=analytics1;url=`,
		"SIP/2.0 603 Decline", "SIP/2.0 607 Unwanted", "SIP/2.0 404 Not Found", "emergency call", "All 8 calls were answered as they must be",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("make demo does not print %q:\n%s", want, printed)
		}
	}
}

// A demo that shows something else than it must says so and fails.
func TestDemoFails(t *testing.T) {
	example := t.TempDir()
	if err := os.CopyFS(example, os.DirFS(filepath.Join(rig.Root(), "docker", "ringfence"))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(example, "rules", "main.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "block: analytics", "block: analytics\n    mode: monitor", 1)
	if changed == string(text) {
		t.Fatal("the example has no analytics rule to change")
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	printed, ok := runDemo(t, "go", "run", "./integration/demo", "-example", example)
	if ok || !strings.Contains(printed, "WRONG: the status line is SIP/2.0 200 OK, must be SIP/2.0 603 Network Blocked") {
		t.Errorf("with the spam rule in monitor the demo succeeds (%v) and prints:\n%s", ok, printed)
	}
}
