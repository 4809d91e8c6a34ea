package sidecar

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// scripted is a listener whose accepts fail as it is told, and then wait for
// connections.
type scripted struct {
	net.Listener
	fails []error
}

func (s *scripted) Accept() (net.Conn, error) {
	if len(s.fails) == 0 {
		return s.Listener.Accept()
	}
	err := s.fails[0]
	s.fails = s.fails[1:]
	return nil, err
}

func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAcceptIsTriedAgain(t *testing.T) {
	exhausted := &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	log := new(lockedBuffer)
	var failed atomic.Uint64
	now := time.Unix(1_000_000_000, 0)
	s := &scripted{Listener: listenLocal(t), fails: []error{exhausted, syscall.ENOBUFS}}
	p := newPatient(s, &failed, slog.New(slog.NewTextHandler(log, nil)), func() time.Time { return now })
	accept := func() {
		t.Helper()
		dial(t, s)
		c, err := p.Accept()
		if err != nil {
			t.Fatalf("accept: %v", err)
		}
		_ = c.Close()
	}
	accept()
	if failed.Load() != 2 {
		t.Errorf("%d errors counted, want 2", failed.Load())
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "too many open files") {
		t.Errorf("%d lines, want one for two errors at once:\n%s", n, log)
	}
	s.fails, now = []error{exhausted}, now.Add(acceptLogEvery)
	accept()
	if n := strings.Count(log.String(), "level=ERROR"); n != 2 || !strings.Contains(log.String(), "errors=3") {
		t.Errorf("%d lines, want a second one later:\n%s", n, log)
	}
}

// endless never accepts.
type endless struct {
	net.Listener
	asked atomic.Uint64
}

func (e *endless) Accept() (net.Conn, error) {
	e.asked.Add(1)
	return nil, syscall.EMFILE
}

func TestCloseEndsAccept(t *testing.T) {
	full := func() net.Listener {
		l := newLimited(listenLocal(t), 1)
		dial(t, l)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return l
	}
	for name, l := range map[string]net.Listener{
		"waiting for a connection": newPatient(listenLocal(t), new(atomic.Uint64), slog.New(slog.DiscardHandler), time.Now),
		"between two attempts":     newPatient(&endless{Listener: listenLocal(t)}, new(atomic.Uint64), slog.New(slog.DiscardHandler), time.Now),
		"waiting for a slot":       full(),
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			go func() {
				_, err := l.Accept()
				ended <- err
			}()
			if p, ok := l.(*patient); ok {
				if e, ok := p.Listener.(*endless); ok {
					await(t, "a few attempts", func() bool { return e.asked.Load() > 2 })
				}
			}
			if err := l.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			select {
			case err := <-ended:
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("accept: %v, want net.ErrClosed", err)
				}
			case <-time.After(patience):
				t.Fatal("accept hangs")
			}
		})
	}
}

func TestLimitedConnections(t *testing.T) {
	l := newLimited(listenLocal(t), 2)
	var open []net.Conn
	for range 2 {
		dial(t, l)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	dial(t, l)
	third := make(chan net.Conn)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		third <- c
	}()
	select {
	case <-third:
		t.Fatal("a third connection is accepted beside two")
	case <-time.After(50 * time.Millisecond):
	}
	_ = open[0].Close()
	_ = open[0].Close() // frees one slot, not two
	if c := <-third; c == nil {
		t.Fatal("no connection")
	} else {
		defer func() { _ = c.Close() }()
	}
	if len(l.slots) != 2 {
		t.Errorf("%d slots are taken, want 2", len(l.slots))
	}
	_ = open[1].Close()
}

// The daemon outlives a time without a file descriptor for a new connection.
func TestDaemonOutlivesFailedAccepts(t *testing.T) {
	d := launch(t, nil)
	for _, at := range []net.Addr{d.p.Addr(), d.p.AdminAddr()} {
		before := d.p.unheard.Load()
		exhaust(t, at, func() {
			await(t, "a failed accept", func() bool { return d.p.unheard.Load() > before })
		})
		if got := d.ask(clean, callee)[0]; got != "1 allow" {
			t.Errorf("answer %q", got)
		}
		code, metrics := d.get("/metrics")
		if code != 200 || strings.Contains(metrics, "\nringfence_accept_errors_total 0\n") || !strings.Contains(metrics, "\nringfence_accept_errors_total ") {
			t.Errorf("%d, failed accepts are not in the metrics", code)
		}
	}
	select {
	case err := <-d.p.failed:
		t.Errorf("a listener ended: %v", err)
	default:
	}
}

// exhaust connects to a listener of this process while it can open no file, and
// calls during before it can again.
func exhaust(t *testing.T, at net.Addr, during func()) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}()
	port := at.(*net.TCPAddr).Port
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	during()
}
