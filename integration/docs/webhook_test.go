package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"ringfence/integration/rig"
	"ringfence/sidecar/alert"
)

// What docs/operations.md verifies a webhook's request with takes one that is
// signed, and none that is old or another.
func TestWebhookIsVerified(t *testing.T) {
	rig.Need(t, "python3")
	found := 0
	for _, b := range blocks(t) {
		if b.kind != "python" {
			continue
		}
		found++
		const secret, body = "0123456789abcdef", `{"id": "1", "text": "„"}`
		script := filepath.Join(t.TempDir(), "verify.py")
		text := b.text + "\nimport sys\nsys.exit(0 if verify(sys.argv[1].encode(), sys.argv[2], sys.argv[3].encode()) else 1)\n"
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for _, c := range []struct {
			name, secret, header, body string
			want                       bool
		}{
			{"signed", secret, alert.Sign(secret, now, []byte(body)), body, true},
			{"another body", secret, alert.Sign(secret, now, []byte(body)), body + " ", false},
			{"another secret", "fedcba9876543210", alert.Sign(secret, now, []byte(body)), body, false},
			{"old", secret, alert.Sign(secret, now.Add(-time.Hour), []byte(body)), body, false},
		} {
			out, err := exec.Command("python3", script, c.secret, c.header, c.body).CombinedOutput()
			if (err == nil) != c.want || len(out) > 0 {
				t.Errorf("%s: %s: taken: %v, want %v: %s", b, c.name, err == nil, c.want, out)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d blocks of Python, want one", found)
	}
}
