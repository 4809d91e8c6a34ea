package esl

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringfence/adapters/esl/esltest"
)

// limit is what no wait of a test reaches unless something is wrong.
const limit = time.Minute

// served is a Handler made of a function.
type served func(s *Session, call *Event)

func (f served) Serve(s *Session, call *Event) { f(s, call) }

var blocked = []byte("sendmsg\ncall-command: execute\nexecute-app-name: respond\nexecute-app-arg: 603 Network Blocked\n\nexit\n\n")

// block answers each call alike.
var block = served(func(s *Session, _ *Event) { _ = s.Answer(blocked) })

// start runs a server until the test ends.
func start(t *testing.T, h Handler, o ServerOptions) (*Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Logger = slog.New(slog.DiscardHandler)
	s := NewServer(h, o)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-ended; err != ErrServerClosed {
			t.Errorf("Serve ended with %v", err)
		}
		if n := s.Counters().Open.Load(); n != 0 {
			t.Errorf("%d connections are still open", n)
		}
	})
	return s, l.Addr().String()
}

// patient are options whose deadlines no test reaches.
func patient() ServerOptions { return ServerOptions{Deadline: limit, Linger: limit} }

// caller is a switch that has dialled a server.
type caller struct {
	*testing.T
	*net.TCPConn
}

func dial(t *testing.T, address string) caller {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(limit))
	return caller{t, c.(*net.TCPConn)}
}

// expect reads just that.
func (c caller) expect(want string) {
	c.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		c.Fatalf("the server sent %q, %v; want %q", got[:n], err, want)
	}
}

func (c caller) send(text string) {
	c.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.Fatal(err)
	}
}

// ends waits until the server has closed the connection, and wants nothing more
// from it.
func (c caller) ends() {
	c.Helper()
	rest, err := io.ReadAll(c)
	var timeout net.Error
	if len(rest) > 0 || errors.As(err, &timeout) && timeout.Timeout() {
		c.Fatalf("the server sent %q, %v; want it to close", rest, err)
	}
}

// await polls for what other goroutines bring about.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// turns are those of a recorded session, the first of which is our connect.
func turns(t *testing.T, name string) []esltest.Turn {
	t.Helper()
	s, err := esltest.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Turns) < 2 || string(s.Turns[0].Bytes) != "connect\n\n" {
		t.Fatalf("%s does not begin with connect", name)
	}
	return s.Turns
}

// described is the answer to connect of a recorded session.
func described(t *testing.T) string { return string(turns(t, "20-out-sync-reject")[1].Bytes) }

func TestServerAnswersRecordedSessions(t *testing.T) {
	for name, number := range map[string]string{
		"20-out-sync-reject": "+12155551212", "25-out-sync-set-exit-allow": "+12155551212", "27-out-sync-caller-cancels": "+12155551212",
	} {
		t.Run(name, func(t *testing.T) {
			var from atomic.Pointer[string]
			s, address := start(t, served(func(s *Session, call *Event) {
				user := call.Get("variable_sip_from_user")
				from.Store(&user)
				_ = s.Answer(blocked)
			}), patient())
			c := dial(t, address)
			c.expect("connect\n\n")
			all := turns(t, name)
			c.send(string(all[1].Bytes))
			c.expect(string(blocked))
			for _, turn := range all[2:] {
				if turn.Switch {
					c.send(string(turn.Bytes))
				}
			}
			_ = c.CloseWrite()
			c.ends()
			if got := *from.Load(); got != number {
				t.Errorf("From %q, want %q", got, number)
			}
			if n := s.Counters().Answered.Load(); n != 1 {
				t.Errorf("%d answers counted, want 1", n)
			}
		})
	}
}

// The answer to connect may come in any pieces.
func TestConnectInPieces(t *testing.T) {
	text := described(t)
	var calls int
	s := NewServer(served(func(s *Session, call *Event) {
		calls++
		if got := call.Get("variable_sip_call_id"); got != "eeee953f-uac@127.0.0.1" {
			t.Errorf("Call-ID %q", got)
		}
		_ = s.Answer(blocked)
	}), patient())
	for at := 1; at < len(text); at++ {
		ours, theirs := net.Pipe()
		ended := make(chan struct{})
		go func() { newSession(s, ours).run(); close(ended) }()
		got := make([]byte, len(connect)+len(blocked))
		_, err1 := io.ReadFull(theirs, got[:len(connect)])
		_, err2 := io.WriteString(theirs, text[:at])
		_, err3 := io.WriteString(theirs, text[at:])
		_, err4 := io.ReadFull(theirs, got[len(connect):])
		_ = theirs.Close()
		<-ended
		if err := errors.Join(err1, err2, err3, err4); err != nil || !bytes.HasSuffix(got, blocked) {
			t.Fatalf("split at %d: %q, %v", at, got, err)
		}
	}
	if calls != len(text)-1 {
		t.Errorf("%d calls, want %d", calls, len(text)-1)
	}
}

