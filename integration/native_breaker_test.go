package integration

import (
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ringfence/integration/rig"
)

const slow = 100 * time.Millisecond

// TestNativeStopped holds the bound for a daemon that hangs: stopped for 30 s
// at 100 calls a second, at most 7 calls wait and none is lost. Another Kamailio
// with a daemon that answers has the same load at the same time: what is slow
// there is the machine's doing. Not parallel to other tests for that reason.
func TestNativeStopped(t *testing.T) {
	rig.Need(t, "sipp")
	const calls, bound = 3300, 7
	d := startDaemon(t)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr, Defines: shipped}, map[string]rig.Answer{"12025550200": {}})
	control := startNative(t, rig.KamailioOptions{Ringfence: startScripted(t, blocksSpam).Addr, Defines: shipped}, map[string]rig.Answer{"12025550200": {}})
	var loads [2]*rig.Load
	for i, to := range []string{n.Addr, control.Addr} {
		l, err := rig.StartLoad(rig.LoadOptions{Scenario: "answered", To: to, Callee: "12025550200", Callers: []string{"+13015550299"}, Rate: 100, Calls: calls})
		if err != nil {
			t.Fatal(err)
		}
		stops(t, "sipp", l.Stop)
		loads[i] = l
	}
	time.Sleep(time.Second)
	if err := d.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(30 * time.Second)
	if err := d.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	r, err := loads[0].Wait()
	if err != nil {
		t.Fatal(err)
	}
	other, err := loads[1].Wait()
	if err != nil {
		t.Fatal(err)
	}
	held := n.held()
	t.Logf("%d calls, %d lost, %d waited for the timeout, %d slower than %s (%d where the daemon answers), p50 %s, p99 %s, slowest %s",
		r.Succeeded, r.Failed, held, r.Slower(slow), slow, other.Slower(slow), r.Quantile(0.5), r.Quantile(0.99), r.Quantile(1))
	switch {
	case other.Failed > 0:
		t.Logf("the machine is too busy to lose no call: %d where the daemon answers\n%s", other.Failed, other.Why)
	case r.Succeeded != calls || r.Failed != 0:
		t.Errorf("%d calls of %d went through, %d failed\n%s", r.Succeeded, calls, r.Failed, r.Why)
	}
	switch {
	case control.held() > 0:
		t.Logf("the machine is too busy to hold the bound of %d", bound)
	case held > bound:
		t.Errorf("%d calls waited for the timeout, want at most %d", held, bound)
	}
	switch s := r.Slower(slow); {
	case other.Slower(slow) > 0:
		t.Logf("the machine is too busy to hold the bound of %s", slow)
	case s > bound:
		t.Errorf("%d calls were slower than %s, want at most %d", s, slow, bound)
	}
	n.recovers(t)
}

// held is how many calls have waited for the timeout so far.
func (n native) held() int {
	return len(regexp.MustCompile(`timed out on request \(url: http://[^/]+/kamailio/call`).FindAll(n.Log(), -1))
}

// recovers waits until a listed caller is stopped again.
func (n native) recovers(t testing.TB) {
	t.Helper()
	eventually(t, "calls are decided again", func() bool {
		return n.place(t, rig.Request{From: from("+13035550260")}).Code == 603
	})
}

// TestNativeKilled holds that calls go on at once when the daemon is gone, and
// are decided again when it is back.
func TestNativeKilled(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, nil)
	n.recovers(t)
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		r := n.place(t, rig.Request{From: from("+13035550260")})
		if r.Code != 200 || r.Latency >= timeout {
			t.Errorf("call %d without a daemon: %s after %s", i, r.Status, r.Latency)
		}
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	n.recovers(t)
}

