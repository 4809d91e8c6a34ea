package sidecar

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/rules"
)

// publisher is a web server on loopback with one list, and what it was asked.
type publisher struct {
	*httptest.Server
	mu    sync.Mutex
	serve http.HandlerFunc
	asked []http.Header
}

func publish(t *testing.T, serve http.HandlerFunc) *publisher {
	t.Helper()
	p := &publisher{serve: serve}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r.Header.Clone())
		serve := p.serve
		p.mu.Unlock()
		serve(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) now(serve http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve = serve
}

// last are the headers of the last request.
func (p *publisher) last() http.Header {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[len(p.asked)-1]
}

func sends(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// numbers are so many rows.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "+1202555%04d\n", i)
	}
	return b.String()
}

// subscription is a list that is fetched, without the rest of the daemon, on a
// clock that steps.
type subscription struct {
	*testing.T
	*feeds
	dir   string
	clock time.Time
	rules *rules.Ruleset
	loads int
	out   *lockedBuffer
}

func subscribe(t *testing.T, declaration string) *subscription {
	t.Helper()
	s := &subscription{T: t, dir: t.TempDir(), clock: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), out: new(lockedBuffer)}
	s.declare(declaration)
	s.feeds = newFeeds(filepath.Join(s.dir, "feeds"), "test", slog.New(slog.NewTextHandler(s.out, nil)), func() time.Time { return s.clock })
	s.feeds.jitter = func() float64 { return 0.5 }
	s.feeds.ruleset = func() *rules.Ruleset { return s.rules }
	s.feeds.reload = func(context.Context) error { s.loads++; s.compile(); return nil }
	t.Cleanup(s.fetcher.close)
	s.follow()
	return s
}

// declare writes the rule file; compile reads it.
func (s *subscription) declare(declaration string) {
	s.Helper()
	write(s.T, s.dir, map[string]string{"rules.yaml": "lists:\n  feed: {" + declaration + "}\nrules:\n  - {id: a, when: 'callers in list(\"feed\")', block: dno}\n"})
	s.compile()
}

func (s *subscription) compile() {
	s.Helper()
	var err error
	if s.rules, err = rules.Compile(rules.Settings{Files: []string{filepath.Join(s.dir, "rules.yaml")}, Feeds: filepath.Join(s.dir, "feeds"), Country: "US"}); err != nil {
		s.Fatal(err)
	}
}

// after steps the clock, has what is due fetched, and is how the feed is then.
func (s *subscription) after(d time.Duration) FeedStatus {
	s.Helper()
	s.clock = s.clock.Add(d)
	s.follow()
	s.round(s.Context())
	return s.status()[0]
}

// first fetches the first copy, which must succeed.
func (s *subscription) first(rows int) {
	s.Helper()
	if got := s.after(0); got.Rows != rows || got.Error != "" || got.Waiting {
		s.Fatalf("first copy: %+v, want %d rows", got, rows)
	}
}

// stays holds that the copy of so many rows is still at work.
func (s *subscription) stays(got FeedStatus, rows int, fault string) {
	s.Helper()
	if got.Rows != rows || fault == "" && got.Error != "" || !strings.Contains(got.Error, fault) {
		s.Errorf("%d rows, %q; want %d and %q", got.Rows, got.Error, rows, fault)
	}
	data, err := os.ReadFile(filepath.Join(s.dir, "feeds/feed.csv"))
	if err != nil || string(data) != numbers(rows) {
		s.Errorf("the copy on disk is another (%v)", err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "feeds/feed"+newSuffix)); err == nil {
		s.Error("what was fetched lies about")
	}
}

// A copy that is known is not sent again, and one that changed is.
func TestFeedConditional(t *testing.T) {
	text, tag := numbers(3), `"one"`
	p := publish(t, nil)
	p.now(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, text)
	})
	s := subscribe(t, "url: "+p.URL+"/feed.csv")
	s.first(3)
	if got := p.last().Get("User-Agent"); got != "ringfence/test" {
		t.Errorf("User-Agent %q", got)
	}
	changed := s.clock
	if got := s.after(23 * time.Hour); s.loads != 1 || len(p.asked) != 1 {
		t.Errorf("fetched before it is due: %+v", got)
	}
	got := s.after(2 * time.Hour)
	s.stays(got, 3, "")
	if s.loads != 1 || p.last().Get("If-None-Match") != `"one"` || !got.Confirmed.Equal(s.clock) || !got.Changed.Equal(changed) || got.results[feedUnchanged] != 1 {
		t.Errorf("%d loads, %+v after 304", s.loads, got)
	}
	text, tag = numbers(4), `"two"`
	s.stays(s.after(25*time.Hour), 4, "")
	// Without its copy what is known counts for nothing.
	if err := os.Remove(filepath.Join(s.dir, "feeds/feed.csv")); err != nil {
		t.Fatal(err)
	}
	s.compile()
	s.stays(s.after(25*time.Hour), 4, "")
	// Another daemon on the same folder, or this one after a restart.
	next := newFeeds(s.dir+"/feeds", "test", slog.New(slog.DiscardHandler), s.now)
	next.ruleset, next.jitter = s.ruleset, s.jitter
	next.follow()
	if got := next.status()[0]; !got.Confirmed.Equal(s.clock) || !got.Next.Equal(s.clock.Add(24*time.Hour)) {
		t.Errorf("after a restart %+v", got)
	}
}

// A validator that is too long to be sent back is not kept: every later fetch
// would be refused.
func TestFeedLongValidator(t *testing.T) {
	p := publish(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+strings.Repeat("x", 2000)+`"`)
		sends(numbers(3))(w, r)
	})
	s := subscribe(t, "url: "+p.URL)
	s.first(3)
	s.stays(s.after(25*time.Hour), 3, "")
	if got := p.last().Get("If-None-Match"); got != "" {
		t.Errorf("asked with %q", got)
	}
}

