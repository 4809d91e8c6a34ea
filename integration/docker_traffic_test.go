package integration

import (
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"ringfence/integration/rig"
)

// slowCall is how long Kamailio waits for a daemon that doesn't answer: no call that
// did not wait for one takes so long.
const slowCall = 5 * time.Second

// traffic places 20 calls/s until it ends, every second one from a listed
// caller.
type traffic struct {
	stop chan struct{}
	done sync.WaitGroup

	mu  sync.Mutex
	sum summary
}

// summary is what became of a traffic's calls.
type summary struct {
	calls  int
	lost   int // no final answer
	odd    int // an answer that no call should get
	missed int // listed callers that passed
	slow   int
	worst  time.Duration
	first  string // of those lost, odd or missed
}

func (s summary) String() string {
	return fmt.Sprintf("%d calls, %d lost, %d with an odd answer, %d listed callers passed, %d slow, slowest %d ms",
		s.calls, s.lost, s.odd, s.missed, s.slow, s.worst.Milliseconds())
}

func (p *project) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// request is an INVITE between two numbers.
func request(caller, callee string) []byte {
	return rig.Request{URI: "sip:" + callee + "@127.0.0.1", From: "<sip:" + caller + "@127.0.0.1>"}.Bytes()
}

// call places a call through the published port and hangs up when it is answered.
func (p *project) call(caller, callee string) (*rig.Result, error) {
	return rig.Place("udp", p.address(), request(caller, callee), rig.PlaceOptions{})
}

func (p *project) traffic() *traffic {
	f := &traffic{stop: make(chan struct{})}
	f.done.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-f.stop:
				return
			case <-tick.C:
				f.done.Go(func() { f.place(p, i%2 == 1) })
			}
		}
	})
	return f
}

func (f *traffic) place(p *project, listed bool) {
	caller := cleanCaller
	if listed {
		caller = listedCaller
	}
	r, err := p.call(caller, callee)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.sum
	s.calls++
	told := ""
	switch {
	case err != nil:
		s.lost++
		told = err.Error()
	case listed && r.Code == 200:
		s.missed++
		told = r.Status
	case listed && r.Code != 603, !listed && r.Code != 200:
		s.odd++
		told = r.Status
	}
	if s.first == "" && told != "" {
		s.first = caller + ": " + told
	}
	if r != nil && r.Latency >= slowCall {
		s.slow++
	}
	if r != nil {
		s.worst = max(s.worst, r.Latency)
	}
}

// end stops the traffic, waits for calls under way and sums up.
func (f *traffic) end() summary {
	close(f.stop)
	f.done.Wait()
	return f.sum
}
