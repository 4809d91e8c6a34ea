package sidecar

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"ringfence/rules"
	"ringfence/sidecar/notify"
)

func TestDecisions(t *testing.T) {
	d := launch(t, nil)
	for _, c := range []struct {
		name, caller, callee string
		want                 []string // the first lines of the answer
	}{
		{"clean", clean, callee, []string{"1 allow", "", ""}},
		{"listed", spam, callee, []string{"1 block", "603", "Network Blocked"}},
		{"diverted", clean, "+19005550100", []string{"1 divert", "", ""}},
		{"monitored", "+12025550177", callee, []string{"1 allow", "", ""}},
		{"emergency", spam, "911", []string{"1 allow", "", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := d.ask(c.caller, c.callee)
			for i := range c.want {
				if got[i] != c.want[i] {
					t.Errorf("line %d is %q, want %q", i+1, got[i], c.want[i])
				}
			}
		})
	}
	await(t, "three lines in the journal", func() bool { return d.p.Status().Journal.Written == 3 })
	if got, want := d.p.Status().Calls, (CallCounts{Allowed: 3, Blocked: 1, Diverted: 1, Monitored: 1}); got != want {
		t.Errorf("calls %+v, want %+v", got, want)
	}
}

func TestStoppedCallIsInTheJournal(t *testing.T) {
	d := launch(t, nil)
	id, _ := rules.ParseID(d.ask(spam, callee)[3])
	var e Entry
	await(t, "the entry", func() (found bool) {
		var err error
		if e, found, err = FindEntry(d.p.config.Journal.File, id); err != nil {
			t.Fatal(err)
		}
		return found
	})
	e.Time, e.Reason, e.CallID = time.Time{}, "", ""
	got, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"time":"0001-01-01T00:00:00Z","id":"%s","mode":"enforce","action":"block","rule":"spam","why":"analytics","code":603,"phrase":"Network Blocked",`+
		`"caller":"+12025550142","callee":"+12025550100","trunk":"carrier-a","source":"192.0.2.1",`+
		`"row":{"list":"spam","file":"%s","line":2,"pattern":"+12025550142","source":"ftc","note":"robot"}}`, id, filepath.Join(d.dir, "rules/lists/spam.csv"))
	if string(got) != want {
		t.Errorf("entry\n%s, want\n%s", got, want)
	}
}

func TestMonitoredCallIsInTheJournal(t *testing.T) {
	for _, c := range []struct {
		name, config, caller, want string
	}{
		{"rule", configText, "+12025550177", `"mode":"monitor","action":"block","rule":"watched","why":"subscriber"`},
		{"daemon", configText + "mode: monitor\n", spam, `"mode":"monitor","action":"block","rule":"spam","why":"analytics"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := launch(t, map[string]string{"ringfence.yaml": c.config})
			if got := d.ask(c.caller, callee)[0]; got != "1 allow" {
				t.Fatalf("answer %q, want the call to pass", got)
			}
			d.p.Stop()
			data, err := os.ReadFile(d.p.config.Journal.File)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(data), c.want) {
				t.Errorf("journal\n%s, want %s", data, c.want)
			}
		})
	}
}

func TestLearnedOutlivesRestart(t *testing.T) {
	d := launch(t, nil)
	id := d.ask(clean, callee)[3]
	if got := d.outcome(id + " 404 192.0.2.7 0 40 0 1 - Not Found"); !strings.HasPrefix(got, "counted 1 ") {
		t.Fatalf("outcome: %s", got)
	}
	if got := d.ask(clean, callee)[1]; got != "404" {
		t.Fatalf("second call: %q, want 404", got)
	}
	d.p.Stop()
	next := launchIn(t, d.dir)
	if got := next.ask(clean, callee)[1]; got != "404" {
		t.Errorf("after a restart: %q, want 404", got)
	}
}

