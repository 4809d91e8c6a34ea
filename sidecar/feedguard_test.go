package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// What shrinks or grows beyond the guard waits for the operator.
func TestFeedGuard(t *testing.T) {
	for _, c := range []struct {
		name, guard   string
		before, after int
		held          bool
	}{
		{"as before", "50%", 1000, 1000, false},
		{"grows within", "50%", 1000, 1500, false},
		{"grows beyond", "50%", 1000, 1501, true},
		{"shrinks within", "50%", 1000, 500, false},
		{"shrinks beyond", "50%", 1000, 499, true},
		{"a small list may double", "50%", 40, 140, false},
		{"but not more", "50%", 40, 141, true},
		{"a small list may not go", "50%", 40, 1, true},
		{"off", "off", 1000, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := publish(t, sends(numbers(c.before)))
			s := subscribe(t, "url: "+p.URL+", guard: "+c.guard)
			s.first(c.before)
			p.now(sends(numbers(c.after)))
			got := s.after(25 * time.Hour)
			if !c.held {
				s.stays(got, c.after, "")
				return
			}
			s.stays(got, c.before, "is beyond the guard of 50%")
			if got.Held == nil || got.Held.Rows != c.after || got.results[feedHeld] != 1 || got.results[feedFailed] != 0 {
				t.Fatalf("%+v", got)
			}
			if !strings.Contains(s.out.String(), "ringfence list accept feed") {
				t.Errorf("log %q", s.out)
			}
			// The same again is held as well, and counts for no confirmation.
			if got = s.after(25 * time.Hour); got.Held == nil || got.results[feedHeld] != 2 || got.Confirmed.Equal(s.clock) {
				t.Errorf("again %+v", got)
			}
			if err := s.accept(t.Context(), "feed"); err != nil {
				t.Fatal(err)
			}
			got = s.status()[0]
			s.stays(got, c.after, "")
			if got.Held != nil {
				t.Errorf("accepted and still held: %+v", got)
			}
			if err := s.accept(t.Context(), "feed"); !errors.Is(err, errNothingHeld) {
				t.Errorf("accepted again: %v", err)
			}
			if got = s.after(25 * time.Hour); got.results[feedUnchanged] != 1 || got.Error != "" {
				t.Errorf("what was accepted comes again: %+v", got)
			}
		})
	}
}

// The guard counts what rows cover, too: a few wide ones are worth all the rest.
func TestFeedGuardCovers(t *testing.T) {
	areas := ""
	for area := 200; area < 290; area++ {
		areas += fmt.Sprintf("+1%d*\n", area)
	}
	for _, c := range []struct{ name, guard, before, after, held string }{
		{"a calling code", "50%", numbers(100), numbers(100) + "+1*\n", "a new row is very wide: +1*"},
		{"all its numbers", "1000%", numbers(100), numbers(100) + "+1NXXNXXXXXX\n", "a new row is very wide: +1NXXNXXXXXX"},
		{"half the internet", "50%", "192.0.2.0/24\n", "192.0.2.0/24\n0.0.0.0/1\n", "a new row is very wide: 0.0.0.0/1"},
		{"with the first copy", "50%", "", "+1*\n", "a new row is very wide: +1*"},
		{"as before", "50%", "+1*\n", "+1*\n" + numbers(2), ""},
		{"many area codes", "50%", numbers(100), numbers(100) + areas, "it covers 9e+08 numbers after 100,"},
		{"a block of numbers", "50%", numbers(100), numbers(100) + "+1404555*\n", ""},
		{"many networks", "50%", "192.0.2.0/24\n", "192.0.2.0/24\n10.0.0.0/8\n", "it covers 1.68e+07 addresses after 256,"},
		{"its widest row goes", "50%", numbers(100) + "+1404*\n", numbers(100), "it covers 100 numbers after 1e+07,"},
		{"off", "off", numbers(100), numbers(100) + "+1*\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := publish(t, sends(c.before))
			s := subscribe(t, "url: "+p.URL+", guard: "+c.guard)
			if c.before != "" {
				s.after(0)
				if s.status()[0].Held != nil {
					if err := s.accept(t.Context(), "feed"); err != nil {
						t.Fatal(err)
					}
				}
			}
			p.now(sends(c.after))
			got := s.after(25 * time.Hour)
			if (got.Held != nil) != (c.held != "") || !strings.Contains(got.Error, c.held) {
				t.Fatalf("%+v, want %q", got, c.held)
			}
			if c.held == "" {
				return
			}
			if err := s.accept(t.Context(), "feed"); err != nil {
				t.Fatal(err)
			}
			if got = s.after(25 * time.Hour); got.Held != nil || got.Error != "" || got.Waiting || got.Rows != strings.Count(c.after, "\n") {
				t.Errorf("accepted, and then %+v", got)
			}
		})
	}
}

// holding is a subscription to 1000 numbers that holds back the one sent next.
func holding(t *testing.T) (*publisher, *subscription) {
	t.Helper()
	p := publish(t, sends(numbers(1000)))
	s := subscribe(t, "url: "+p.URL)
	s.first(1000)
	p.now(sends(numbers(1)))
	if got := s.after(25 * time.Hour); got.Held == nil {
		t.Fatalf("%+v", got)
	}
	return p, s
}

// A publisher who takes back what was held back ends the alarm.
func TestFeedHeldIsTakenBack(t *testing.T) {
	p, s := holding(t)
	p.now(sends(numbers(1000)))
	got := s.after(25 * time.Hour)
	s.stays(got, 1000, "")
	if got.Held != nil || s.loads != 1 {
		t.Errorf("%d loads, %+v", s.loads, got)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "feeds/feed.held")); err == nil {
		t.Error("what was held back lies about")
	}
	if err := s.accept(t.Context(), "other"); err == nil {
		t.Error("a list that nobody fetches was accepted")
	}
}

