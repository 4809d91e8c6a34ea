package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef0123456789abcdef"

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// receiver is a webhook's server that answers with each of the codes in turn, and
// then with 204.
type receiver struct {
	*httptest.Server
	t     *testing.T
	codes []int
	after string // Retry-After

	mu       sync.Mutex
	messages []Message
}

func receive(t *testing.T, codes ...int) *receiver {
	r := &receiver{t: t, codes: codes}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		r.t.Error(err)
	}
	if err := verify(q.Header.Get(SignatureHeader), body); err != nil {
		r.t.Error(err)
	}
	if kind := q.Header.Get("Content-Type"); q.Method != http.MethodPost || kind != "application/json" || q.UserAgent() != "ringfence/test" {
		r.t.Errorf("%s of %s by %s", q.Method, kind, q.UserAgent())
	}
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		r.t.Errorf("%s: %v", body, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, m)
	code := http.StatusNoContent
	if len(r.codes) > 0 {
		code, r.codes = r.codes[0], r.codes[1:]
	}
	if r.after != "" {
		w.Header().Set("Retry-After", r.after)
	}
	if code/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(code)
}

// verify is what a receiver does.
func verify(header string, body []byte) error {
	t, _, _ := strings.Cut(strings.TrimPrefix(header, "t="), ",")
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return fmt.Errorf("signature %q: %w", header, err)
	}
	if !hmac.Equal([]byte(Sign(secret, time.Unix(seconds, 0), body)), []byte(header)) {
		return fmt.Errorf("signature %q does not fit", header)
	}
	return nil
}

func hook(url string) *Webhook {
	return &Webhook{URL: url, Secret: func() (string, error) { return secret, nil }}
}

// alerts are those of a test: they pause between attempts for no time at all,
// and keep for how long it would have been.
func alerts(t *testing.T, c Config) (*Alerts, *lines, *[]time.Duration) {
	log, pauses := &lines{}, &[]time.Duration{}
	a := &Alerts{
		options: Options{Log: slog.New(slog.NewTextHandler(log, nil)), Now: func() time.Time { return start }, Mask: func(s string) string { return strings.ReplaceAll(s, "13035550260", "•••") },
			From: "node-1", Agent: "ringfence/test"},
		queue: make(chan Alert, queueLength), book: newBook(), stop: make(chan struct{}), done: make(chan struct{}),
	}
	a.config.Store(&c)
	a.sender = newSender(&a.config, a.options)
	a.sender.pause = func(d time.Duration) { *pauses = append(*pauses, d) }
	return a, log, pauses
}

func (a *Alerts) begin() {
	a.sender.start()
	go a.run()
}