// What was accepted while a fetch was under way is not what that confirms.
func TestFeedAcceptedMeanwhile(t *testing.T) {
	p, s := holding(t)
	p.now(func(w http.ResponseWriter, r *http.Request) {
		if err := s.release("feed"); err != nil {
			t.Error(err)
		}
		w.Header().Set("ETag", `"a thousand"`)
		sends(numbers(1000))(w, r)
	})
	s.after(25 * time.Hour)
	s.compile()
	p.now(sends(numbers(1)))
	s.after(25 * time.Hour)
	if got := p.last().Get("If-None-Match"); got != "" {
		t.Errorf("asked with %s, which is of another copy", got)
	}
}

// Nobody elsewhere sends the daemon to this machine's own services.
func TestFeedRedirectedHere(t *testing.T) {
	for _, c := range []struct {
		from, to string
		refused  bool
	}{
		{"http://lists.example.net/a", "http://127.0.0.1:8089/status", true},
		{"https://lists.example.net/a", "https://[::1]/status", true},
		{"http://lists.example.net/a", "http://localhost/status", true},
		{"http://lists.example.net/a", "http://lists.example.org/a", false},
		{"http://127.0.0.1:1/a", "http://127.0.0.1:2/a", false},
	} {
		from, to := httptest.NewRequest("GET", c.from, nil), httptest.NewRequest("GET", c.to, nil)
		if err := redirected(rules.Feed{Insecure: true}, to, []*http.Request{from}); (err != nil) != c.refused || c.refused && !strings.Contains(err.Error(), "is this machine") {
			t.Errorf("%s to %s: %v", c.from, c.to, err)
		}
	}
}

// Without validators the checksum tells that nothing has changed.
func TestFeedSameAgain(t *testing.T) {
	p := publish(t, sends(numbers(3)))
	s := subscribe(t, "url: "+p.URL)
	s.first(3)
	if got := s.after(25 * time.Hour); s.loads != 1 || got.results[feedUnchanged] != 1 {
		t.Errorf("%d loads, %+v", s.loads, got)
	}
}

// Whatever goes wrong, the copy before it stays, and is fetched again soon.
func TestFeedFailures(t *testing.T) {
	bomb := func() string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(bytes.Repeat([]byte("+12025550142\n"), 1<<17))
		_ = z.Close()
		return b.String()
	}()
	drip := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "+")
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond)
		}
	}
	for _, c := range []struct {
		name  string
		serve http.HandlerFunc
		fault string
	}{
		{"500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oh", 500) }, "answers 500 Internal Server Error"},
		{"404", http.NotFound, "answers 404 Not Found"},
		{"403", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }, "refuses with 403 Forbidden (does token_file"},
		{"304 unasked", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, "answers 304"},
		{"web page", sends("<!DOCTYPE html>\n<html><body>Sorry</body></html>\n"), "a web page came"},
		{"web page as text", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/csv")
			sends("<!DOCTYPE html>\n<p>Sorry</p>\n")(w, r)
		}, "what came is no list: line 1: is a web page or XML"},
		{"empty", sends(""), "the list is empty"},
		{"cut off", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			sends(numbers(5))(w, r)
		}, "cut off in the middle"},
		{"cut off without a length", func(w http.ResponseWriter, _ *http.Request) {
			c, b, _ := http.NewResponseController(w).Hijack()
			_, _ = b.WriteString("HTTP/1.0 200 OK\r\n\r\n" + numbers(5) + "+120255")
			_ = b.Flush()
			_ = c.Close()
		}, "the last line has no end"},
		{"cut off gzip", sends(bomb[:len(bomb)/2]), "cut off in the middle"},
		{"gzip bomb", sends(bomb), "more than 1048576 bytes came"},
		{"huge", sends(strings.Repeat("+12025550142\n", 1<<17)), "more than 1048576 bytes came"},
		{"drip", drip, "not sent within"},
		{"silence", func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush(); <-r.Context().Done() }, "nothing came for"},
		{"redirect to http", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/feed.csv?key=secret", http.StatusFound)
		}, "redirected to http at 192.0.2.1, which anybody on the way can change"},
		{"redirect in a circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, "redirected more than 5 times"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := publish(t, sends(numbers(5)))
			s := subscribe(t, "url: '"+p.URL+"/?key=secret', max_size: 1MB")
			s.first(5)
			switch c.name { // for the others the limits are those of the daemon
			case "drip":
				s.fetcher.total = time.Second
			case "silence":
				s.fetcher.silence = 200 * time.Millisecond
			}
			p.now(c.serve)
			got := s.after(25 * time.Hour)
			s.stays(got, 5, c.fault)
			if got.results[feedFailed] != 1 || !got.Next.Equal(s.clock.Add(time.Minute)) || s.loads != 1 {
				t.Errorf("%d loads, %+v, want another try in a minute", s.loads, got)
			}
			if log := s.out.String(); strings.Contains(log, "secret") || !strings.Contains(log, "the last good copy stays") {
				t.Errorf("log %q", log)
			}
			if got = s.after(time.Minute); !got.Next.Equal(s.clock.Add(2 * time.Minute)) {
				t.Errorf("after a second failure next %s, want two minutes", got.Next.Sub(s.clock))
			}
			p.now(sends(numbers(6)))
			s.fetcher.silence, s.fetcher.total = patience, patience
			s.stays(s.after(2*time.Minute), 6, "")
		})
	}
}
