package rig

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Answer is how a carrier answers the calls to one number.
type Answer struct {
	Status  string   // "404 Not Found"; empty: 200 OK
	Headers []string // more header lines of the final response
	Ring    bool     // 180 Ringing first, and what follows some milliseconds later
	HangUp  bool     // an answered call is hung up by the carrier, some milliseconds after it is acknowledged
	Silent  bool     // no answer at all
}

// Carrier is a SIP user agent behind the switch, by UDP on loopback. It answers
// by the called number and keeps every request, one that comes again only once: a
// switch that had to wait for an answer sends it again.
type Carrier struct {
	Addr string // host:port

	conn    *net.UDPConn
	done    chan struct{}
	answers map[string]Answer

	mu   sync.Mutex
	seen [][]byte
	late sync.WaitGroup // what comes after ringing
}

// ringing is how long a phone rings, and how long the carrier talks: long enough
// that a switch with several workers hardly ever handles the answer before the
// ringing, or the end before the answer. One with a single worker never does.
const ringing = 30 * time.Millisecond

// StartCarrier starts a carrier. Numbers that answers doesn't name are answered at once.
func StartCarrier(answers map[string]Answer) (*Carrier, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("carrier: %w", err)
	}
	_ = conn.SetReadBuffer(4 << 20)
	c := &Carrier{Addr: conn.LocalAddr().String(), conn: conn, done: make(chan struct{}), answers: answers}
	go c.serve()
	return c, nil
}

// Stop ends the carrier and waits for it.
func (c *Carrier) Stop() error {
	err := c.conn.Close()
	<-c.done
	c.late.Wait()
	return err
}

func (c *Carrier) serve() {
	defer close(c.done)
	b := make([]byte, 65536)
	for {
		n, from, err := c.conn.ReadFromUDP(b)
		if err != nil {
			return
		}
		c.handle(bytes.Clone(b[:n]), from)
	}
}

func (c *Carrier) handle(m []byte, from *net.UDPAddr) {
	if status(m) != 0 {
		return
	}
	again := c.keep(m)
	to := user(uri(Header(m, "To")))
	a := c.answers[to]
	send := func(b []byte) {
		if b != nil {
			_, _ = c.conn.WriteToUDP(b, from)
		}
	}
	switch name := method(m); {
	case name == "ACK":
		if a.HangUp && a.Status == "" {
			c.late.Go(func() {
				time.Sleep(ringing)
				send(c.bye(Header(m, "Call-ID")))
			})
		}
	case name == "CANCEL":
		send(respond(m, "200 OK", "", nil, ""))
		if invite := c.invite(Header(m, "Call-ID")); invite != nil {
			send(respond(invite, "487 Request Terminated", c.tag(), nil, ""))
		}
	case name != "INVITE":
		send(respond(m, "200 OK", "", nil, ""))
	case !a.Ring:
		send(c.final(m, a))
	case !again:
		send(respond(m, "180 Ringing", c.tag(), []string{c.contact()}, ""))
		c.late.Go(func() {
			time.Sleep(ringing)
			send(c.final(m, a))
		})
	}
}

// final is the final response to an INVITE, nil from a silent carrier.
func (c *Carrier) final(invite []byte, a Answer) []byte {
	switch {
	case a.Silent:
		return nil
	case a.Status != "":
		return respond(invite, a.Status, c.tag(), a.Headers, "")
	}
	return respond(invite, "200 OK", c.tag(), append([]string{c.contact()}, a.Headers...), SDP)
}

func (c *Carrier) contact() string { return "Contact: <sip:callee@" + c.Addr + ">" }

func (c *Carrier) tag() string { return "carrier" }

// keep stores a request and says whether the same one came before.
func (c *Carrier) keep(m []byte) (again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.seen[max(0, len(c.seen)-64):] {
		if bytes.Equal(s, m) {
			return true
		}
	}
	c.seen = append(c.seen, m)
	return false
}

// invite is the first INVITE of a call, nil when there is none.
func (c *Carrier) invite(callID string) []byte {
	for _, m := range c.Requests("INVITE") {
		if Header(m, "Call-ID") == callID {
			return m
		}
	}
	return nil
}

// bye is the carrier's own BYE of an answered call.
func (c *Carrier) bye(callID string) []byte {
	invite := c.invite(callID)
	var b bytes.Buffer
	fmt.Fprintf(&b, "BYE %s SIP/2.0\r\n", uri(Header(invite, "Contact")))
	fmt.Fprintf(&b, "Via: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\n", c.Addr, token())
	for _, v := range Headers(invite, "Record-Route") {
		fmt.Fprintf(&b, "Route: %s\r\n", v)
	}
	fmt.Fprintf(&b, "From: %s;tag=%s\r\nTo: %s\r\n", Header(invite, "To"), c.tag(), Header(invite, "From"))
	fmt.Fprintf(&b, "Call-ID: %s\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n", callID)
	return b.Bytes()
}

// Requests are all requests of that method so far, as they came.
func (c *Carrier) Requests(name string) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found [][]byte
	for _, m := range c.seen {
		if method(m) == name {
			found = append(found, m)
		}
	}
	return found
}

// Calls is how many calls to that number arrived.
func (c *Carrier) Calls(number string) int {
	calls := map[string]bool{}
	for _, m := range c.Requests("INVITE") {
		if user(uri(Header(m, "To"))) == number {
			calls[Header(m, "Call-ID")] = true
		}
	}
	return len(calls)
}

// Await waits for the INVITE of a call.
func (c *Carrier) Await(callID string) ([]byte, error) {
	var m []byte
	err := Wait(Patience, "carrier: INVITE of "+callID, func() bool {
		m = c.invite(callID)
		return m != nil
	})
	return m, err
}

// respond is a response to a request.
func respond(request []byte, statusLine, tag string, extra []string, body string) []byte {
	var b bytes.Buffer
	b.WriteString("SIP/2.0 " + statusLine + "\r\n")
	for _, name := range []string{"Via", "Record-Route", "From", "To", "Call-ID", "CSeq"} {
		for _, v := range Headers(request, name) {
			if name == "To" && tag != "" && !strings.Contains(v, ";tag=") {
				v += ";tag=" + tag
			}
			b.WriteString(name + ": " + v + "\r\n")
		}
	}
	for _, l := range extra {
		b.WriteString(l + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.Bytes()
}