// finish waits until the sender has done what it can.
func (a *Alerts) finish() {
	for s := a.sender; ; {
		w := s.stats()
		if done := w.Results["ok"] + w.Results["refused"] + w.Results["given-up"]; w.Queue == 0 && len(a.queue) == 0 && done > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	a.Close(time.Minute)
}

func TestSign(t *testing.T) {
	// printf '1780480800.{"id":"1"}' | openssl dgst -sha256 -hmac secret
	const want = "t=1780480800,v1=0cfc169e38b8cd81a54eecd5bdb970a5980db8eed4bc50cec66fad88125de13e"
	if got := Sign("secret", start, []byte(`{"id":"1"}`)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWebhook(t *testing.T) {
	r := receive(t)
	a, log, _ := alerts(t, Config{Log: true, Every: time.Hour, Webhook: hook(r.URL)})
	a.begin()
	a.Raise(Alert{Kind: BlockShare, Subject: "account 13035550260", Text: "account 13035550260: 7 of 100", Figures: map[string]int{"calls": 100}})
	a.Raise(Alert{Kind: BlockShare, Subject: "account 13035550260", State: Begin})
	a.finish()
	want := []Message{
		{Key: "block-share account 13035550260", Kind: "block-share", Subject: "account 13035550260", State: "begin", Time: start, Count: 1,
			Text: "account 13035550260: 7 of 100", Figures: map[string]any{"calls": 100.0}, From: "node-1"},
		{Key: "block-share account 13035550260", Kind: "block-share", Subject: "account 13035550260", State: "begin", Time: start, Count: 1, From: "node-1"}, // at the stop
	}
	for i := range r.messages {
		if len(r.messages[i].ID) != 32 {
			t.Errorf("id %q", r.messages[i].ID)
		}
		r.messages[i].ID = ""
	}
	if diff := cmp.Diff(want, r.messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if text := log.String(); !strings.Contains(text, `level=ERROR msg=alert kind=block-share subject="account •••" state=begin count=1 text="account •••: 7 of 100"`) {
		t.Errorf("log: %s", text)
	}
	s := a.Stats()
	if s.Raised[BlockShare][Begin] != 2 || s.Held != 1 || s.Dropped != 0 || s.Webhook.Results["ok"] != 2 {
		t.Errorf("stats: %+v", s)
	}
}

func TestWebhookTriesAgain(t *testing.T) {
	r := receive(t, 500, 429, 408)
	a, log, pauses := alerts(t, Config{Webhook: hook(r.URL)})
	a.begin()
	a.Raise(Alert{})
	a.finish()
	if len(r.messages) != 4 || r.messages[0].ID != r.messages[3].ID {
		t.Errorf("messages: %+v, want one, four times", r.messages)
	}
	if diff := cmp.Diff([]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, *pauses); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]uint64{"ok": 1, "failed": 3, "refused": 0, "given-up": 0}, a.Stats().Webhook.Results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if text := log.String(); strings.Count(text, "will try again") != 1 || !strings.Contains(text, "500 Internal Server Error") || !strings.Contains(text, "taken again") {
		t.Errorf("log: %s", text)
	}
}

func TestWebhookWaitsAsAsked(t *testing.T) {
	r := receive(t, 503, 503)
	for asked, want := range map[string]time.Duration{"30": 30 * time.Second, "9999": longestAsked, "Wed, 21 Oct 2026 07:28:00 GMT": time.Second} {
		r.codes, r.after = []int{503}, asked
		a, _, pauses := alerts(t, Config{Webhook: hook(r.URL)})
		a.begin()
		a.Raise(Alert{})
		a.finish()
		if diff := cmp.Diff([]time.Duration{want}, *pauses); diff != "" {
			t.Errorf("Retry-After: %s: pauses (-want +got):\n%s", asked, diff)
		}
	}
}

// What is no use to try again is tried once, and the next message comes.
func TestWebhookIsRefused(t *testing.T) {
	for code, want := range map[int]string{400: "400 Bad Request", 401: "401 Unauthorized", 410: "410 Gone", 302: "redirects are not followed"} {
		r := receive(t, code)
		a, log, pauses := alerts(t, Config{Webhook: hook(r.URL + "/path?token=hidden")})
		a.begin()
		a.Raise(Alert{Subject: "first"})
		a.Raise(Alert{Subject: "second"})
		for a.Stats().Webhook.Results["ok"] == 0 {
			time.Sleep(time.Millisecond)
		}
		a.finish()
		if len(r.messages) != 2 || len(*pauses) != 0 || r.messages[1].Subject != "second" {
			t.Errorf("%d: %d requests after %v", code, len(r.messages), *pauses)
		}
		if text := log.String(); !strings.Contains(text, want) || strings.Contains(text, "hidden") {
			t.Errorf("%d: log: %s", code, text)
		}
	}
}

func TestWebhookGivesUp(t *testing.T) {
	r := receive(t)
	r.Close() // nobody listens
	a, log, pauses := alerts(t, Config{Webhook: hook(r.URL)})
	a.begin()
	a.Raise(Alert{})
	a.finish()
	var sum time.Duration
	for _, d := range *pauses {
		sum += d
	}
	if len(*pauses) != attempts-1 || sum < 5*time.Minute || sum > 15*time.Minute {
		t.Errorf("%d pauses of %s in all", len(*pauses), sum)
	}
	if text := log.String(); !strings.Contains(text, "an alert is lost") || strings.Count(text, "will try again") != 1 {
		t.Errorf("log: %s", text)
	}
}

// A secret that cannot be read now may be there the next time.
func TestWebhookReadsTheSecretForEach(t *testing.T) {
	r := receive(t)
	calls := 0
	h := &Webhook{URL: r.URL, Secret: func() (string, error) {
		if calls++; calls == 1 {
			return "", errors.New("no secret")
		}
		return secret, nil
	}}
	a, _, _ := alerts(t, Config{Webhook: h})
	a.begin()
	a.Raise(Alert{})
	a.finish()
	if len(r.messages) != 1 || calls != 2 {
		t.Errorf("%d messages, the secret was read %d times", len(r.messages), calls)
	}
}

// Nothing waits for a webhook that does not answer: what does not fit is counted.
func TestOverflow(t *testing.T) {
	a, log, _ := alerts(t, Config{Webhook: hook("http://127.0.0.1:1")})
	for i := range queueLength + 10 { // nobody takes them
		a.Raise(Alert{Subject: fmt.Sprint(i)})
	}
	if s := a.Stats(); s.Queue != queueLength || s.Dropped != 10 {
		t.Errorf("%d in the queue, %d dropped", s.Queue, s.Dropped)
	}
	go a.run() // and hands them to a sender that does not send
	for len(a.queue) > 0 {
		time.Sleep(time.Millisecond)
	}
	close(a.stop)
	<-a.done
	if w := a.Stats().Webhook; w.Queue != webhookQueue || w.Dropped != queueLength-webhookQueue {
		t.Errorf("%+v", w)
	}
	a.sender.start()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	a.sender.close(ended)
	if !strings.Contains(log.String(), fmt.Sprintf("alerts=%d", webhookQueue)) {
		t.Errorf("log: %s", log)
	}
}

// A stop waits no longer than it may for a webhook that never answers, and is
// not held up by a pause.
func TestCloseDoesNotHang(t *testing.T) {
	release := make(chan struct{})
	asked := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{}; <-release }))
	defer server.Close()
	defer close(release)
	a, log, _ := alerts(t, Config{Webhook: hook(server.URL)})
	a.begin()
	for i := range 3 {
		a.Raise(Alert{Subject: fmt.Sprint(i)})
	}
	<-asked
	a.Close(time.Millisecond)
	if !strings.Contains(log.String(), "alerts=3") {
		t.Errorf("log: %s", log)
	}

	b, _, _ := alerts(t, Config{Webhook: hook("http://127.0.0.1:1")})
	b.sender.pause = b.sender.wait
	b.begin()
	b.Raise(Alert{})
	for b.Stats().Webhook.Results["failed"] == 0 {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	b.Close(time.Minute)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the stop took %s", took)
	}
}