// What is no answer to connect costs the call nothing: it goes on.
func TestCallGoesOn(t *testing.T) {
	notice := "Content-Type: text/disconnect-notice\nContent-Length: 4\n\nbye\n"
	for _, c := range []struct {
		name  string
		does  func(c caller)
		count func(*ServerCounters) *atomic.Uint64
	}{
		{"nothing, then the end", func(c caller) { _ = c.CloseWrite() }, early},
		{"reset", func(c caller) { _ = c.SetLinger(0); _ = c.Close() }, early},
		{"the caller gave up", func(c caller) { c.send(notice) }, early},
		{"half of it", func(c caller) { c.send(described(c.T)[:4000]); _ = c.CloseWrite() }, early},
		{"garbage", func(c caller) { _, _ = io.WriteString(c, strings.Repeat("\x16\x03\x01\x02\x00", maxHeader/4)) }, garbled},
		{"HTTP", func(c caller) { c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n") }, garbled},
		{"a refusal", func(c caller) { c.send("Content-Type: command/reply\nReply-Text: -ERR command not found\n\n") }, garbled},
		{"another message", func(c caller) { c.send("Content-Type: auth/request\n\n") }, garbled},
		{"100 MB claimed", func(c caller) { c.send("Content-Type: command/reply\nContent-Length: 104857600\n\n") }, garbled},
		{"a length that is none", func(c caller) { c.send("Content-Type: command/reply\nContent-Length: -1\n\n") }, garbled},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, address := start(t, served(func(*Session, *Event) { t.Error("it was decided") }), patient())
			peer := dial(t, address)
			peer.expect("connect\n\n")
			c.does(peer)
			peer.ends()
			await(t, "the connection has ended", func() bool { return s.Counters().Open.Load() == 0 })
			if n := c.count(s.Counters()).Load(); n != 1 {
				t.Errorf("counted %d times, want 1", n)
			}
		})
	}
}

// An INVITE that fills a datagram, all of it a From whose every byte is escaped,
// makes a description of megabytes. Its caller gets past nobody by that.
func TestLargeCallIsDecided(t *testing.T) {
	text := strings.Repeat("<", 60_000)
	s, address := start(t, served(func(s *Session, call *Event) {
		if got := call.Get("variable_sip_from_display"); got != text || call.Get("Unique-ID") == "" {
			t.Errorf("a From of %d bytes was read as %d", len(text), len(got))
		}
		_ = s.Answer([]byte("exit\n\n"))
	}), patient())
	first, rest, _ := strings.Cut(described(t), "\n")
	peer := dial(t, address)
	peer.expect("connect\n\n")
	peer.send(first + "\n")
	for _, name := range []string{"sip_from_display", "sip_full_from", "sip_from_uri", "sip_i_from", "1", "2", "3", "4", "5", "6"} {
		peer.send("variable_" + name + ": " + strings.Repeat("%3C", len(text)) + "\n")
	}
	peer.send(rest)
	peer.expect("exit\n\n")
	await(t, "the answer is counted", func() bool { return s.Counters().Answered.Load() == 1 })
}

func early(n *ServerCounters) *atomic.Uint64   { return &n.Early }
func garbled(n *ServerCounters) *atomic.Uint64 { return &n.Garbled }

// A switch that has sent all it will is answered all the same.
func TestHalfClosedIsAnswered(t *testing.T) {
	_, address := start(t, block, patient())
	c := dial(t, address)
	c.send(described(t))
	_ = c.CloseWrite()
	c.expect("connect\n\n" + string(blocked))
	c.ends()
}

