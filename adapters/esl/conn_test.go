package esl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/adapters/esl/esltest"
)

const password = "ClueCon"

// limited is a context that ends only in a test that fails.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), esltest.Patience)
	t.Cleanup(cancel)
	return ctx
}

// play starts a switch that plays script.
func play(t *testing.T, script esltest.Script) *esltest.Switch {
	t.Helper()
	s, err := esltest.Listen(script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// connected connects to a switch that plays script.
func connected(t *testing.T, script esltest.Script, o Options) *Conn {
	t.Helper()
	s := play(t, script)
	o.Password = password
	c, err := Dial(limited(t), s.Address(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestConnSessions plays the recorded sessions of the inbound direction, whole
// and in pieces, the short ones byte by byte, to a Conn that sends what was
// sent then.
func TestConnSessions(t *testing.T) {
	for _, name := range esltest.Names() {
		s, err := esltest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		commands, ok := bytes.CutPrefix(bytes.ReplaceAll(s.FromClient(), []byte("\r\n"), []byte("\n")), []byte("auth "+password+"\n\n"))
		if !ok {
			continue // outbound, or no login
		}
		stream := s.FromSwitch()
		piece := 1 + len(stream)/10_000*7
		for how, script := range map[string]esltest.Script{"whole": esltest.Play(s), "in pieces": esltest.PlayPieces(s, piece)} {
			t.Run(name+" "+how, func(t *testing.T) { checkSession(t, script, string(commands), stream) })
		}
	}
}

func checkSession(t *testing.T, script esltest.Script, commands string, stream []byte) {
	var wantReplies, wantEvents []read
	for _, m := range plainly(t, stream)[2:] { // the login
		switch m.Type {
		case "text/event-plain", "text/event-json":
			wantEvents = append(wantEvents, m)
		case "command/reply", "api/response":
			wantReplies = append(wantReplies, m)
		}
	}
	c := connected(t, script, Options{})
	var replies []read
	for command := range strings.SplitSeq(strings.TrimSuffix(commands, "\n\n"), "\n\n") {
		if err := c.Post([]byte(command+"\n\n"), 1, func(e *Event) { replies = append(replies, readOf(e)) }); err != nil {
			t.Fatal(err)
		}
	}
	var events []read
	var err error
	for ctx := limited(t); ; {
		var e *Event
		if e, err = c.ReadEvent(ctx); err != nil {
			break
		}
		events = append(events, readOf(e))
	}
	var bye *DisconnectError
	if !errors.As(err, &bye) && !errors.Is(err, errClosedBySwitch) {
		t.Errorf("the end: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(wantReplies, replies); diff != "" {
		t.Errorf("replies: want -, got +:\n%s", diff)
	}
	if diff := cmp.Diff(wantEvents, events); diff != "" {
		t.Errorf("events: want -, got +:\n%s", diff)
	}
	if s := c.Stats(); s.Unreadable != 0 || s.Dropped != 0 || s.Events != uint64(len(events)) {
		t.Errorf("%+v", s)
	}
}

func TestConnSkips(t *testing.T) {
	for name, want := range map[string]uint64{"13-heartbeat-and-log": 7, "06-call-answered-xml": 5} {
		s, err := esltest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		c := connected(t, esltest.Play(s), Options{})
		if err := c.Post([]byte("event x\n\nlog x\n\nnolog\n\nexit\n\n"), 4, nil); err != nil {
			t.Fatal(err)
		}
		for err = error(nil); err == nil; _, err = c.ReadEvent(limited(t)) {
		}
		if got := c.Stats().Skipped; got != want {
			t.Errorf("%s: %d skipped, want %d (%v)", name, got, want, err)
		}
	}
}

// TestConnUnknownType is what ended the process of the client whose method names these are.
func TestConnUnknownType(t *testing.T) {
	c := connected(t, esltest.Serve(password, func(p *esltest.Peer, cmd esltest.Command) error {
		if _, err := io.WriteString(p, "Content-Type: text/new\nContent-Length: 3\n\n\n\n\nContent-Length: 2\nContent-Type: text/event-json\n\n[]"); err != nil {
			return err
		}
		return p.Reply("")
	}), Options{})
	e, err := c.Send(limited(t), "noop")
	if err != nil || e.Get("Reply-Text") != "" {
		t.Errorf("%v, %v", e, err)
	}
	if s := c.Stats(); s.Skipped != 1 || s.Unreadable != 1 {
		t.Errorf("%+v, want one skipped and one unreadable", s)
	}
}

func TestDialErrors(t *testing.T) {
	load := func(name string) esltest.Script {
		s, err := esltest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		return esltest.Play(s)
	}
	say := func(text string) esltest.Script {
		return func(p *esltest.Peer) error {
			_, err := io.WriteString(p, text)
			return err
		}
	}
	for name, c := range map[string]struct {
		script esltest.Script
		want   string
	}{
		"wrong password": {load("02-auth-fail"), `the switch refuses the password: give the one of its event_socket.conf.xml ("-ERR invalid")`},
		"refused by ACL": {load("51-rude-rejection-acl"), "the switch refuses our address: allow it in the ACL that apply-inbound-acl in its event_socket.conf.xml names (loopback.auto when none is named)"},
		"going down":     {say("Content-Type: text/disconnect-notice\nContent-Length: 5\n\ndown\n"), `the switch disconnected: "down"`},
		"closed":         {say(""), "the switch closed the connection"},
		"cut":            {say("Content-Type: auth/re"), "unexpected EOF"},
		"garbage":        {esltest.Garbage, `not the event socket's protocol: the line "\x00\x16\x03\x01 220 mail.example.net ESMTP" is no header, or one too many`},
		"another order":  {say("Content-Type: command/reply\n\n"), "not the event socket's protocol: command/reply where auth/request belongs"},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, c.script)
			_, err := Dial(limited(t), s.Address(), Options{Password: password})
			if want := "esl: " + s.Address() + ": " + c.want; err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		s := play(t, esltest.Silent)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		_, err := Dial(limited(t), s.Address(), Options{})
		if err == nil || !strings.Contains(err.Error(), s.Address()) || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%v", err)
		}
	})
	t.Run("unsafe password", func(t *testing.T) {
		s := play(t, esltest.Serve("a", nil))
		_, err := Dial(limited(t), s.Address(), Options{Password: "a\n\nexit"})
		if !errors.Is(err, ErrUnsafe) {
			t.Errorf("%v, want %v", err, ErrUnsafe)
		}
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := play(t, func(p *esltest.Peer) error {
			cancel()
			return esltest.Silent(p)
		})
		if _, err := Dial(ctx, s.Address(), Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want it canceled", err)
		}
	})
}

// piped gives options whose connection is a pipe to script, for fake time.
func piped(t *testing.T, script func(conn net.Conn)) Options {
	return Options{Password: password, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { theirs.Close() })
		go script(theirs)
		return ours, nil
	}}
}

func TestDialSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := Dial(t.Context(), "switch:8021", piped(t, func(net.Conn) {}))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != DefaultDialTimeout {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

// TestWriteTimeout has a switch that lets us in and then reads nothing more.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := Dial(t.Context(), "switch:8021", piped(t, func(conn net.Conn) {
			io.WriteString(conn, "Content-Type: auth/request\n\n")
			io.ReadFull(conn, make([]byte, len("auth "+password+"\n\n")))
			io.WriteString(conn, "Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		begin := time.Now()
		_, err = c.Send(t.Context(), "api status")
		var network net.Error
		if !errors.As(err, &network) || !network.Timeout() || time.Since(begin) != DefaultWriteTimeout {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		if _, again := c.Send(t.Context(), "api status"); again != err {
			t.Errorf("asked again: %v, want the same", again)
		}
	})
}

// TestConnEnds plays what ends a connection: all who wait get the same error.
func TestConnEnds(t *testing.T) {
	after := func(then func(p *esltest.Peer) error) esltest.Script {
		return func(p *esltest.Peer) error {
			if err := esltest.LogIn(p, password); err != nil {
				return err
			}
			if _, err := p.ReadCommand(); err != nil {
				return err
			}
			return then(p)
		}
	}
	for name, c := range map[string]struct {
		script esltest.Script
		want   string
	}{
		"notice": {after(func(p *esltest.Peer) error { return p.Disconnect("The system is being shut down.\n") }), `the switch disconnected: "The system is being shut down."`},
		"linger": {after(func(p *esltest.Peer) error {
			_, err := io.WriteString(p, "Content-Type: text/disconnect-notice\nContent-Disposition: linger\nContent-Length: 0\n\n")
			return errors.Join(err, p.Disconnect("after linger"))
		}), `the switch disconnected: "after linger"`},
		"closed":      {after(func(*esltest.Peer) error { return nil }), "the switch closed the connection"},
		"half closed": {esltest.HalfClosed(password), "the switch closed the connection"},
		"cut":         {after(func(p *esltest.Peer) error { _, err := io.WriteString(p, "Content-"); return err }), "unexpected EOF"},
		"garbage":     {after(esltest.Garbage), `not the event socket's protocol: the line "\x00\x16\x03\x01 220 mail.example.net ESMTP" is no header, or one too many`},
		"100 MB":      {esltest.HugeLength(password), "not the event socket's protocol: a message of 104857657 bytes; at most 16777216 are taken"},
		"rude": {after(func(p *esltest.Peer) error {
			_, err := io.WriteString(p, "Content-Type: text/rude-rejection\n\n")
			return err
		}), ErrACL.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, c.script)
			conn, err := Dial(limited(t), s.Address(), Options{Password: password})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			want := "esl: " + s.Address() + ": " + c.want
			var waiting sync.WaitGroup
			for _, wait := range []func(context.Context) (*Event, error){
				conn.ReadEvent,
				func(ctx context.Context) (*Event, error) { return conn.Send(ctx, "api status") },
				func(ctx context.Context) (*Event, error) { return conn.BgAPI(ctx, "status") },
			} {
				waiting.Go(func() {
					if _, err := wait(limited(t)); err == nil || err.Error() != want {
						t.Errorf("%v, want %s", err, want)
					}
				})
			}
			waiting.Wait()
		})
	}
}