// A stop drains what it can.
func TestCloseDrains(t *testing.T) {
	r := receive(t)
	a, _, _ := alerts(t, Config{Webhook: hook(r.URL)})
	for i := range 100 {
		a.Raise(Alert{Subject: fmt.Sprint(i)})
	}
	a.begin()
	a.Close(time.Minute)
	if len(r.messages) != 100 {
		t.Errorf("%d of 100 alerts were sent", len(r.messages))
	}
}

// Who is told changes while alerts are raised.
func TestSet(t *testing.T) {
	r := receive(t)
	a, log, _ := alerts(t, Config{Log: true})
	a.begin()
	a.Raise(Alert{Subject: "in the log"})
	for !strings.Contains(log.String(), "in the log") {
		time.Sleep(time.Millisecond)
	}
	a.Set(Config{Webhook: hook(r.URL)})
	a.Raise(Alert{Subject: "by the webhook"})
	a.finish()
	if len(r.messages) != 1 || r.messages[0].Subject != "by the webhook" || strings.Contains(log.String(), "by the webhook") {
		t.Errorf("messages %+v, log %s", r.messages, log)
	}
}

func TestNames(t *testing.T) {
	seen := make(map[string]bool)
	for k := range kindNames {
		seen[Kind(k).String()] = true
	}
	for s := range stateNames {
		seen[State(s).String()] = true
	}
	if len(seen) != len(kindNames)+len(stateNames) || seen[""] {
		t.Errorf("names: %v", maps.Keys(seen))
	}
}
