package sidecar

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/rules"
	"ringfence/sidecar/alert"
)

// stepped is a clock.
type stepped struct {
	mu sync.Mutex
	at time.Time
}

func (c *stepped) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *stepped) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// watch is a health watch whose calls are counted by the test.
type watch struct {
	*healthWatch
	*stepped
	raised []string
}

func newWatch(t *testing.T, c HealthConfig, name string, at time.Time) *watch {
	t.Helper()
	engine, err := rules.NewEngine(rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	w := &watch{stepped: &stepped{at: at}}
	raise := func(a alert.Alert) { w.raised = append(w.raised, fmt.Sprintf("%s %s %s", a.State, a.Kind, a.Subject)) }
	w.healthWatch = newHealth(c, name, raise, w.now, slog.New(slog.DiscardHandler))
	w.engine = engine
	return w
}

func (w *watch) now() time.Time { return w.stepped.now() }

// calls counts so many calls, and lets a window pass.
func (w *watch) calls(n int, e rules.Ended) {
	for range n {
		w.take(&e)
	}
	w.step(w.config.Window)
	w.take(nil)
}

func TestHealthSlowsDownWhoCausedAnAlarm(t *testing.T) {
	c := Defaults().Health
	c.SlowDown = 15 * time.Minute
	mallory := rules.Ended{Carrier: "carrier-a", Account: "mallory", Code: 607}
	w := newWatch(t, c, "", noon)
	w.calls(60, mallory)
	if want := []string{"begin block-share upstream carrier-a", "begin block-share account mallory"}; !slices.Equal(w.raised, want) {
		t.Errorf("raised %q, want %q", w.raised, want)
	}
	want := []rules.Slowed{{Of: "account", Name: "mallory", Until: w.now().Add(15 * time.Minute)}}
	if diff := cmp.Diff(want, w.engine.Slowed(w.now())); diff != "" {
		t.Errorf("slowed (-want +got):\n%s", diff)
	}
	w.step(15 * time.Minute)
	if s := w.engine.Slowed(w.now()); len(s) != 0 {
		t.Errorf("slowed for ever: %v", s)
	}

	w = newWatch(t, Defaults().Health, "", noon) // nobody asked for it
	if w.calls(60, mallory); len(w.raised) != 2 || len(w.engine.Slowed(w.now())) != 0 {
		t.Errorf("raised %q, slowed %v", w.raised, w.engine.Slowed(w.now()))
	}
}

func TestHealthOff(t *testing.T) {
	w := newWatch(t, Defaults().Health, "", noon)
	w.calls(60, rules.Ended{Carrier: "carrier-a", Code: 607})
	off := w.config
	off.Off = true
	w.set(off)
	w.calls(60, rules.Ended{Carrier: "carrier-b", Code: 607})
	if want := []string{"begin block-share upstream carrier-a", "end block-share upstream carrier-a"}; !slices.Equal(w.raised, want) || w.status() != nil {
		t.Errorf("raised %q, want %q; status %+v", w.raised, want, w.status())
	}
	w.set(Defaults().Health)
	if w.calls(60, rules.Ended{Carrier: "carrier-b", Code: 607}); len(w.raised) != 3 {
		t.Errorf("raised %q when it is on again", w.raised)
	}
}

// What cannot be read is kept aside, told of, and learned anew.
func TestHealthFileIsTorn(t *testing.T) {
	for name, text := range map[string]string{
		"torn":    `{"version":1,"health":{"short":6000000000,"subj`,
		"foreign": `{"version":7}`,
		"wrong":   `{"version":1,"health":{"subjects":[{"role":"upstream","name":"a","answer":{"value":7,"windows":12}}]}}`,
		"empty":   "",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), healthName)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			w := newWatch(t, Defaults().Health, file, noon)
			var log lockedBuffer
			w.log = slog.New(slog.NewTextHandler(&log, nil))
			w.start(w.engine)
			w.close()
			kept, err := os.ReadFile(file + damagedSuffix)
			if err != nil || string(kept) != text {
				t.Errorf("kept %q, %v", kept, err)
			}
			if w.errors.Load() != 1 || !strings.Contains(log.String(), "learned anew") {
				t.Errorf("%d errors, log %s", w.errors.Load(), &log)
			}
			if _, err := readHealth(file); err != nil {
				t.Errorf("what is written in its place: %v", err)
			}
		})
	}
}

func TestHealthIsWrittenAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "away")
	w := newWatch(t, Defaults().Health, filepath.Join(dir, healthName), noon)
	var log lockedBuffer
	w.log = slog.New(slog.NewTextHandler(&log, nil))
	w.save()
	w.save()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.save()
	if text := log.String(); w.errors.Load() != 2 || strings.Count(text, "cannot write") != 1 || !strings.Contains(text, "written again") {
		t.Errorf("%d errors, log %s", w.errors.Load(), text)
	}
}

