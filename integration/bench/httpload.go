package main

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"time"

	"ringfence/integration/rig"
)

// httpLoad asks a decision endpoint over keep-alive connections, each with one
// request on the way at a time, and with a caller that was not asked about before.
type httpLoad struct {
	address string
	conns   int
	rate    float64       // requests a second over all connections, 0: as fast as answers come
	length  time.Duration // of the run
	callers *callers
	callees *callers // who is called, a number that was not called before; nil: always the same one

	requests func() []request        // asked in turn, those of the INVITE when nil; each connection has its own
	accept   func(body []byte) error // of an answer with status 200, isDecision when nil
}

// request is a whole HTTP request; the caller's ten national digits stand at each
// of at, the callee's at each of to.
type request struct {
	text   []byte
	at, to []int
}

// requestOf asks about the INVITE.
func requestOf(address string, invite []byte) request {
	head := "POST /kamailio/call?src=127.0.0.9&port=5060&ruri=sip%3a%2b12125557100%40127.0.0.1 HTTP/1.1\r\nHost: " + address +
		"\r\nContent-Type: application/sip\r\nContent-Length: " + strconv.Itoa(len(invite)) + "\r\n\r\n"
	text := append([]byte(head), invite...)
	return request{text, marks(text, callerMark), marks(text, calleeMark)}
}

func (l httpLoad) run(cpu func() (time.Duration, error)) (sample, error) {
	return drive(l.conns, cpu, l.connection)
}

// connection asks until the run is over; the times are in µs from the last byte
// written to the whole answer read.
func (l httpLoad) connection(start time.Time) (times []float64, s sample, err error) {
	c, err := net.Dial("tcp4", l.address)
	if err != nil {
		return nil, s, err
	}
	defer c.Close()
	if err := c.SetDeadline(start.Add(l.length + rig.Patience)); err != nil {
		return nil, s, err
	}
	requests, accept := []request{requestOf(l.address, invite700("127.0.0.9:5060"))}, l.accept
	if l.requests != nil {
		requests = l.requests()
	}
	if accept == nil {
		accept = isDecision
	}
	times = make([]float64, 0, 1<<18)
	buf := make([]byte, 4096)
	pause := time.Duration(0)
	if l.rate > 0 {
		pause = time.Duration(float64(time.Second) * float64(l.conns) / l.rate)
	}
	for next := start; ; next = next.Add(pause) {
		if wait := time.Until(next); pause > 0 && wait > 0 {
			time.Sleep(wait)
		}
		sent := time.Now()
		if sent.Sub(start) >= l.length {
			return times, s, nil
		}
		r := requests[len(times)%len(requests)]
		l.callers.next(r.text, r.at)
		if l.callees != nil {
			l.callees.next(r.text, r.to)
		}
		if _, err := c.Write(r.text); err != nil {
			return nil, s, err
		}
		if err := readAnswer(c, buf, accept); err != nil {
			return nil, s, err
		}
		times = append(times, float64(time.Since(sent).Nanoseconds())/1000)
	}
}

// isDecision accepts an answer of docs/http.md.
func isDecision(body []byte) error {
	if !bytes.HasPrefix(body, []byte("1 ")) {
		return fmt.Errorf("not a decision: %q", body)
	}
	return nil
}

// readAnswer reads one whole response, which must be 200 and accepted.
func readAnswer(c net.Conn, buf []byte, accept func(body []byte) error) error {
	n := 0
	for {
		k, err := c.Read(buf[n:])
		if err != nil {
			return err
		}
		n += k
		head, body, ok := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
		if !ok {
			continue
		}
		_, rest, ok := bytes.Cut(head, []byte("Content-Length: "))
		if !ok {
			return fmt.Errorf("an answer without Content-Length: %q", head)
		}
		digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
		size, err := strconv.Atoi(string(digits))
		if err != nil || size > len(buf) {
			return fmt.Errorf("an answer with Content-Length %q", digits)
		}
		if len(body) < size {
			continue
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("not a decision: %q", buf[:n])
		}
		return accept(body)
	}
}
