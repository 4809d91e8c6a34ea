package freeswitch

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/adapters/esl"
	"ringfence/adapters/esl/esltest"
	"ringfence/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

// verdicts is a Decider that gives one verdict.
type verdicts func(c *rules.Call) rules.Verdict

func (f verdicts) Decide(c *rules.Call, v *rules.Verdict) { *v = f(c) }
func (f verdicts) Observe(*rules.Outcome) rules.Observed  { return rules.Ignored }
func (f verdicts) Running([]rules.ID, time.Time) int      { return 0 }
func always(v rules.Verdict) verdicts {
	v.ID = decisionID
	return func(*rules.Call) rules.Verdict { return v }
}
func socketOf(d Decider) *Socket {
	return NewSocket(d, SocketOptions{Deadline: time.Minute, Logger: slog.New(slog.DiscardHandler)})
}
func switchSide(t testing.TB, name string, n int) []byte { return recordedTurns(t, name)[n].Bytes }

// recordedTurns are those of a session in which the switch dialled.
func recordedTurns(t testing.TB, name string) []esltest.Turn {
	t.Helper()
	s, err := esltest.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Turns
}

// connectAnswer is the answer to connect of a recorded session.
func connectAnswer(t testing.TB, name string) *esl.Event {
	t.Helper()
	var e esl.Event
	if err := esl.NewDecoder(bytes.NewReader(switchSide(t, name, 1)), 0).Decode(&e); err != nil {
		t.Fatal(err)
	}
	return &e
}

// run is one application that a switch was told to run, "exit" for the end.
type run struct{ app, arg string }

// runs reads commands as a switch does.
func runs(t testing.TB, commands []byte) (all []run) {
	t.Helper()
	for rest := string(commands); rest != ""; {
		head, after, ok := strings.Cut(rest, "\n\n")
		if !ok {
			t.Fatalf("no end to %q", rest)
		}
		lines := strings.Split(head, "\n")
		header := map[string]string{}
		for _, line := range lines[1:] {
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				t.Fatalf("%q is no header", line)
			}
			header[name] = strings.TrimSpace(value)
		}
		n, _ := strconv.Atoi(header["content-length"])
		switch {
		case lines[0] == "exit" && len(header) == 0:
			all = append(all, run{app: "exit"})
		case lines[0] == "sendmsg" && header["call-command"] == "execute" && header["content-type"] == "text/plain" && n > 0 && n <= len(after):
			all = append(all, run{header["execute-app-name"], after[:n]})
		default:
			t.Fatalf("%q is no command that was meant", head)
		}
		rest = after[n:]
	}
	return all
}