func TestHealthQueueIsBounded(t *testing.T) {
	w := newWatch(t, Defaults().Health, "", noon)
	for range healthQueue + 3 {
		w.Ended(&rules.Ended{})
	}
	if s := w.status(); s.Queued != healthQueue || s.Dropped != 3 {
		t.Errorf("%d in the queue, %d dropped", s.Queued, s.Dropped)
	}
}

// hooked is a server for alerts.
type hooked struct {
	*httptest.Server
	mu       sync.Mutex
	messages []alert.Message
}

func newHooked(t *testing.T) *hooked {
	h := new(hooked)
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var m alert.Message
		if err == nil {
			err = json.Unmarshal(body, &m)
		}
		if err != nil || r.Header.Get(alert.SignatureHeader) == "" {
			t.Errorf("%v, headers %v", err, r.Header)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.messages = append(h.messages, m)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hooked) got(kind, subject, state string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.messages, func(m alert.Message) bool { return m.Kind == kind && m.Subject == subject && m.State == state })
}

// dial has a call of an account decided, and reports what became of it when it
// passes. It returns the status of a call that does not.
func (d *daemon) dial(account, code string) string {
	d.Helper()
	form := url.Values{"call_id": {newCallID()}, "from": {clean}}
	at := "http://" + d.p.Addr().String() + "/kamailio/call?src=192.0.2.1&account=" + account + "&ruri=" + url.QueryEscape(callee)
	resp, err := d.web.Post(at, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		d.Fatal(err)
	}
	lines := strings.Split(d.read(resp), "\n")
	if lines[0] != "1 allow" {
		return lines[1]
	}
	if said := d.outcome(lines[3] + " " + code + " 192.0.2.20 0 40 0 1 - x"); !strings.HasPrefix(said, "counted 1") {
		d.Fatal(said)
	}
	return ""
}