func TestDeadline(t *testing.T) {
	for name, sent := range map[string]string{"no answer to connect": "", "half an answer": described(t)[:4000]} {
		t.Run(name, func(t *testing.T) {
			s, address := start(t, block, ServerOptions{Deadline: 20 * time.Millisecond, Linger: limit})
			c := dial(t, address)
			_, _ = io.WriteString(c, sent) // it may be over already
			await(t, "the connection has ended", func() bool { return s.Counters().Late.Load() == 1 && s.Counters().Open.Load() == 0 })
			_, _ = io.Copy(io.Discard, c)
			wantOneLate(t, s.Counters())
		})
	}
}

// The deadline holds against a handler that hangs, too.
func TestDeadlineOfTheHandler(t *testing.T) {
	hung, release, answer := make(chan *Session), make(chan struct{}), make(chan error)
	s, address := start(t, served(func(s *Session, _ *Event) {
		hung <- s
		<-release
		answer <- s.Answer(blocked)
	}), patient())
	c := dial(t, address)
	c.send(described(t))
	c.expect("connect\n\n")
	(<-hung).expire() // what the timer calls
	c.ends()
	if n := s.Counters().Open.Load(); n != 1 {
		t.Errorf("%d connections open, want the one that hangs to count", n)
	}
	close(release)
	if err := <-answer; err != ErrLate {
		t.Errorf("answer: %v, want ErrLate", err)
	}
	await(t, "the connection has ended", func() bool { return s.Counters().Open.Load() == 0 })
	wantOneLate(t, s.Counters())
}

func wantOneLate(t *testing.T, n *ServerCounters) {
	t.Helper()
	if n.Late.Load() != 1 || n.Early.Load()+n.Garbled.Load()+n.Unwritten.Load()+n.Answered.Load() != 0 {
		t.Errorf("late %d, early %d, garbled %d, unwritten %d, answered %d; want one late", n.Late.Load(), n.Early.Load(), n.Garbled.Load(), n.Unwritten.Load(), n.Answered.Load())
	}
}

// The deadline is not that of the switch's part: it may close when it likes.
func TestLinger(t *testing.T) {
	_, address := start(t, block, ServerOptions{Deadline: limit, Linger: 20 * time.Millisecond})
	c := dial(t, address)
	c.send(described(t))
	c.expect("connect\n\n" + string(blocked))
	c.ends()
}

// A handler without an answer lets the call go on at once.
func TestNoAnswer(t *testing.T) {
	s, address := start(t, served(func(*Session, *Event) {}), patient())
	c := dial(t, address)
	c.send(described(t))
	c.expect("connect\n\n")
	c.ends()
	if n := s.Counters(); n.Answered.Load()+n.Late.Load()+n.Early.Load() != 0 {
		t.Error("it is counted as what it was not")
	}
}

func TestConnectionsBeyondTheBound(t *testing.T) {
	o := patient()
	o.Connections = 2
	s, address := start(t, block, o)
	one, two := dial(t, address), dial(t, address)
	one.expect("connect\n\n")
	two.expect("connect\n\n")
	three := dial(t, address)
	three.ends()
	if n := s.Counters(); n.Beyond.Load() != 1 || n.Accepted.Load() != 2 || n.Open.Load() != 2 {
		t.Errorf("beyond %d, accepted %d, open %d; want 1, 2, 2", n.Beyond.Load(), n.Accepted.Load(), n.Open.Load())
	}
	_ = one.Close()
	await(t, "the first has ended", func() bool { return s.Counters().Open.Load() == 1 })
	four := dial(t, address)
	four.expect("connect\n\n")
}

func TestDenied(t *testing.T) {
	o := patient()
	o.Allow = func(a net.Addr) bool { return false }
	s, address := start(t, block, o)
	c := dial(t, address)
	c.ends()
	if n := s.Counters().Denied.Load(); n != 1 {
		t.Errorf("%d denied, want 1", n)
	}
}

// What has begun when the server is told to stop is answered.
func TestShutdownAnswersWhatIsInFlight(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	s, address := start(t, served(func(s *Session, _ *Event) {
		close(began)
		<-release
		_ = s.Answer(blocked)
	}), patient())
	c := dial(t, address)
	c.send(described(t))
	<-began
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v, want that a call is in flight", err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it still listens")
	}
	close(release)
	c.expect("connect\n\n" + string(blocked))
	_ = c.CloseWrite()
	c.ends()
}

func TestShutdownBeforeServe(t *testing.T) {
	s := NewServer(block, ServerOptions{})
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(l); err != ErrServerClosed {
		t.Errorf("Serve: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener: %v, want it closed", err)
	}
}