// TestNativeRestarted holds that a restart between two calls costs none of
// them: the workers' old connections are replaced.
func TestNativeRestarted(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, nil)
	for range 4 {
		for range 12 { // every worker has had a connection
			if r := n.place(t, rig.Request{From: from("+13035550260")}); r.Code != 603 {
				t.Fatalf("after a restart: %s", r.Status)
			}
		}
		if err := d.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

// opened is how often the breaker has opened so far.
func (n native) opened() int {
	return strings.Count(string(n.Log()), "ringfence: no answer three times in a row")
}

// garbage is what a daemon never says. Where opens is set, the breaker opens.
var garbage = []struct {
	name   string
	status int
	body   string
	opens  bool
}{
	{"empty", 200, "", true},
	{"a page", 200, "<html>\n<body>hello</body>\n</html>\n", true},
	{"another version", 200, strings.Replace(passes(), "1 ", "2 ", 1), true},
	{"another action", 200, strings.Replace(passes(), "allow", "stop", 1), true},
	{"a line short", 200, strings.TrimSuffix(passes(), "\n"), true},
	{"a line too many", 200, passes() + "\n", true},
	{"carriage returns", 200, strings.ReplaceAll(passes(), "\n", "\r\n"), true},
	{"a forged header", 200, rig.Lines("block", "603", "Decline", "x\rVia: y", "", "", "", ""), true},
	{"a control character", 200, rig.Lines("block", "603", "Decline\x01", "", "", "", "", ""), true},
	{"a NUL", 200, rig.Lines("block", "603", "Decline\x00", "", "", "", "", ""), true},
	{"no phrase", 200, rig.Lines("block", "603", "", "", "", "", "", ""), true},
	{"a code out of range", 200, rig.Lines("block", "200", "OK", "", "", "", "", ""), true},
	{"no id", 200, "1 allow\n\n\n\n\n\n\n\n\n", true},
	{"a megabyte", 200, strings.Repeat("ringfence ", 100_000), true},
	{"no target", 200, rig.Lines("divert", "", "", "", "", "", "", ""), true},
	{"no URI as target", 200, rig.Lines("divert", "", "", "", "", "", "", "hell"), true},
	{"an error", 500, "ringfence: error\n", true},
	{"unavailable", 503, "ringfence: could not decide\n", true},
	{"no HTTP", 0, "220 mail.example.net ESMTP\r\n", true},
	{"a closed connection", 0, "", true},
	{"half an answer", 0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n1 allow\n", true},
	{"not found", 404, "ringfence: no such path\n", false},
	{"method not allowed", 405, "ringfence: method\n", false},
	{"too many", 429, "slow down\n", false},
	{"redirect", 302, "", false},
	{"no content", 204, "", false},
}

// TestNativeGarbage holds that what can't be understood is no decision: the
// calls pass, and after three in a row nobody asks until the daemon is well.
func TestNativeGarbage(t *testing.T) {
	t.Parallel()
	var script atomic.Int32 // index into garbage, -1: a sane daemon
	d := startScripted(t, func(q rig.Question) (int, string) {
		if i := script.Load(); i >= 0 {
			return garbage[i].status, garbage[i].body
		}
		return blocksSpam(q)
	})
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr}, nil)
	closed := startNative(t, rig.KamailioOptions{Ringfence: d.Addr, Defines: map[string]string{"RINGFENCE_FAIL_CLOSED": "1"}}, nil)
	for i, g := range garbage {
		t.Run(g.name, func(t *testing.T) {
			script.Store(int32(i))
			before := n.opened()
			for range 6 {
				if r := n.place(t, rig.Request{From: from(spam)}); r.Code != 200 || r.Latency >= timeout {
					t.Errorf("fail open: %s after %s, want 200", r.Status, r.Latency)
				}
			}
			if opened := n.opened() > before; opened != g.opens {
				t.Errorf("the breaker opened: %v, want %v", opened, g.opens)
			}
			r := closed.place(t, rig.Request{From: from("13015550299")})
			if r.Code != 503 || rig.Header(r.Final, "Retry-After") != "" {
				t.Errorf("fail closed:\n%s", r.Final)
			}
			if r := closed.place(t, rig.Request{URI: "sip:911@127.0.0.1"}); r.Code != 200 {
				t.Errorf("fail closed, emergency call: %s", r.Status)
			}
			script.Store(-1)
			for _, n := range []native{n, closed} {
				eventually(t, "a sane daemon is asked again", func() bool {
					return n.place(t, rig.Request{From: from(spam)}).Code == 603
				})
			}
		})
	}
}

// TestNativeUnreachable holds both settings where nothing listens at all.
func TestNativeUnreachable(t *testing.T) {
	t.Parallel()
	port, err := rig.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	nowhere := fmt.Sprintf("127.0.0.1:%d", port)
	open := startNative(t, rig.KamailioOptions{Ringfence: nowhere}, nil)
	closed := startNative(t, rig.KamailioOptions{Ringfence: nowhere, Defines: map[string]string{"RINGFENCE_FAIL_CLOSED": "1"}}, nil)
	for range 10 {
		if r := open.place(t, rig.Request{}); r.Code != 200 || r.Latency >= timeout {
			t.Errorf("fail open: %s after %s", r.Status, r.Latency)
		}
		if r := closed.place(t, rig.Request{}); r.Status != "SIP/2.0 503 Service Unavailable" || r.Latency >= timeout {
			t.Errorf("fail closed: %s after %s", r.Status, r.Latency)
		}
	}
}