func TestClose(t *testing.T) {
	c := connected(t, esltest.Serve(password, nil), Options{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if _, err := c.ReadEvent(limited(t)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("ReadEvent: %v, want %v", err, net.ErrClosed)
		}
	})
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	waiting.Wait()
	if _, err := c.Send(limited(t), "api status"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send: %v, want %v", err, net.ErrClosed)
	}
}

func TestSwitchRestarts(t *testing.T) {
	s := play(t, esltest.Serve(password, nil))
	for range 3 {
		c, err := Dial(limited(t), s.Address(), Options{Password: password})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send(limited(t), "api status"); err != nil {
			t.Error(err)
		}
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ReadEvent(limited(t)); err == nil {
			t.Error("the connection outlives the switch")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Start(esltest.Serve(password, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Accepted(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

// TestFlood has more events than are read: commands are answered all the same,
// what is missing is counted and told once, and later events come through.
func TestFlood(t *testing.T) {
	event := func(n int) []byte {
		return esltest.Event{{Name: "Event-Name", Value: "HEARTBEAT"}, {Name: "N", Value: fmt.Sprint(n)}}.JSON()
	}
	var events [][]byte
	for n := range 1000 {
		events = append(events, event(n))
	}
	const queue = 100
	c := connected(t, esltest.Flood(password, len(events), events...), Options{Queue: queue})
	ctx := limited(t)
	if _, err := c.Send(ctx, "event json HEARTBEAT"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(ctx, "api status"); err != nil { // answered after the last event
		t.Fatal(err)
	}
	if s := c.Stats(); s.Events != 1000 || s.Dropped != 900 || s.Queued != queue {
		t.Errorf("%+v", s)
	}
	for n := range queue {
		if e, err := c.ReadEvent(ctx); err != nil || e.Get("N") != fmt.Sprint(n) {
			t.Fatalf("%v, %v, want event %d", e, err, n)
		}
	}
	if _, err := c.ReadEvent(ctx); err != ErrLagged {
		t.Errorf("%v, want %v", err, ErrLagged)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.ReadEvent(over); err != context.Canceled {
		t.Errorf("%v: it is told twice", err)
	}
}