func TestClientsAreEnforcedAtAccept(t *testing.T) {
	d := launch(t, map[string]string{"ringfence.yaml": configText + "clients: [192.0.2.1]\n"})
	c, err := net.Dial("tcp", d.p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
		t.Errorf("read %d bytes, %v; want the connection closed without an answer", n, err)
	}
	if got := d.p.refused.Load(); got != 1 {
		t.Errorf("%d connections counted as refused, want 1", got)
	}
	d.replace("ringfence.yaml", configText)
	await(t, "clients reloaded", func() bool { return d.p.Status().Generation > 1 })
	if got := d.ask(clean, callee)[0]; got != "1 allow" {
		t.Errorf("after the reload: %q", got)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// A request that has begun when the daemon is told to stop is answered.
func TestStopAnswersWhatIsInFlight(t *testing.T) {
	d := launch(t, map[string]string{"ringfence.yaml": configText + "timeouts: {stop: 8m, read: 4m}\n"}) // none is reached
	c, err := net.Dial("tcp", d.p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	body := "call_id=in-flight&from=%2B12025550142"
	fmt.Fprintf(c, "POST /kamailio/call?src=192.0.2.1&ruri=%%2B12025550100 HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v; want 100 Continue", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { d.p.Stop(); close(stopped) }()
	await(t, "the listener closed", func() bool {
		c, err := net.Dial("tcp", d.p.Addr().String())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if code, body := d.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "the daemon stops") {
		t.Errorf("readyz while it stops: %d %s", code, body)
	}
	if d.p.Status().Ready {
		t.Error("status says ready while it stops")
	}
	if _, err := io.WriteString(c, body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer := d.read(resp); resp.StatusCode != http.StatusOK || !strings.HasPrefix(answer, "1 block\n603\n") {
		t.Errorf("answer %d %q", resp.StatusCode, answer)
	}
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("the stop hangs")
	}
	data, err := os.ReadFile(d.p.config.Journal.File)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `"call_id":"in-flight"`) {
		t.Errorf("the journal was not drained: %q", data)
	}
}

// The breaker's probe is told that the daemon stops, so that no call follows it.
func TestProbeWhileStopping(t *testing.T) {
	d := launch(t, nil)
	for _, c := range []struct {
		stopping bool
		want     int
	}{{false, http.StatusOK}, {true, http.StatusServiceUnavailable}} {
		d.p.stopping.Store(c.stopping)
		for _, at := range []net.Addr{d.p.Addr(), d.p.AdminAddr()} {
			resp, err := d.web.Get("http://" + at.String() + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			if body := d.read(resp); resp.StatusCode != c.want {
				t.Errorf("stopping %v: %d %s, want %d", c.stopping, resp.StatusCode, body, c.want)
			}
		}
		if got := d.p.Status().Ready; got == c.stopping {
			t.Errorf("stopping %v: status says ready %v", c.stopping, got)
		}
	}
}

// A client that begins a request and never ends it holds up a stop for a
// bounded time.
func TestStopIsBounded(t *testing.T) {
	d := launch(t, map[string]string{"ringfence.yaml": configText + "timeouts: {stop: 400ms, read: 10m}\n"})
	c, err := net.Dial("tcp", d.p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "POST /kamailio/call HTTP/1.1\r\nHost: x\r\nContent-Len"); err != nil {
		t.Fatal(err)
	}
	await(t, "the connection accepted", func() bool { return d.ask(clean, callee)[0] == "1 allow" })
	stopped := make(chan struct{})
	go func() { d.p.Stop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("the stop hangs")
	}
	_ = c.Close()
}

// Who did not end in time may ask the engine after the stop: what it counts in is
// there still.
func TestRequestAfterAStopInTheMiddleOfIt(t *testing.T) {
	d := launch(t, map[string]string{
		"ringfence.yaml":  configText + "timeouts: {stop: 400ms, read: 10m}\n",
		"rules/main.yaml": rulesText + "  - {id: burst, when: 'rate(caller, \"1m\") > 100', block: subscriber}\n",
	})
	c, err := net.Dial("tcp", d.p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	body := "call_id=late&from=" + strings.ReplaceAll(clean, "+", "%2B")
	fmt.Fprintf(c, "POST /kamailio/call?src=192.0.2.1&ruri=%%2B12025550100 HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v; want 100 Continue", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	d.p.Stop()
	if _, err := io.WriteString(c, body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer := d.read(resp); resp.StatusCode != http.StatusOK || !strings.HasPrefix(answer, "1 allow\n") {
		t.Errorf("answer %d %q", resp.StatusCode, answer)
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	p, err := New(filepath.Join(folder(t, nil), "ringfence.yaml"), Options{Log: new(lockedBuffer)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestStartFails(t *testing.T) {
	t.Run("rules", func(t *testing.T) {
		dir := folder(t, map[string]string{"rules/a.yaml": "rules:\n  - {id: a, when: calee == 1, block: dno}\n", "rules/b.yaml": "rulez: []\n"})
		_, err := New(filepath.Join(dir, "ringfence.yaml"), Options{Log: io.Discard})
		if err == nil || !strings.Contains(err.Error(), "calee") || !strings.Contains(err.Error(), "rulez") {
			t.Errorf("error %v, want all that is wrong", err)
		}
	})
	t.Run("state in use", func(t *testing.T) {
		d := launch(t, nil)
		p, err := New(filepath.Join(d.dir, "ringfence.yaml"), Options{Log: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(); err == nil || !strings.Contains(err.Error(), "in use by another ringfence") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("port in use", func(t *testing.T) {
		d := launch(t, nil)
		dir := folder(t, map[string]string{"ringfence.yaml": strings.Replace(configText, "listen: 127.0.0.1:0", "listen: "+d.p.Addr().String(), 1)})
		p, err := New(filepath.Join(dir, "ringfence.yaml"), Options{Log: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(); err == nil || !strings.HasPrefix(err.Error(), "listen: ") {
			t.Errorf("error %v", err)
		}
	})
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"no token file", "", 0, "no such file"},
		{"empty token", " \n", 0o600, "is empty"},
		{"open token", "secret\n", 0o644, "chmod o="},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, nil)
			file := filepath.Join(dir, "token")
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if c.mode != 0 {
				if err := os.WriteFile(file, []byte(c.text), c.mode); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := New(filepath.Join(dir, "ringfence.yaml"), Options{Log: io.Discard}); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "ringfence.yaml:3:30: admin.token_file: ") {
				t.Errorf("error %v, want %q at its place", err, c.want)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	d := launch(t, nil)
	d.ask(spam, callee)
	d.ask(clean, "112")
	problems, err := testutil.GatherAndLint(newRegistry(d.p))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "ringfence_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	code, text := d.get("/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	for _, want := range []string{
		`ringfence_calls_total{action="block",adapter="kamailio"} 1`,
		`ringfence_calls_total{action="allow",adapter="kamailio"} 1`,
		`ringfence_rule_matched_total{action="block",rule="spam"} 1`,
		`ringfence_decision_seconds_count{adapter="kamailio"} 2`,
		"ringfence_emergency_calls_total 1",
		"ringfence_reload_last_ok 1",
		"ringfence_ruleset_generation 1",
		"ringfence_rules_entries 4",
		"ringfence_journal_dropped_total 0",
		"go_goroutines ",
		"process_open_fds ",
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("no line %q", want)
		}
	}
	if strings.Contains(text, spam) || strings.Contains(text, "192.0.2.") {
		t.Error("a number or an address is in the metrics")
	}
}

func TestLogMasksNumbers(t *testing.T) {
	for _, c := range []struct{ name, numbers, want, not string }{
		{"masked", "masked", "+1202•••142", "12025550142"},
		{"full", "full", "+12025550142", "•••"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := launch(t, map[string]string{"ringfence.yaml": strings.Replace(configText, "level: debug", "level: debug, numbers: "+c.numbers, 1)})
			d.ask(spam, callee)
			d.ask(clean, callee)
			d.p.Stop()
			log := d.log.String()
			if !strings.Contains(log, c.want) || strings.Contains(log, c.not) {
				t.Errorf("log\n%s, want %s and no %s", log, c.want, c.not)
			}
			if strings.Contains(log, clean) || strings.Contains(log, mask(clean)) {
				t.Errorf("an allowed call is in the log:\n%s", log)
			}
		})
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	next := serviceManager(t, 0)
	d := launch(t, nil)
	if _, err := d.p.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.p.Stop()
	for _, want := range []string{notify.Ready, notify.Reloading, notify.Ready, notify.Stopping} {
		if got, _, _ := strings.Cut(next(), "\n"); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}
