package kamailio

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the answers in testdata and the blocks of docs/http.md anew")

// TestGolden sends each request of testdata and compares the answer.
//
// A .request file is what a client writes, with LF for CRLF and without Host
// and Content-Length; an .answer file is what comes back, likewise.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.request")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d requests in testdata, error %v", len(files), err)
	}
	for _, file := range files {
		r := newRig(t, Options{})
		got := r.play(t, readFile(t, file))
		golden := strings.TrimSuffix(file, ".request") + ".answer"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := readFile(t, golden); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
		}
	}
}

// play sends a .request and returns its .answer.
func (r *rig) play(t *testing.T, request string) string {
	t.Helper()
	head, body, ok := strings.Cut(request, "\n\n")
	if !ok {
		head, body = strings.TrimSuffix(request, "\n"), ""
	}
	lines := strings.Split(head, "\n")
	a := r.send(t, strings.TrimSuffix(lines[0], " HTTP/1.1"), body, lines[1:]...)
	return fmt.Sprintf("HTTP/1.1 %d %s\nContent-Type: %s\n\n%s", a.status, http.StatusText(a.status), a.header.Get("Content-Type"), a.body)
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
