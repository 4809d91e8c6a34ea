package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the golden output in the scripts anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ringfence": main})
}

// TestScripts runs the program as users do. Each script may start the daemon on
// ports of its own, $LISTEN and $ADMIN.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			listen, admin := freeAddress(t), freeAddress(t)
			e.Setenv("LISTEN", listen)
			e.Setenv("ADMIN", admin)
			e.Setenv("TZ", "UTC")
			proxy := httptest.NewServer(http.HandlerFunc(anyone))
			e.Defer(proxy.Close)
			e.Setenv("PROXY", proxy.URL)
			for _, name := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"} {
				e.Setenv(name, filepath.Join(e.WorkDir, "none"))
			}
			return filepath.WalkDir(e.WorkDir, func(file string, d os.DirEntry, err error) error {
				if err != nil || filepath.Base(file) != "ringfence.yaml" {
					return err
				}
				text, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				text = bytes.ReplaceAll(text, []byte("LISTEN"), []byte(listen))
				return os.WriteFile(file, bytes.ReplaceAll(text, []byte("ADMIN"), []byte(admin)), 0o600)
			})
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready":   awaitReady,
			"decide":  decide,
			"outcome": outcome,
			"await":   await,
			"mask":    maskOutput,
		},
	})
}

// anyone answers everything, as no daemon would.
func anyone(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"ok": true}`) // the peer may have gone
}

// freeAddress is one that nobody listens on now, and hardly anybody comes to:
// it is on a loopback address of its own, where the system has more than one. Its
// length is always the same, for the columns in the scripts.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(9), rand.IntN(10), 1+rand.IntN(9)))
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// awaitReady waits for the daemon.
func awaitReady(s *testscript.TestScript, _ bool, _ []string) {
	until(s, "the daemon is ready", func() bool {
		resp, err := http.Get("http://" + s.Getenv("LISTEN") + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// decide CALLER CALLEE [CALL-ID] has a call decided, prints the answer and sets $ID.
func decide(s *testscript.TestScript, _ bool, args []string) {
	id := "script"
	if len(args) > 2 {
		id = args[2]
	}
	form := url.Values{"call_id": {id}, "from": {args[0]}}
	resp, err := http.Post("http://"+s.Getenv("LISTEN")+"/kamailio/call?src=192.0.2.1&ruri="+url.QueryEscape(args[1]),
		"application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	s.Check(err)
	answer, err := io.ReadAll(resp.Body)
	s.Check(err)
	s.Check(resp.Body.Close())
	lines := strings.Split(string(answer), "\n")
	if len(lines) < 4 {
		s.Fatalf("answer %q", answer)
	}
	s.Setenv("ID", lines[3])
	_, err = s.Stdout().Write(answer)
	s.Check(err)
}

// outcome LINE [REASON] reports what became of the call that was decided last.
func outcome(s *testscript.TestScript, _ bool, args []string) {
	line := s.Getenv("ID") + " " + strings.Join(args, "\t")
	resp, err := http.Post("http://"+s.Getenv("LISTEN")+"/kamailio/outcomes", "text/plain", strings.NewReader(line))
	s.Check(err)
	answer, err := io.ReadAll(resp.Body)
	s.Check(err)
	s.Check(resp.Body.Close())
	if !strings.HasPrefix(string(answer), "counted 1 ") {
		s.Fatalf("outcome: %s", answer)
	}
}

// await FILE TEXT waits until the file holds the text.
func await(s *testscript.TestScript, _ bool, args []string) {
	until(s, args[0]+" holds "+args[1], func() bool {
		data, err := os.ReadFile(s.MkAbs(args[0]))
		return err == nil && strings.Contains(string(data), args[1])
	})
}

// maskOutput FILE writes what the last command printed, with what is new in
// every run replaced by its name.
func maskOutput(s *testscript.TestScript, _ bool, args []string) {
	text := s.ReadFile("stdout")
	for _, name := range []string{"ID", "LISTEN", "ADMIN", "WORK"} {
		if v := s.Getenv(name); v != "" {
			text = strings.ReplaceAll(text, v, name)
		}
	}
	text = times.ReplaceAllString(ids.ReplaceAllString(text, "id=ID"), "TIME")
	s.Check(os.WriteFile(s.MkAbs(args[0]), []byte(text), 0o600))
}

func until(s *testscript.TestScript, what string, done func() bool) {
	for end := time.Now().Add(2 * time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("not in time: %s", what)
		}
	}
}

var (
	ids   = regexp.MustCompile(`id=[0-9a-z]{20}`)
	times = regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z( \([0-9hms]+ ago\))?`)
)
