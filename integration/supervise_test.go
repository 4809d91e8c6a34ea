package integration

import (
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"ringfence/integration/rig"
)

// TestSupervised holds how long connections wait for a daemon that hangs: those
// of whoever posts calls, and those of FreeSWITCH's socket, which has no timeout.
// The same goes to a listener of the test's own at the same time: what is slow
// there is the machine's doing, and tried again. Not parallel to other tests for
// that reason.
func TestSupervised(t *testing.T) {
	const bound = 2 * time.Second
	d := newDaemon(t)
	appendTo(t, d, "ringfence.yaml", "socket: {listen: "+d.Socket+"}\n")
	if err := d.Supervise(); err != nil {
		t.Fatal(err)
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { answerAll(control) })
	t.Cleanup(func() {
		_ = control.Close()
		serving.Wait()
	})
	for round := 1; ; round++ {
		child, err := d.Child()
		if err != nil {
			t.Fatal(err)
		}
		callers := []*opener{
			{address: d.Addr, says: "GET /readyz HTTP/1.1\r\nHost: ringfence\r\n\r\n"},
			{address: d.Socket},
			{address: control.Addr().String(), says: "x"},
		}
		for _, o := range callers {
			o.start()
		}
		if err := syscall.Kill(child, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		err = rig.Wait(rig.Patience, "another daemon answers", func() bool {
			now, err := d.Child()
			return err == nil && now != child && callers[0].back() && callers[1].back()
		})
		for _, o := range callers {
			o.end()
		}
		if err != nil {
			t.Fatal(err)
		}
		http, socket, other := callers[0], callers[1], callers[2]
		t.Logf("longest wait: decisions %s (%d of %d connections ended unanswered), socket %s (%d of %d), the test's own listener %s",
			http.longest, http.ended, http.opened, socket.longest, socket.ended, socket.opened, other.longest)
		if http.ended == 0 || socket.ended == 0 {
			t.Error("no connection waited for the daemon that hangs")
		}
		switch held := max(http.longest, socket.longest); {
		case held <= bound:
			return
		case other.longest <= bound/8:
			t.Fatalf("a connection was held for %s, want at most %s", held, bound)
		case round == 3:
			t.Skipf("skipped: the machine is too busy to hold the bound of %s", bound)
		}
	}
}

// answerAll answers the first byte of each connection, until l is closed.
func answerAll(l net.Listener) {
	var answering sync.WaitGroup
	defer answering.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		answering.Go(func() {
			defer c.Close()
			_, _ = c.Read(make([]byte, 1)) // answered whatever comes
			_, _ = c.Write([]byte{'x'})    // as above
		})
	}
}

// opener opens connections, twenty a second, and waits at each for the first
// byte or its end.
type opener struct {
	address, says string

	stop    chan struct{}
	waiting sync.WaitGroup

	mu       sync.Mutex
	opened   int
	ended    int // refused, or closed without a byte
	answered int // in a row, until now
	longest  time.Duration
}

func (o *opener) start() {
	o.stop = make(chan struct{})
	o.waiting.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			o.waiting.Go(o.open)
			select {
			case <-o.stop:
				return
			case <-tick.C:
			}
		}
	})
}

func (o *opener) open() {
	began := time.Now()
	answered := o.ask()
	took := time.Since(began)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened++
	o.longest = max(o.longest, took)
	if o.answered++; !answered {
		o.ended++
		o.answered = 0
	}
}

func (o *opener) ask() (answered bool) {
	c, err := net.DialTimeout("tcp", o.address, rig.Patience)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(rig.Patience))
	if _, err := c.Write([]byte(o.says)); err != nil {
		return false
	}
	n, _ := c.Read(make([]byte, 1))
	return n == 1
}

// back tells whether connections are answered again after some were not.
func (o *opener) back() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended > 0 && o.answered > 2
}

// end stops opening and waits for what is open.
func (o *opener) end() {
	close(o.stop)
	o.waiting.Wait()
}
