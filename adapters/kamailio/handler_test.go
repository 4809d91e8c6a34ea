package kamailio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"ringfence/rules"
)

// decider answers by the caller's number and remembers what it was asked.
type decider struct {
	mu       sync.Mutex
	calls    []rules.Call
	headers  map[string]string // those of the last call that a test asks for
	outcomes []rules.Outcome
}

// The callers that the decider knows; any other call is allowed.
const (
	clean    = "+12025550100"
	spam     = "+12025550199"
	unwanted = "+12025550198"
	busy     = "+12025550197"
	labelled = "+12025550196"
	hidden   = "+12025550195"
	diverted = "+12025550194"
	poison   = "+12025550193" // the decider panics
	forger   = "+12025550192" // the verdict has a line break
)

var decisionID = rules.ID([]byte("1hd4v2k0q7x9m3t5b8zw"))

func (d *decider) Decide(c *rules.Call, v *rules.Verdict) {
	d.mu.Lock()
	defer d.mu.Unlock()
	call := *c
	call.Headers = nil
	d.calls = append(d.calls, call)
	for name := range d.headers {
		if value, ok := c.Headers.Header(name); ok {
			d.headers[name] = strings.Clone(value)
		}
	}
	decide(c, v)
}

func decide(c *rules.Call, v *rules.Verdict) {
	*v = rules.Verdict{ID: decisionID, Reason: v.Reason[:0]}
	switch c.From.User {
	case spam:
		v.Action, v.Why, v.Code, v.Phrase = rules.Block, rules.Analytics, 603, "Network Blocked"
		v.Reason = append(v.Reason, `SIP;cause=603;text="v=analytics1;url=https://redress.example.net/;id=1hd4v2k0q7x9m3t5b8zw";location=RLN`...)
	case unwanted:
		v.Action, v.Why, v.Code, v.Phrase = rules.Block, rules.Subscriber, 607, "Unwanted"
		v.Reason = append(v.Reason, `Q.850;cause=21;text="Blocked by the called party"`...)
	case busy:
		v.Action, v.Why, v.Code, v.Phrase, v.Retry = rules.Block, rules.Pacing, 480, "Temporarily Unavailable", 29*time.Second+time.Millisecond
		v.Reason = append(v.Reason, `Q.850;cause=42;text="Too many calls"`...)
	case labelled:
		v.Label = "Spam likely"
	case hidden:
		v.Label, v.Withhold = "Unverified", true
	case diverted:
		v.Action, v.Target = rules.Divert, "sip:challenge@ivr.example.net"
	case poison:
		panic("index out of range of " + c.From.User)
	case forger:
		v.Label = "a\nb"
	}
}

func (d *decider) Observe(o *rules.Outcome) rules.Observed {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o.Phrase == "panic" {
		panic("observe")
	}
	for _, seen := range d.outcomes {
		if seen.ID == o.ID {
			return rules.Duplicate
		}
	}
	if o.ID != decisionID {
		return rules.Unknown
	}
	if o.Code < 200 {
		return rules.Ignored
	}
	d.outcomes = append(d.outcomes, *o)
	return rules.Counted
}

func (d *decider) Running(ids []rules.ID, _ time.Time) (known int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if id == decisionID {
			known++
		}
	}
	return known
}

func (d *decider) lastCall(t *testing.T) rules.Call {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.calls) == 0 {
		t.Fatal("nothing was decided")
	}
	return d.calls[len(d.calls)-1]
}

var testTime = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// patience is how long a test waits for what must come, on however slow a machine.
const patience = 2 * time.Minute

// rig is a Handler behind its own Server, in memory.
type rig struct {
	*Handler
	decider *decider
	log     *strings.Builder
	dial    func() (net.Conn, error)
}

func newRig(t testing.TB, o Options) *rig {
	t.Helper()
	r := &rig{decider: &decider{headers: map[string]string{}}, log: &strings.Builder{}}
	if o.Now == nil {
		o.Now = func() time.Time { return testTime }
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = patience
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = patience
	}
	o.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	r.Handler = NewHandler(r.decider, o)
	l := fasthttputil.NewInmemoryListener()
	r.dial = l.Dial
	serve(t, r.Handler, l)
	return r
}

// serve runs h's server on l until the test ends.
func serve(t testing.TB, h *Handler, l net.Listener) {
	t.Helper()
	s := h.Server()
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error("shutdown:", err)
		}
		if err := <-done; err != nil {
			t.Error("serve:", err)
		}
	})
}

// answer is what came back over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
}

