package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"ringfence/integration/rig"
)

// sipLoad places calls that the switch refuses by itself: INVITE, final answer,
// ACK; each worker has its own socket and one call on the way at a time.
type sipLoad struct {
	address string
	workers int
	rate    float64 // calls a second over all workers; 0: as fast as they are answered
	length  time.Duration
	want    string // how the final status line begins
	offer   bool   // INVITEs offer a session, without which FreeSWITCH refuses them
	callers *callers
}

// Timers of a UAC over UDP (RFC 3261 §17.1.1.2): the first retransmission, and
// how long a call may take before it counts as lost.
const (
	timerA     = 500 * time.Millisecond
	lostBeyond = 64 * timerA // timer B
)

func (l sipLoad) run(cpu func() (time.Duration, error)) (sample, error) {
	return drive(l.workers, cpu, l.worker)
}

func (l sipLoad) worker(start time.Time) (times []float64, s sample, err error) {
	c, err := net.Dial("udp4", l.address)
	if err != nil {
		return nil, s, err
	}
	defer c.Close()
	invite := invite700(c.LocalAddr().String())
	if l.offer {
		invite = offering(invite)
	}
	at := marks(invite, callerMark)
	ack := ackOf(invite)
	ackAt := marks(ack, callerMark)
	buf := make([]byte, 4096)
	pause, next := time.Duration(0), start
	if l.rate > 0 {
		pause = time.Duration(float64(time.Second) * float64(l.workers) / l.rate)
		next = start.Add(rand.N(pause)) // so that workers don't call all at once
	}
	for ; ; next = next.Add(pause) {
		if wait := time.Until(next); pause > 0 && wait > 0 {
			time.Sleep(wait)
		}
		sent := time.Now()
		if sent.Sub(start) >= l.length {
			return times, s, nil
		}
		l.callers.next(invite, at)
		for i, k := range ackAt {
			copy(ack[k:k+10], invite[at[i]:at[i]+10])
		}
		status, retries, err := ask(c, invite, invite[at[0]:at[0]+10], buf)
		s.retries += retries
		if err != nil {
			s.lost++
			continue
		}
		times = append(times, float64(time.Since(sent).Nanoseconds())/1000)
		if !bytes.HasPrefix(status, []byte(l.want)) {
			return nil, s, fmt.Errorf("a call was answered %q, want %q", status, l.want)
		}
		if _, err := c.Write(ack); err != nil {
			return nil, s, err
		}
	}
}

// ask sends the INVITE, again after each timer, until a final answer of its own
// transaction came; digits tell it from an earlier call's.
func ask(c net.Conn, invite, digits, buf []byte) (status []byte, retries int, err error) {
	begun := time.Now()
	for wait := timerA; time.Since(begun) < lostBeyond; wait *= 2 {
		if _, err := c.Write(invite); err != nil {
			return nil, retries, err
		}
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return nil, retries, err
		}
		for {
			n, err := c.Read(buf)
			if err != nil {
				break // the timer
			}
			status, rest, _ := bytes.Cut(buf[:n], []byte("\r\n"))
			if bytes.Contains(rest, digits) && !bytes.HasPrefix(status, []byte("SIP/2.0 1")) {
				return status, retries, nil
			}
		}
		retries++
	}
	return nil, retries, errors.New("no final answer")
}

// offering is an INVITE with a session in place of its empty body.
func offering(invite []byte) []byte {
	head := bytes.TrimSuffix(invite, []byte("Content-Length: 0\r\n\r\n"))
	return fmt.Appendf(head, "Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(rig.SDP), rig.SDP)
}

// marks finds every mark.
func marks(message []byte, mark string) (at []int) {
	for from := 0; ; {
		i := bytes.Index(message[from:], []byte(mark))
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(mark)
	}
}

// ackOf is the ACK of a refused INVITE (RFC 3261 §17.1.1.3), marks in the same order.
func ackOf(invite []byte) []byte {
	var ack bytes.Buffer
	for line := range bytes.Lines(invite) {
		switch {
		case bytes.HasPrefix(line, []byte("INVITE ")):
			ack.WriteString("ACK " + string(line[len("INVITE "):]))
		case bytes.HasPrefix(line, []byte("CSeq:")):
			ack.WriteString("CSeq: 1 ACK\r\n")
		case bytes.HasPrefix(line, []byte("Via:")), bytes.HasPrefix(line, []byte("Max-Forwards:")), bytes.HasPrefix(line, []byte("From:")),
			bytes.HasPrefix(line, []byte("To:")), bytes.HasPrefix(line, []byte("Call-ID:")):
			ack.Write(line)
		}
	}
	ack.WriteString("Content-Length: 0\r\n\r\n")
	return ack.Bytes()
}
