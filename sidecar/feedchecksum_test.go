package sidecar

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Gzip is unpacked, as a file and as a coding of the answer.
func TestFeedGzip(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, numbers(7))
	_ = z.Close()
	p := publish(t, sends(b.String()))
	s := subscribe(t, "url: "+p.URL+"/feed.csv.gz, sha256: "+fmt.Sprintf("%x", sha256.Sum256(b.Bytes())))
	s.first(7)
	s.stays(s.after(0), 7, "")
	if got := p.last().Get("Accept-Encoding"); got != "gzip" {
		t.Errorf("Accept-Encoding %q", got)
	}
	p = publish(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		sends(b.String())(w, r)
	})
	s = subscribe(t, "url: "+p.URL+"/feed.csv, sha256: "+fmt.Sprintf("%x", sha256.Sum256([]byte(numbers(7)))))
	s.first(7)
}

func TestFeedChecksum(t *testing.T) {
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	sums := ""
	p := publish(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/SHA256SUMS" {
			sends(sums)(w, r)
			return
		}
		sends(numbers(3))(w, r)
	})
	s := subscribe(t, "url: "+p.URL+"/feed.csv, sha256_url: "+p.URL+"/SHA256SUMS")
	for _, c := range []struct{ sums, fault string }{
		{"", "no SHA-256 of the list is in what came"},
		{sum(numbers(3)) + "  other.csv\n", "no SHA-256 of the list"},
		{sum("other") + "  feed.csv\n", "the SHA-256 of what came is " + sum(numbers(3))},
		{sum("other") + "\n", "not " + sum("other")},
	} {
		sums = c.sums
		if got := s.after(25 * time.Hour); !got.Waiting || !strings.Contains(got.Error, c.fault) {
			t.Errorf("%q: %+v, want %q", c.sums, got, c.fault)
		}
	}
	sums = sum("other") + "  other.csv\n" + strings.ToUpper(sum(numbers(3))) + " *lists/feed.csv\n"
	s.stays(s.after(25*time.Hour), 3, "")
}
