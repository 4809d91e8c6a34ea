package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ringfence/adapters/esl/esltest"
	"ringfence/integration/rig"
)

// benchFreeSWITCH measures what FreeSWITCH's ways to ask cost: by themselves,
// with what a switch was recorded to say, and in a switch where there is one.
func benchFreeSWITCH(p plan, dir string) error {
	for _, part := range []struct {
		dir string
		run func(plan, string) error
	}{{"socket", benchFreeSWITCHSocket}, {"events", benchFreeSWITCHEvents}, {"calls", benchFreeSWITCHCalls}} {
		own := filepath.Join(dir, part.dir)
		if err := os.Mkdir(own, 0o700); err != nil {
			return err
		}
		if err := part.run(p, own); err != nil {
			return err
		}
	}
	return nil
}

// benchFreeSWITCHSocket plays the switch: one call after the other, every one of
// which is blocked by the last of the rules, then thousands that wait at once.
func benchFreeSWITCHSocket(p plan, dir string) (err error) {
	if err := writeScenario(dir, benchRules); err != nil {
		return err
	}
	r, err := rig.NewRingfence(p.binary, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	if err := r.Append("ringfence.yaml", fmt.Sprintf("socket: {listen: %q, deadline: 10s, connections: %d}\n", r.Socket, p.sockets)); err != nil {
		return err
	}
	if err := r.Start(); err != nil {
		return err
	}
	call, err := socketCallOf(&callers{listed: 1})
	if err != nil {
		return err
	}
	run := func(length time.Duration) (times []float64, err error) {
		for start := time.Now(); len(times) == 0 || time.Since(start) < length; {
			took, err := call.ask(r.Socket)
			if err != nil {
				return nil, err
			}
			times = append(times, took)
		}
		return times, nil
	}
	if _, err := run(p.length()); err != nil { // once, uncounted
		return err
	}
	var halves, allocations []float64
	for range p.pairs {
		var made [3]float64 // asking for it makes many: what the first two differ by
		var times []float64
		for i := range made {
			if i == 2 {
				if times, err = run(p.length()); err != nil {
					return err
				}
			}
			if made[i], err = r.Metric("go_memstats_mallocs_total"); err != nil {
				return err
			}
		}
		slices.Sort(times)
		halves = append(halves, percentile(times, 0.50))
		allocations = append(allocations, (made[2]-made[1]-(made[1]-made[0]))/float64(len(times)))
	}
	figure("fs_socket_p50_us", median(halves), "µs")
	figure("fs_socket_p50_us_least", slices.Min(halves), "µs")
	figure("fs_socket_p50_us_most", slices.Max(halves), "µs")
	figure("fs_socket_allocs", median(allocations), "allocations")
	held, err := call.hold(r, p.sockets)
	if err != nil {
		return err
	}
	figure("fs_socket_held_mb", held, "MB")
	return nil
}

// socketCall is what a switch was recorded to say of a call, with another caller
// each time.
type socketCall struct {
	text    []byte
	at      []int
	callers *callers
	buf     []byte
}

func socketCallOf(who *callers) (*socketCall, error) {
	s, err := esltest.Load("20-out-sync-reject")
	if err != nil {
		return nil, err
	}
	text := strings.NewReplacer(
		"2155551212", callerMark,
		"g_sync_9090", "%2B12125557100",
		"eeee953f-uac", "bench-"+callerMark,
	).Replace(string(s.Turns[1].Bytes))
	return &socketCall{text: []byte(text), at: marks([]byte(text), callerMark), callers: who, buf: make([]byte, 4096)}, nil
}

// The parts of the conversation.
var (
	greeting = []byte("connect\n\n")
	respond  = []byte("execute-app-name:respond\n")
	parting  = []byte("exit\n\n")
)

// greeted dials and reads the greeting.
func (k *socketCall) greeted(address string) (net.Conn, error) {
	c, err := net.Dial("tcp4", address)
	if err != nil {
		return nil, err
	}
	err = c.SetDeadline(time.Now().Add(time.Minute))
	if err == nil {
		_, err = io.ReadFull(c, k.buf[:len(greeting)])
	}
	if err == nil && !bytes.Equal(k.buf[:len(greeting)], greeting) {
		err = fmt.Errorf("the socket says %q", k.buf[:len(greeting)])
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// ask has one call blocked. The time is in µs, from when what the switch says of
// it begins to be written to the whole answer read.
func (k *socketCall) ask(address string) (took float64, err error) {
	c, err := k.greeted(address)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	k.callers.next(k.text, k.at)
	began := time.Now()
	if _, err := c.Write(k.text); err != nil {
		return 0, err
	}
	if err := k.blocked(c); err != nil {
		return 0, err
	}
	return float64(time.Since(began).Nanoseconds()) / 1e3, nil
}

// blocked reads an answer, which must block.
func (k *socketCall) blocked(c net.Conn) error {
	for n := 0; ; {
		read, err := c.Read(k.buf[n:])
		if err != nil {
			return err
		}
		if n += read; bytes.HasSuffix(k.buf[:n], parting) {
			if !bytes.Contains(k.buf[:n], respond) {
				return fmt.Errorf("not blocked: %q", k.buf[:n])
			}
			return nil
		}
	}
}

// hold has so many calls wait, each half described, and then answered. It is
// how much more memory the daemon had at most, in MB.
func (k *socketCall) hold(r *rig.Ringfence, calls int) (megabytes float64, err error) {
	before, err := memoryOf(r.PID(), "VmRSS")
	if err != nil {
		return 0, err
	}
	half := len(k.text) / 2
	var open []net.Conn
	defer func() {
		for _, c := range open {
			err = errors.Join(err, c.Close())
		}
	}()
	for range calls {
		c, err := k.greeted(r.Socket)
		if err != nil {
			return 0, fmt.Errorf("call %d: %w", len(open)+1, err)
		}
		open = append(open, c)
		if _, err := c.Write(k.text[:half]); err != nil {
			return 0, err
		}
	}
	for _, c := range open {
		if _, err := c.Write(k.text[half:]); err != nil {
			return 0, err
		}
	}
	for i, c := range open {
		if err := k.blocked(c); err != nil {
			return 0, fmt.Errorf("call %d of %d: %w", i+1, calls, err)
		}
	}
	peak, err := memoryOf(r.PID(), "VmHWM")
	return max(float64(peak)-float64(before), 0) / 1e6, err
}
