package kamailio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newLoopbackRig is a rig on a real connection.
func newLoopbackRig(t *testing.T, o Options) *rig {
	t.Helper()
	r := newRig(t, o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.dial = func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	serve(t, r.Handler, l)
	return r
}

// client is one connection.
type client struct {
	net.Conn
	*bufio.Reader
	t *testing.T
}

func (r *rig) client(t *testing.T) *client {
	t.Helper()
	c, err := r.dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{c, bufio.NewReader(c), t}
}

func (c *client) write(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) answer() answer {
	c.t.Helper()
	a, err := readAnswer(c.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// closed fails the test unless the server closes the connection, and properly.
func (c *client) closed() {
	c.t.Helper()
	if b, err := c.ReadByte(); !errors.Is(err, io.EOF) {
		c.t.Errorf("byte %d, error %v; want the end", b, err)
	}
}

func padded(from string, size int) string {
	s := invite(from, "X-Padding: ")
	return strings.Replace(s, "X-Padding: ", "X-Padding: "+strings.Repeat("x", size-len(s)), 1)
}

// TestExpectContinue plays an old libcurl, which asks before it sends a body of
// more than 1 KB: first a quick one, then one that takes its time.
func TestExpectContinue(t *testing.T) {
	r := newLoopbackRig(t, Options{})
	c := r.client(t)
	body := padded(spam, 4096)
	for _, pieces := range []int{1, 16} {
		c.write(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", callPath, sipType, len(body)))
		for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
			if line, err := c.ReadString('\n'); err != nil || line != want {
				t.Fatalf("%q, %v; want %q before the body is sent", line, err, want)
			}
		}
		for rest := body; rest != ""; {
			n := min(len(body)/pieces, len(rest))
			c.write(rest[:n])
			rest = rest[n:]
			if a := r.post(t, callPath, sipType, invite(clean)); a.status != 200 { // others are not held up
				t.Fatalf("meanwhile: %d", a.status)
			}
		}
		if a := c.answer(); a.status != 200 || !strings.HasPrefix(a.body, "1 block\n603\n") {
			t.Errorf("%d %q", a.status, a.body)
		}
	}
}

// TestKeepAlive asks often on one connection, each answer in one write.
func TestKeepAlive(t *testing.T) {
	r := newRig(t, Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var writes, accepted atomic.Int64
	serve(t, r.Handler, countingListener{l, &accepted, &writes})
	r.dial = func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	c := r.client(t)
	const n = 50
	for i := range n {
		from := []string{spam, clean, labelled}[i%3]
		c.write(httpRequest("POST "+callPath, padded(from, 1000+1000*i), "Content-Type: "+sipType))
		if a := c.answer(); a.status != 200 || strings.Count(a.body, "\n") != 9 {
			t.Fatalf("%d %q", a.status, a.body)
		}
	}
	if w, a := writes.Load(), accepted.Load(); w != n || a != 1 {
		t.Errorf("%d answers in %d writes on %d connections", n, w, a)
	}
}

type countingListener struct {
	net.Listener
	accepted, writes *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.accepted.Add(1)
	return countingConn{c, l.writes}, nil
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// TestTooLarge sends more than the limits, in one go as a client without Expect
// does: it must see the answer, not a reset.
func TestTooLarge(t *testing.T) {
	const limit = 10_000
	r := newLoopbackRig(t, Options{BodyLimit: limit, HeaderLimit: 4096})
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"just within", httpRequest("POST "+callPath, padded(spam, limit)), 200},
		{"just over", httpRequest("POST "+callPath, padded(spam, limit+1)), 413},
		{"far over", httpRequest("POST "+callPath, padded(spam, 3<<20)), 413},
		{"chunked", "POST " + callPath + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n", 5) + "0\r\n\r\n", 413},
		{"a long query", httpRequest("POST "+callPath+"?ruri="+strings.Repeat("x", 8192), invite(spam)), 413},
		{"outcomes", httpRequest("POST "+outcomesPath, padded(spam, limit+1)), 413},
	} {
		k := r.client(t)
		k.write(c.request)
		a := k.answer()
		if a.status != c.status {
			t.Errorf("%s: %d %q, want %d", c.name, a.status, a.body, c.status)
		}
		if a.status == 413 {
			if a.body != "ringfence: the request is larger than this daemon takes; no switch should forward it unasked\n" {
				t.Errorf("%s: %q", c.name, a.body)
			}
			k.closed()
		}
	}
	if n := r.Counters().TooLarge.Load(); n != 5 {
		t.Errorf("%d counted, want 5", n)
	}
}

// TestLimitWithoutServer holds that the handler alone keeps the limit too.
func TestLimitWithoutServer(t *testing.T) {
	r := newRig(t, Options{})
	r.options.BodyLimit = 100 // below the server's, which was made before
	if a := r.post(t, callPath, sipType, invite(spam)); a.status != 413 {
		t.Errorf("%d %q", a.status, a.body)
	}
}

// TestDefaultLimits sends the largest request that a switch can: 64 KB of SIP
// and a Request-URI of as much, percent-encoded.
func TestDefaultLimits(t *testing.T) {
	r := newLoopbackRig(t, Options{})
	a := r.post(t, callPath+"?ruri=sip:"+strings.Repeat("%41", 64<<10)+"%40b&trunk=t", sipType, padded(spam, 64<<10))
	if a.status != 200 || !strings.HasPrefix(a.body, "1 block") {
		t.Fatalf("%d %q", a.status, a.body)
	}
	if diff := cmp.Diff(strings.Repeat("A", 64<<10), r.decider.lastCall(t).RequestUser); diff != "" {
		t.Error(diff)
	}
	if got := r.decider.lastCall(t).TrunkName; got != "t" {
		t.Errorf("trunk %q", got)
	}
}

// TestSlowClient holds that clients that stop in the middle cost nobody
// anything, and are told and closed at the read timeout.
func TestSlowClient(t *testing.T) {
	t.Parallel()                                                  // it waits
	r := newLoopbackRig(t, Options{ReadTimeout: 4 * time.Second}) // longer than those meanwhile take on a slow machine
	whole := httpRequest("POST "+callPath, invite(spam), "Content-Type: "+sipType)
	slow := map[string]*client{"in the headers": r.client(t), "in the body": r.client(t)}
	slow["in the headers"].write(whole[:20])
	slow["in the body"].write(whole[:len(whole)-1])
	for range 20 {
		if a := r.post(t, callPath, sipType, invite(clean)); a.status != 200 {
			t.Fatalf("meanwhile: %d", a.status)
		}
	}
	for name, k := range slow {
		if a := k.answer(); a.status != 408 || a.body != "ringfence: the request did not arrive in time\n" {
			t.Errorf("%s: %d %q", name, a.status, a.body)
		}
		k.closed()
	}
	if n := r.Counters().Slow.Load(); n != 2 {
		t.Errorf("%d counted, want 2", n)
	}
}

// TestIdle holds that a kept connection outlives the read timeout and ends at
// the idle timeout, without a word.
func TestIdle(t *testing.T) {
	t.Parallel() // it waits
	const read, idle = 2 * time.Second, 4 * time.Second
	r := newLoopbackRig(t, Options{ReadTimeout: read, IdleTimeout: idle})
	k := r.client(t)
	start := time.Now()
	k.write(httpRequest("GET "+readyPath, ""))
	k.answer()
	k.closed() // in the client's time, which is longer than any load makes of idle
	if d := time.Since(start); d < idle {
		t.Errorf("closed %v after the request, want no earlier than the idle timeout of %v", d, idle)
	}
	if DefaultIdleTimeout < 10*time.Minute {
		t.Errorf("the default idle timeout is %v", DefaultIdleTimeout)
	}
}

func TestNotHTTP(t *testing.T) {
	r := newLoopbackRig(t, Options{})
	for _, s := range []string{invite(spam), "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "POST /kamailio/call HTTP/1.1\r\nContent-Length: x\r\n\r\n"} {
		k := r.client(t)
		k.write(s)
		if a := k.answer(); a.status != 400 || !strings.HasPrefix(a.body, "ringfence: ") || strings.Count(a.body, "\n") != 1 {
			t.Errorf("%q: %d %q", s[:10], a.status, a.body)
		}
		k.closed()
	}
}
