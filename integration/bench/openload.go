package main

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// openLoad asks a decision endpoint at a fixed rate, however long answers take:
// a time counts from when its request was due, so that what waited behind a slow
// answer counts as slow, too.
type openLoad struct {
	address string
	conns   int
	rate    float64 // requests a second over all connections
	callers *callers
	wait    time.Duration // for an answer
	ended   *atomic.Bool  // ends the load
}

func (l openLoad) run(cpu func() (time.Duration, error)) (sample, error) {
	return drive(l.conns, cpu, l.connection)
}

// connection asks until the load has ended. A request that fails or is answered
// too late is lost; the next one goes over a new connection.
func (l openLoad) connection(start time.Time) (times []float64, s sample, err error) {
	c, err := net.Dial("tcp4", l.address)
	if err != nil {
		return nil, s, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	r := requestOf(l.address, invite700("127.0.0.9:5060"))
	times = make([]float64, 0, 1<<18)
	buf := make([]byte, 4096)
	pause := time.Duration(float64(time.Second) * float64(l.conns) / l.rate)
	for due := start; !l.ended.Load(); due = due.Add(pause) {
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		l.callers.next(r.text, r.at)
		if l.ask(c, r.text, buf) != nil {
			s.lost++
			next, err := net.Dial("tcp4", l.address)
			if err != nil {
				return times, s, err
			}
			c.Close()
			c = next
			continue
		}
		times = append(times, float64(time.Since(due).Nanoseconds())/1000)
	}
	return times, s, nil
}

func (l openLoad) ask(c net.Conn, request, buf []byte) error {
	if err := c.SetDeadline(time.Now().Add(l.wait)); err != nil {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	return readAnswer(c, buf, isDecision)
}