// A campaign whose calls a carrier sends back as unwanted raises alarms in log,
// webhook, status and metrics and is slowed down, over a restart, too.
func TestHealthOfADaemon(t *testing.T) {
	hook := newHooked(t)
	config := strings.Replace(configText, "192.0.2.0/24]", "192.0.2.0/28]", 1) +
		"health: {min: 20, slow_down: 15m}\nalerts: {webhook: {url: '" + hook.URL + "', secret_file: alerts.secret}}\n"
	config = strings.Replace(config, "log: {level", "  - {name: carrier-b, networks: [192.0.2.16/28], country: US}\nlog: {level", 1)
	dir := folder(t, map[string]string{
		"ringfence.yaml": config, "alerts.secret": "0123456789abcdef\n",
		"rules/main.yaml": strings.Replace(rulesText, "rules:\n", "rules:\n  - {id: campaign, when: slowed(account), block: pacing}\n", 1),
	})
	clock := &stepped{at: noon}
	run := func() *daemon {
		d := &daemon{T: t, dir: dir, log: new(lockedBuffer), web: &http.Client{Timeout: patience, Transport: &http.Transport{}}}
		p, err := New(filepath.Join(dir, "ringfence.yaml"), Options{Log: d.log, Version: "test", Now: clock.now})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		d.p = p
		return d
	}
	d := run()
	stopped := false
	defer func() {
		if !stopped {
			d.p.Stop()
		}
	}()
	for range 30 {
		if got := d.dial("13035550260", "607"); got != "" {
			t.Fatalf("a call was stopped with %s", got)
		}
	}
	d.p.health.Ended(&rules.Ended{At: noon}) // of nobody: once it is taken, all before it are counted
	await(t, "the calls to be counted", func() bool { return len(d.p.health.queue) == 0 })
	clock.step(5 * time.Minute)
	await(t, "the webhook", func() bool { return hook.got("block-share", "upstream carrier-b", "begin") })
	if got := d.dial("13035550260", ""); got != "480" {
		t.Errorf("a call of the campaign: status %q, want 480", got)
	}
	if got := d.dial("bob", "404"); got != "" {
		t.Errorf("a call of another: status %q", got)
	}
	s := d.p.Status()
	if u := s.Health.Upstreams; len(u) != 1 || u[0].Name != "carrier-b" || u[0].Calls != 30 || u[0].BlockShare != 1 || len(u[0].Alarms) != 1 {
		t.Errorf("upstreams %+v", u)
	}
	if tr := s.Health.Trunks; len(tr) != 1 || tr[0].Name != "carrier-a" || len(s.Health.Slowed) != 1 {
		t.Errorf("trunks %+v, slowed %+v", tr, s.Health.Slowed)
	}
	_, text := d.get("/metrics")
	for _, want := range []string{
		`ringfence_health_block_ratio{role="upstream",trunk="carrier-b"} 1`,
		`ringfence_health_alarm{kind="block-share",role="upstream",trunk="carrier-b"} 1`,
		`ringfence_health_alarm{kind="answer-rate",role="trunk",trunk="carrier-a"} 0`,
		"ringfence_health_alarmed_accounts_entries 1",
		"ringfence_slow_downs_total 1",
		`ringfence_alerts_total{kind="block-share",state="begin"} 3`,
		`ringfence_webhook_requests_total{result="ok"} `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if strings.Contains(text, "13035550260") || strings.Contains(d.log.String(), "13035550260") {
		t.Error("an account that is a number is in the metrics or the log")
	}
	if !strings.Contains(d.log.String(), `msg=alert kind=block-share subject="upstream carrier-b" state=begin`) {
		t.Errorf("log: %s", d.log)
	}
	d.p.Stop()

	c, err := LoadConfig(filepath.Join(dir, "ringfence.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	x, err := c.Explain(Question{Query: url.Values{"account": {"13035550260"}, "ruri": {callee}}, Form: url.Values{"call_id": {"x"}, "from": {clean}}}, clock.now())
	if err != nil || x.Verdict.Rule != "campaign" || !strings.Contains(x.String(), "slowed(account)") {
		t.Errorf("explained: %v\n%s", err, x)
	}

	d = run()
	if got := d.dial("13035550260", ""); got != "480" {
		t.Errorf("a call of the campaign after a restart: status %q, want 480", got)
	}
	if u := d.p.Status().Health.Upstreams; len(u) != 1 || len(u[0].Alarms) != 1 {
		t.Errorf("upstreams after a restart: %+v", u)
	}
	// The settings change without a restart.
	d.replace("ringfence.yaml", strings.Replace(config, "health: {min: 20, slow_down: 15m}", "health: off", 1))
	if r, err := d.p.Reload(t.Context()); err != nil || !r.OK || len(d.p.Status().Restart) != 0 {
		t.Errorf("reload %+v, %v", r, err)
	}
	await(t, "the end of the alarm", func() bool { return hook.got("block-share", "upstream carrier-b", "end") })
	if h := d.p.Status().Health; h != nil {
		t.Errorf("health when it is off: %+v", h)
	}
	clock.step(15 * time.Minute)
	if got := d.dial("13035550260", "200"); got != "" {
		t.Errorf("a call of the campaign after the slow-down: status %q", got)
	}
	d.p.Stop()
	stopped = true
}

// The secret of a webhook is checked as the configuration is.
func TestWebhookSecret(t *testing.T) {
	config := configText + "alerts: {webhook: {url: 'https://alerts.example.net', secret_file: alerts.secret}}\n"
	for name, c := range map[string]struct {
		more map[string]string
		want string
	}{
		"missing": {nil, "alerts.secret: no such file or directory (write one: openssl rand -hex 32 > "},
		"short":   {map[string]string{"alerts.secret": "abc"}, "alerts.secret has fewer than 16 characters"},
		"fine":    {map[string]string{"alerts.secret": "0123456789abcdef"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"ringfence.yaml": config})
			write(t, dir, c.more)
			_, err := Check(LoadConfig(filepath.Join(dir, "ringfence.yaml")))
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "ringfence.yaml:10:55: alerts.webhook.secret_file: ")):
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

// An upstream that teaches no more is an alert, which ends when it is heard
// again.
func TestSilencedUpstreamIsAnAlert(t *testing.T) {
	d := launch(t, map[string]string{"ringfence.yaml": strings.Replace(configText, "log: {level", "  - {name: carrier-b, networks: [192.0.2.20]}\nlog: {level", 1),
		"rules/main.yaml": strings.ReplaceAll(rulesText, "upstream: [carrier-a], after: 1", "upstream: [carrier-b], after: 9")})
	number := 2025550200
	answers := func(n int, code string) {
		for range n {
			number++
			id := d.ask(clean, fmt.Sprintf("+1%d", number))[3]
			if said := d.outcome(id + " " + code + " 192.0.2.20 0 40 0 1 - x"); !strings.HasPrefix(said, "counted 1") {
				t.Fatal(said)
			}
		}
	}
	answers(100, "404")
	await(t, "the alert", func() bool {
		return strings.Contains(d.log.String(), `level=ERROR msg=alert kind=upstream-silenced subject="upstream carrier-b of list not-found" state=begin`)
	})
	answers(150, "486")
	await(t, "its end", func() bool {
		return strings.Contains(d.log.String(), `kind=upstream-silenced subject="upstream carrier-b of list not-found" state=end`)
	})
}
