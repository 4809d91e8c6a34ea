package notify

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is long enough for any machine.
const limit = 30 * time.Second

func listen(t *testing.T, address string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func read(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 256)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestSend(t *testing.T) {
	for _, address := range []string{filepath.Join(t.TempDir(), "socket"), "@ringfence-test-" + strconv.Itoa(os.Getpid())} {
		t.Run(address[:1], func(t *testing.T) {
			t.Setenv(SocketVariable, address)
			c := listen(t, address)
			s := NewSender()
			defer s.Close()
			for _, message := range []string{Beat, Reloading + "\nMONOTONIC_USEC=1"} {
				if err := s.Send(message, limit); err != nil {
					t.Fatal(err)
				}
				if got := read(t, c); got != message {
					t.Errorf("received %q, want %q", got, message)
				}
			}
		})
	}
}

// A service manager that was started anew is found at its address.
func TestSendToASuccessor(t *testing.T) {
	address := filepath.Join(t.TempDir(), "socket")
	t.Setenv(SocketVariable, address)
	first := listen(t, address)
	s := NewSender()
	defer s.Close()
	if err := s.Send(Ready, limit); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(Beat, limit); err == nil {
		t.Error("nobody listens, and Send says nothing")
	}
	if err := os.Remove(address); err != nil {
		t.Fatal(err)
	}
	second := listen(t, address)
	if err := s.Send(Beat, limit); err != nil {
		t.Fatal(err)
	}
	if got := read(t, second); got != Beat {
		t.Errorf("received %q, want %q", got, Beat)
	}
}

// One that does not read holds nobody up longer than the limit.
func TestSendToADeafOne(t *testing.T) {
	address := filepath.Join(t.TempDir(), "socket")
	t.Setenv(SocketVariable, address)
	listen(t, address)
	s := NewSender()
	defer s.Close()
	for range 1 << 20 { // more than any queue holds
		if err := s.Send(Beat, time.Millisecond); err != nil {
			return
		}
	}
	t.Error("a million messages went to one that reads none")
}

func TestSendToNobody(t *testing.T) {
	t.Setenv(SocketVariable, "")
	if err := NewSender().Send(Ready, 0); err != nil {
		t.Error(err)
	}
	t.Setenv(SocketVariable, filepath.Join(t.TempDir(), "none"))
	s := NewSender()
	if err := s.Send(Ready, limit); err == nil {
		t.Error("nobody listens, and Send says nothing")
	}
	s.Close()
	if err := s.Send(Ready, limit); err != nil {
		t.Errorf("once closed: %v", err)
	}
}

func TestWatchdog(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		interval, process string
		want              time.Duration
		fails             bool
	}{
		{"", "", 0, false},
		{"", own, 0, false},
		{"1000000", "", time.Second, false},
		{"1500", own, 1500 * time.Microsecond, false},
		{"1000000", strconv.Itoa(os.Getpid() + 1), 0, false},
		{"1000000", "x", 0, true},
		{"1000000", "-1", 0, true},
		{"0", "", 0, true},
		{"-1", "", 0, true},
		{"1s", "", 0, true},
		{"9223372036854775807", "", 0, true},
		{"18446744073709551616", "", 0, true},
	} {
		t.Setenv(IntervalVariable, c.interval)
		t.Setenv(ProcessVariable, c.process)
		if got, err := Watchdog(); got != c.want || (err != nil) != c.fails {
			t.Errorf("WATCHDOG_USEC=%q WATCHDOG_PID=%q: %v, %v, want %v and an error: %v", c.interval, c.process, got, err, c.want, c.fails)
		}
	}
}