func TestSocketCommands(t *testing.T) {
	spam := &rules.Rule{ID: "spam"}
	reason := []byte(`SIP;cause=603;text="v=analytics1;url=https://redress.example.com/calls;id=0123456789abcdefghjk";location=RLN`)
	var said strings.Builder
	for _, c := range []struct {
		name string
		v    rules.Verdict
	}{
		{"allow", rules.Verdict{}},
		{"allow by a rule", rules.Verdict{Rule: &rules.Rule{ID: "friends"}}},
		{"label", rules.Verdict{Label: "Spam likely"}},
		{"withhold", rules.Verdict{Withhold: true}},
		{"divert", rules.Verdict{Action: rules.Divert, Target: "sip:ivr@example.net", Rule: &rules.Rule{ID: "premium"}}},
		{"analytics", rules.Verdict{Action: rules.Block, Why: rules.Analytics, Code: 603, Phrase: "Network Blocked", Reason: reason, Rule: spam}},
		{"pacing", rules.Verdict{Action: rules.Block, Why: rules.Pacing, Code: 480, Phrase: "Temporarily Unavailable", Reason: []byte(`Q.850;cause=42;text="too fast"`), Retry: time.Minute}},
		{"unwritable", rules.Verdict{Action: rules.Divert}},
	} {
		x := new(exchange)
		socketOf(always(c.v)).decide(x, connectAnswer(t, "20-out-sync-reject"))
		fmt.Fprintf(&said, "# %s\n", c.name)
		for _, r := range runs(t, x.commands) {
			fmt.Fprintf(&said, "%s %s\n", r.app, strings.ReplaceAll(r.arg, "\x1f", "\n    "))
		}
	}
	if *update {
		if err := os.WriteFile("testdata/socket.golden", []byte(said.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/socket.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), said.String()); diff != "" {
		t.Errorf("commands (-want +got, -update writes them anew):\n%s", diff)
	}
}

// Whatever a caller calls themselves, the switch runs the same applications, and
// finds nothing to expand in their arguments.
func TestSocketDisplayNames(t *testing.T) {
	for _, display := range []string{
		"Alice", "O'Brien", "${system(touch /tmp/x)}", `$\'{system(id)}`, "$${x}", "@{x}", "a^b", "^^:a=b", "a|b", "x\x1fringfence_verdict=block", "a\n\nexit", "a\r\nb", "nul\x00", `\`, `"`, "'", "", strings.Repeat("é", 500), "\xff\xfe", "{sip_reason=x}Alice",
	} {
		x := new(exchange)
		d := verdicts(func(c *rules.Call) rules.Verdict {
			c.From.Display = display
			return rules.Verdict{ID: decisionID, Label: "Spam likely"}
		})
		socketOf(d).decide(x, connectAnswer(t, "25-out-sync-set-exit-allow"))
		all := runs(t, x.commands)
		if len(all) != 2 || all[0].app != "multiset" || all[1].app != "exit" {
			t.Errorf("%q: runs %q", display, all)
			continue
		}
		if strings.ContainsAny(all[0].arg, "$\\'\n\r\x00") || strings.Contains(all[0].arg[2:], "^") || strings.Count(all[0].arg, "\x1f") != 4 {
			t.Errorf("%q: argument %q", display, all[0].arg)
		}
	}
}

func TestSocketPlaysRecordedSession(t *testing.T) {
	k := socketOf(verdicts(func(c *rules.Call) rules.Verdict {
		v := rules.Verdict{ID: decisionID}
		if c.From.User == "+12155551212" {
			v.Action, v.Why, v.Code, v.Phrase, v.Reason = rules.Block, rules.Analytics, 603, "Network Blocked", []byte("SIP;cause=603")
		}
		return v
	}))
	conn := dialAt(t, serveSocket(t, k))
	turns := recordedTurns(t, "20-out-sync-reject")
	want := turns[0].Bytes
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%q, %v; want %q", got, err, want)
	}
	for _, turn := range turns[1:] {
		if turn.Switch {
			if _, err := conn.Write(turn.Bytes); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = conn.CloseWrite()
	commands, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	all := runs(t, commands)
	if len(all) != 3 || all[1] != (run{"respond", "603 Network Blocked"}) {
		t.Errorf("runs %q", all)
	}
	if n := k.Counters(); n.Blocked.Load() != 1 || n.Allowed.Load() != 0 {
		t.Errorf("blocked %d, allowed %d; want 1, 0", n.Blocked.Load(), n.Allowed.Load())
	}
}

// serveSocket serves until the test ends.
func serveSocket(t *testing.T, k *Socket) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- k.Server().Serve(l) }()
	t.Cleanup(func() {
		if err := k.Server().Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return l.Addr().String()
}

func dialAt(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// A call whose decision panics goes on, and the log is told once a minute.
func TestSocketPanic(t *testing.T) {
	var log bytes.Buffer
	now := time.Unix(1_000_000_000, 0)
	k := NewSocket(verdicts(func(*rules.Call) rules.Verdict { panic("number +12155551212\n") }),
		SocketOptions{Deadline: time.Minute, Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }})
	address := serveSocket(t, k)
	for i := range 3 {
		conn := dialAt(t, address)
		if _, err := conn.Write(switchSide(t, "20-out-sync-reject", 1)); err != nil {
			t.Fatal(err)
		}
		_ = conn.CloseWrite()
		if got, err := io.ReadAll(conn); err != nil || string(got) != "connect\n\nexit\n\n" {
			t.Errorf("the switch is told %q, %v", got, err)
		}
		if n := k.Counters().Panics.Load(); n != uint64(i+1) {
			t.Errorf("%d panics counted, want %d", n, i+1)
		}
		if i == 1 {
			now = now.Add(time.Minute)
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 2 || strings.Contains(log.String(), "2155551212") {
		t.Errorf("%d lines, want 2 and no number:\n%s", n, log.String())
	}
}
