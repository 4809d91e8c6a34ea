package sidecar

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files anew")

// patience is how long a test waits for what must come: a load gives way to all
// else that the machine does.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		code = leaked()
	}
	os.Exit(code)
}

// leaked waits until the goroutines that tests began have ended, and is 1 when
// some do not.
func leaked() int {
	for end := time.Now().Add(patience); ; {
		err := goleak.Find(
			// These end by themselves some time after their server has.
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
		switch {
		case err == nil:
			return 0
		case time.Now().After(end):
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
}

// golden compares got with the golden file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got, -update writes it anew):\n%s", file, diff)
	}
}

// write makes files below dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// await waits until done.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// lockedBuffer is a log that many write and a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// daemon is a whole program that runs in the test.
type daemon struct {
	*testing.T
	p   *Program
	dir string
	log *lockedBuffer
	web *http.Client
}

const configText = `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0, token_file: token}
state: state
rules: [rules]
redress: {url: "https://redress.example.net", location: TN}
trunks:
  - {name: carrier-a, networks: [192.0.2.0/24], country: US}
log: {level: debug}
`

const rulesText = `
lists:
  spam: {file: lists/spam.csv, why: analytics}
learn:
  not-found: {from: callee, on: [404], upstream: [carrier-a], after: 1, for: 30d}
rules:
  - id: dead
    when: callee in learned("not-found")
    block: not-found
  - id: spam
    when: callers in list("spam")
    block: analytics
  - id: premium
    when: callee == "+19005550100"
    divert: sip:ivr@example.net
  - id: watched
    when: caller == "+12025550177"
    block: subscriber
    mode: monitor
`

const listText = "number,source,note\n+12025550142,ftc,robot\n"

// spam is a listed caller, clean is none; callee is nobody special.
const (
	spam   = "+12025550142"
	clean  = "+12025550143"
	callee = "+12025550100"
)

// folder is a temporary one with a configuration, rules and a list; more
// replaces or adds files.
func folder(t *testing.T, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"ringfence.yaml": configText, "token": "secret\n", "rules/main.yaml": rulesText, "rules/lists/spam.csv": listText})
	write(t, dir, more)
	return dir
}

// launch starts the program on what folder makes, and stops it when the test
// ends.
func launch(t *testing.T, more map[string]string) *daemon {
	t.Helper()
	return launchIn(t, folder(t, more))
}

func launchIn(t *testing.T, dir string) *daemon {
	t.Helper()
	d := &daemon{T: t, dir: dir, log: new(lockedBuffer), web: &http.Client{Timeout: patience, Transport: &http.Transport{}}}
	p, err := New(filepath.Join(dir, "ringfence.yaml"), Options{Log: d.log, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	p.settle = 20 * time.Millisecond
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	d.p = p
	t.Cleanup(func() {
		d.web.CloseIdleConnections()
		p.Stop()
		if p.unended.Load() { // what was left to the end of the process
			p.engine.Close()
		}
		if t.Failed() {
			t.Log(d.log.String())
		}
	})
	return d
}

// ask has a call decided and returns the lines of the answer.
func (d *daemon) ask(caller, callee string) []string {
	d.Helper()
	code, body := d.post(caller, callee)
	if code != http.StatusOK {
		d.Fatalf("decision: %d %s", code, body)
	}
	return strings.Split(body, "\n")
}

func (d *daemon) post(caller, callee string) (int, string) {
	d.Helper()
	form := url.Values{"call_id": {newCallID()}, "from": {caller}}
	at := "http://" + d.p.Addr().String() + "/kamailio/call?src=192.0.2.1&ruri=" + url.QueryEscape(callee)
	resp, err := d.web.Post(at, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		d.Fatal(err)
	}
	return resp.StatusCode, d.read(resp)
}

// outcome reports what became of a decision.
func (d *daemon) outcome(line string) string {
	d.Helper()
	resp, err := d.web.Post("http://"+d.p.Addr().String()+"/kamailio/outcomes", "text/plain", strings.NewReader(line+"\n"))
	if err != nil {
		d.Fatal(err)
	}
	return d.read(resp)
}

func (d *daemon) read(resp *http.Response) string {
	d.Helper()
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Fatal(err)
	}
	return string(body)
}

// get asks the admin listener.
func (d *daemon) get(path string) (int, string) {
	d.Helper()
	resp, err := d.web.Get("http://" + d.p.AdminAddr().String() + path)
	if err != nil {
		d.Fatal(err)
	}
	return resp.StatusCode, d.read(resp)
}

// replace writes a file as editors do: aside, then renamed.
func (d *daemon) replace(name, text string) {
	d.Helper()
	write(d.T, d.dir, map[string]string{name + ".tmp~": text})
	if err := os.Rename(filepath.Join(d.dir, name+".tmp~"), filepath.Join(d.dir, name)); err != nil {
		d.Fatal(err)
	}
}

var calls atomic.Uint64

// newCallID is a Call-ID that no other call of the tests has.
func newCallID() string { return "call-" + strconv.FormatUint(calls.Add(1), 10) }