// Another address is the operator's own change: what it has is not compared.
func TestFeedMoves(t *testing.T) {
	p := publish(t, sends(numbers(1000)))
	s := subscribe(t, "url: "+p.URL+"/a")
	s.first(1000)
	p.now(sends(numbers(1)))
	s.declare("url: " + p.URL + "/b")
	s.stays(s.after(time.Second), 1, "")
}

// A stale copy stays at work, and is told once.
func TestFeedStale(t *testing.T) {
	p := publish(t, sends(numbers(3)))
	s := subscribe(t, "url: "+p.URL+", every: 1h, max_age: 3h")
	s.first(3)
	p.now(http.NotFound)
	for range 8 {
		s.after(30 * time.Minute)
	}
	got := s.status()[0]
	s.stays(got, 3, "404")
	if !got.Stale || strings.Count(s.out.String(), "older than max_age") != 1 {
		t.Errorf("%+v\n%s", got, s.out)
	}
	p.now(sends(numbers(3)))
	if got = s.after(time.Hour); got.Stale || got.Error != "" {
		t.Errorf("%+v after it was confirmed", got)
	}
}

// The token goes to the publisher, and to nobody that he names or into a log.
func TestFeedToken(t *testing.T) {
	for header, declaration := range map[string]string{"Authorization": "", "X-Api-Key": ", header: X-Api-Key"} {
		t.Run(header, func(t *testing.T) {
			other := publish(t, sends(numbers(3)))
			p := publish(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
			s := subscribe(t, "url: "+p.URL+", token_file: token, sha256_url: "+other.URL+declaration)
			write(t, s.dir, map[string]string{"token": "s3cr3t\n"})
			s.after(0)
			if got := p.last().Get(header); !strings.HasSuffix(got, "s3cr3t") {
				t.Errorf("the publisher got %q", got)
			}
			for _, asked := range other.asked {
				if got := asked.Get(header); got != "" {
					t.Errorf("another host got %q", got)
				}
			}
			if len(other.asked) != 2 || strings.Contains(s.out.String(), "s3cr3t") {
				t.Errorf("%d questions to the other; log %q", len(other.asked), s.out)
			}
			if err := os.Remove(filepath.Join(s.dir, "token")); err != nil {
				t.Fatal(err)
			}
			if got := s.after(25 * time.Hour); !strings.Contains(got.Error, "token_file") {
				t.Errorf("%+v without the token", got)
			}
		})
	}
}

// A disk that takes nothing keeps the copy.
func TestFeedWithoutRoom(t *testing.T) {
	p := publish(t, sends(numbers(3)))
	s := subscribe(t, "url: "+p.URL)
	s.first(3)
	p.now(sends(numbers(4)))
	blocked := filepath.Join(s.dir, "feeds/feed"+newSuffix)
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := s.after(25 * time.Hour)
	if got.Rows != 3 || got.Error == "" || got.results[feedFailed] != 1 {
		t.Errorf("%+v", got)
	}
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	s.stays(s.after(time.Minute), 4, "")
}

// The whole daemon starts without a copy, fetches it beside the calls, and takes
// one that was held back.
func TestFeedInTheDaemon(t *testing.T) {
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	p := publish(t, func(w http.ResponseWriter, r *http.Request) {
		<-gate
		sends("number,source\n"+spam+",afar\n")(w, r)
	})
	t.Cleanup(open)
	text := strings.Replace(rulesText, "{file: lists/spam.csv, why: analytics}", "{url: '"+p.URL+"/spam.csv?key=secret', why: analytics, every: 1m}", 1)
	d := launch(t, map[string]string{"rules/main.yaml": text})
	d.blocks(spam, "")
	if code, body := d.get("/readyz"); code != 200 || body != "ready\nwaiting for the first copy of list spam\n" {
		t.Errorf("readyz %d %q", code, body)
	}
	if _, body := d.get("/metrics"); !strings.Contains(body, `ringfence_feed_age_seconds{list="spam"} +Inf`) {
		t.Error("no infinite age before the first copy")
	}
	open()
	d.whileAsked(func() { d.blocks(spam, "603") })
	if _, body := d.get("/readyz"); body != "ready\n" {
		t.Errorf("readyz %q", body)
	}
	await(t, "another generation for the copy", func() bool { return d.p.Status().Generation > 1 })
	if got := d.p.Status().Feeds[0]; got.Rows != 1 || got.Waiting || got.Error != "" || got.URL != p.URL+"/spam.csv" {
		t.Errorf("%+v", got)
	}
	for _, want := range []string{`ringfence_feed_fetches_total{list="spam",result="fetched"} 1`, `ringfence_feed_entries{list="spam"} 1`, `ringfence_feed_max_age_seconds{list="spam"} 180`} {
		await(t, want, func() bool { // a fetch is counted when its load is over
			_, body := d.get("/metrics")
			return strings.Contains(body, want)
		})
	}
	if strings.Contains(d.log.String(), "secret") {
		t.Errorf("log %s", d.log)
	}

	c := *d.p.config
	c.Admin.Listen = d.p.AdminAddr().String()
	client, err := NewClient(&c)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Accept(context.Background(), "spam"); err == nil || !strings.Contains(err.Error(), "nothing is held back") {
		t.Errorf("accept: %v", err)
	}
	// After a restart the copy is there at once.
	p.now(http.NotFound)
	d.p.Stop()
	d = launchIn(t, d.dir)
	d.blocks(spam, "603")
}