// post sends one request on a connection of its own. The path may have a query.
func (r *rig) post(t testing.TB, path, contentType, body string, headers ...string) answer {
	t.Helper()
	return r.send(t, "POST "+path, body, append(headers, "Content-Type: "+contentType)...)
}

func (r *rig) send(t testing.TB, line, body string, headers ...string) answer {
	t.Helper()
	c, err := r.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, err := roundTrip(c, httpRequest(line, body, headers...))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func httpRequest(line, body string, headers ...string) string {
	headers = append([]string{line + " HTTP/1.1", "Host: ringfence"}, headers...)
	if body != "" {
		headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	return strings.Join(headers, "\r\n") + "\r\n\r\n" + body
}

func roundTrip(c net.Conn, request string) (answer, error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	if _, err := io.WriteString(c, request); err != nil {
		return answer{}, err
	}
	return readAnswer(bufio.NewReader(c))
}

func readAnswer(r *bufio.Reader) (answer, error) {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// invite is a raw INVITE from a number.
func invite(from string, lines ...string) string {
	return strings.Join(append([]string{
		"INVITE sip:+12025550142@sbc.example.net;user=phone SIP/2.0",
		"Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bK-524287-1---5d3b8a1c9e0f",
		"Max-Forwards: 69",
		"Contact: <sip:" + from + "@192.0.2.10:5060>",
		"To: <sip:+12025550142@sbc.example.net;user=phone>",
		"From: \"Example Caller\" <sip:" + from + "@carrier.example.com;user=phone>;tag=8f1b2c3d",
		"Call-ID: 5b1f0c77e2a94d0f8a3c1e6b@192.0.2.10",
		"CSeq: 101 INVITE",
	}, append(lines, "", "")...), "\r\n")
}

const sipType = "application/sip"

func TestRoutes(t *testing.T) {
	r := newRig(t, Options{})
	for _, c := range []struct {
		line   string
		status int
		body   string
	}{
		{"POST /kamailio/call", 400, "ringfence: not a SIP request"},
		{"GET /kamailio/call", 405, "ringfence: this path takes POST\n"},
		{"PUT /kamailio/outcomes", 405, "ringfence: this path takes POST\n"},
		{"POST /readyz", 405, "ringfence: this path takes GET\n"},
		{"GET /readyz", 200, "ready\n"},
		{"GET /", 404, "ringfence: no such path"},
		{"POST /kamailio/call/", 404, "ringfence: no such path"},
		{"POST /kamailio", 404, "ringfence: no such path"},
		{"GET /metrics", 404, "ringfence: no such path"},
	} {
		a := r.send(t, c.line, "")
		if a.status != c.status || !strings.HasPrefix(a.body, c.body) || strings.Count(a.body, "\n") != 1 {
			t.Errorf("%s: %d %q, want %d %q", c.line, a.status, a.body, c.status, c.body)
		}
		if allow := a.header.Get("Allow"); (a.status == 405) != (allow != "") {
			t.Errorf("%s: Allow %q", c.line, allow)
		}
	}
	if n := r.Counters().Misdirected.Load(); n != 7 {
		t.Errorf("%d misdirected, want 7", n)
	}
}

func TestReady(t *testing.T) {
	var cause error
	r := newRig(t, Options{Ready: func() error { return cause }})
	cause = errors.New("no rules\nyet")
	if a := r.send(t, "GET /readyz", ""); a.status != 503 || a.body != "ringfence: not ready: no rules yet\n" {
		t.Errorf("%d %q", a.status, a.body)
	}
	cause = nil
	if a := r.send(t, "GET /readyz", ""); a.status != 200 || a.body != "ready\n" {
		t.Errorf("%d %q", a.status, a.body)
	}
}

func TestPanic(t *testing.T) {
	now := testTime
	r := newRig(t, Options{Now: func() time.Time { return now }})
	for range 3 {
		if a := r.post(t, callPath, sipType, invite(poison)); a.status != 200 || a.body != "1 allow\n\n\n00000000000000000000\n\n\n\n\n\n" {
			t.Errorf("%d %q", a.status, a.body)
		}
	}
	if a := r.post(t, callPath, sipType, invite(spam)); !strings.HasPrefix(a.body, "1 block\n603\n") {
		t.Errorf("the call after a panic: %q", a.body)
	}
	log := r.log.String()
	if n := strings.Count(log, "stack="); n != 1 || !strings.Contains(log, "decide") {
		t.Errorf("%d stacks in the log, want one:\n%s", n, log)
	}
	if strings.Contains(log, "2025550193") {
		t.Errorf("a number is in the log:\n%s", log)
	}
	if n := r.Counters().Panics.Load(); n != 3 {
		t.Errorf("%d panics counted, want 3", n)
	}
	now = now.Add(time.Minute)
	r.post(t, callPath, sipType, invite(poison))
	if n := strings.Count(r.log.String(), "stack="); n != 2 {
		t.Errorf("%d stacks in the log a minute later, want 2", n)
	}
}

// TestPanicElsewhere holds that a panic outside the decider, too, ends neither
// the daemon nor a call.
func TestPanicElsewhere(t *testing.T) {
	faults := 0
	r := newRig(t, Options{
		Now: func() time.Time {
			if faults > 0 {
				faults--
				panic("no time")
			}
			return testTime
		},
		Ready: func() error { panic("not this either") },
	})
	for _, c := range []struct {
		line, accept string
		faults       int
		status       int
		body         string
	}{
		{"POST " + callPath, "text/plain", 1, 200, "1 allow\n\n\n00000000000000000000\n\n\n\n\n\n"},
		{"POST " + callPath, applicationJSON, 1, 200, `{"version":1,"action":"allow","code":0,"phrase":"","id":"00000000000000000000","reason":"","retry_after":0,"label":"","withhold":false,"target":""}` + "\n"},
		{"POST " + outcomesPath, "text/plain", 1, 400, "ringfence: " + fault + "\n"},
		{"GET " + readyPath, "text/plain", 0, 503, "ringfence: " + fault + "\n"},
	} {
		faults = c.faults
		if a := r.send(t, c.line, "", "Accept: "+c.accept); a.status != c.status || a.body != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.line, a.status, a.body, c.status, c.body)
		}
	}
	if a := r.post(t, callPath, sipType, invite(spam)); !strings.HasPrefix(a.body, "1 block\n603\n") {
		t.Errorf("the call after the panics: %q", a.body)
	}
	if n, allowed := r.Counters().Panics.Load(), r.Counters().Allowed.Load(); n != 4 || allowed != 2 {
		t.Errorf("%d panics and %d allowed calls counted, want 4 and 2", n, allowed)
	}
}

// TestAllowedCallIsNotLogged holds that an ordinary call leaves no trace.
func TestAllowedCallIsNotLogged(t *testing.T) {
	r := newRig(t, Options{})
	r.post(t, callPath+"?src=192.0.2.7&port=5060", sipType, invite(clean))
	r.post(t, callPath+"?src=rubbish", sipType, invite(spam))
	r.post(t, callPath, sipType, "rubbish")
	if r.log.Len() > 0 {
		t.Errorf("logged: %s", r.log)
	}
}

func TestCounters(t *testing.T) {
	r := newRig(t, Options{})
	for _, from := range []string{clean, labelled, hidden, spam, busy, diverted, forger, poison} {
		r.post(t, callPath+"?src=192.0.2.7", sipType, invite(from))
	}
	r.post(t, callPath+"?src=x", sipType, invite(clean))
	r.post(t, callPath+"?port=65536", sipType, invite(clean))
	r.post(t, callPath, sipType, "")
	c := r.Counters()
	got := []uint64{c.Allowed.Load(), c.Blocked.Load(), c.Diverted.Load(), c.Unwritable.Load(), c.Panics.Load(), c.BadSource.Load(), c.Refused.Load()}
	if want := []uint64{6, 2, 1, 1, 1, 2, 1}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("allowed, blocked, diverted, unwritable, panics, bad sources, refused are %v, want %v", got, want)
	}
}

// A target that is taken as it stands is what its URI says.
func TestCallQuery(t *testing.T) {
	taken := 0
	for _, target := range []string{
		"/kamailio/call", "/kamailio/call?", "/kamailio/call?src=192.0.2.7&ruri=sip%3a%2b1", "/kamailio/call?a=b?c=d", "/kamailio/call?a=%23",
		"/kamailio/call#a", "/kamailio/call?a=b#c", "/kamailio/calls", "/kamailio/call/", "/kamailio/call/..", "//kamailio/call", "/kamailio/./call",
		"/kamailio/%63all", "http://127.0.0.1/kamailio/call?a=b", "/kamailio/call;a", "/KAMAILIO/call", "/", "",
	} {
		query, ok := callQuery([]byte(target))
		if !ok {
			continue
		}
		taken++
		var uri fasthttp.URI
		if err := uri.Parse(nil, []byte(target)); err != nil {
			t.Fatal(err)
		}
		if string(uri.Path()) != callPath || string(uri.QueryString()) != string(query) {
			t.Errorf("%s: query %q, the URI has %q and %q", target, query, uri.Path(), uri.QueryString())
		}
	}
	if taken != 5 {
		t.Errorf("%d targets are taken as they stand, want 5", taken)
	}
}
