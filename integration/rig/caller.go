package rig

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PlaceOptions says how a request is placed. The zero value sends it once and
// has Patience.
type PlaceOptions struct {
	Source string        // address on loopback to call from; empty: 127.0.0.1
	Times  int           // how often the same request is sent at once, as a lost answer would make it; 0: 1
	Limit  time.Duration // how long to wait for a final answer
	Cancel bool          // the call is cancelled when it rings
	Hasty  bool          // the call is cancelled as soon as it may be, at the first 100 Trying
	Bye    bool          // BYE is sent when it rings, before the answer; the answered call is left at that
	Hold   bool          // an answered call stays up until HangUp; else it is hung up at once
}

// Result is what a caller saw.
type Result struct {
	Code      int
	Status    string // status line of the final response
	Reason    string // value of its Reason header, exactly as captured
	Final     []byte // the whole final response
	Responses [][]byte
	Latency   time.Duration // from the request to the final response

	line   *line
	invite []byte
	cseq   int
}

// Place sends a request to addr by "udp" or "tcp" exactly as it is, but for the
// caller's address, and waits for the final response. A refused call is
// acknowledged, an answered one acknowledged and hung up.
func Place(network, addr string, request []byte, o PlaceOptions) (*Result, error) {
	if o.Limit == 0 {
		o.Limit = Patience
	}
	l, err := dial(network, o.Source, addr)
	if err != nil {
		return nil, fmt.Errorf("caller: %w", err)
	}
	request = l.own(request)
	r := &Result{line: l, invite: bytes.TrimLeft(request, "\r\n"), cseq: 1}
	began := time.Now()
	for range max(1, o.Times) {
		if _, err := l.Write(request); err != nil {
			l.Close()
			return nil, fmt.Errorf("caller: %w", err)
		}
	}
	if err := r.await(began, o); err != nil {
		l.Close()
		return r, err
	}
	if method(r.invite) != "INVITE" {
		return r, l.Close()
	}
	if err := r.ack(); err != nil {
		return r, err
	}
	if r.Code < 300 {
		if o.Hold {
			return r, nil
		}
		if o.Bye {
			return r, l.Close()
		}
		_, err := r.HangUp()
		return r, err
	}
	return r, l.Close()
}

// await reads until the final response to the request.
func (r *Result) await(began time.Time, o PlaceOptions) error {
	want := Header(r.invite, "Call-ID")
	for {
		m, err := r.line.next(began.Add(o.Limit))
		if err != nil {
			return fmt.Errorf("caller: no final response: %w", err)
		}
		if status(m) == 0 || Header(m, "Call-ID") != want || method(m) == "CANCEL" || o.Bye && method(m) == "BYE" {
			continue
		}
		r.Responses = append(r.Responses, m)
		if o.Hasty && status(m) == 100 || o.Cancel && status(m) > 100 && status(m) < 200 {
			if _, err := r.line.Write(r.hop("CANCEL", Header(r.invite, "To"))); err != nil {
				return fmt.Errorf("caller: CANCEL: %w", err)
			}
		}
		if o.Bye && status(m) > 100 && status(m) < 200 {
			r.Final, r.cseq = m, 2
			if _, err := r.line.Write(r.within("BYE", r.cseq, nil)); err != nil {
				return fmt.Errorf("caller: BYE: %w", err)
			}
		}
		if status(m) >= 200 {
			r.Latency = time.Since(began)
			r.Code, r.Status, r.Reason, r.Final = status(m), FirstLine(m), Header(m, "Reason"), m
			return nil
		}
	}
}

// Request sends a request within the answered call and waits for its final
// response, answering what the other side asks meanwhile.
func (r *Result) Request(name string, headers ...string) ([]byte, error) {
	r.cseq++
	if _, err := r.line.Write(r.within(name, r.cseq, headers)); err != nil {
		return nil, fmt.Errorf("caller: %s: %w", name, err)
	}
	for deadline := time.Now().Add(Patience); ; {
		m, err := r.line.next(deadline)
		if err != nil {
			return nil, fmt.Errorf("caller: no answer to %s: %w", name, err)
		}
		if status(m) == 0 {
			if method(m) != "ACK" {
				_, _ = r.line.Write(respond(m, "200 OK", "", nil, ""))
			}
			continue
		}
		if method(m) == name && status(m) >= 200 {
			if name == "INVITE" {
				_, err = r.line.Write(r.within("ACK", r.cseq, nil))
			}
			return m, err
		}
	}
}

// HangUp sends BYE and waits for its answer, which it returns.
func (r *Result) HangUp() ([]byte, error) {
	defer r.line.Close()
	return r.Request("BYE")
}

// AwaitRequest waits for a request from the other side of an answered call and
// says 200 to it.
func (r *Result) AwaitRequest() ([]byte, error) {
	for deadline := time.Now().Add(Patience); ; {
		m, err := r.line.next(deadline)
		if err != nil {
			return nil, fmt.Errorf("caller: no request: %w", err)
		}
		if status(m) == 0 {
			_, err = r.line.Write(respond(m, "200 OK", "", nil, ""))
			return m, err
		}
	}
}

// Close forgets the call without a word.
func (r *Result) Close() error { return r.line.Close() }

// ack acknowledges the final response: of a refusal within its transaction, of
// an answer along the route.
func (r *Result) ack() error {
	var m []byte
	if r.Code < 300 {
		m = r.within("ACK", 1, nil)
	} else {
		m = r.hop("ACK", Header(r.Final, "To"))
	}
	if _, err := r.line.Write(m); err != nil {
		return fmt.Errorf("caller: ACK: %w", err)
	}
	return nil
}

// hop is a request of the INVITE's own transaction: a CANCEL, or the ACK of a refusal.
func (r *Result) hop(name, to string) []byte {
	_, target, _ := strings.Cut(FirstLine(r.invite), " ")
	var lines []string
	for _, v := range Headers(r.invite, "Route") {
		lines = append(lines, "Route: "+v)
	}
	number, _, _ := strings.Cut(Header(r.invite, "CSeq"), " ")
	cseq, _ := strconv.Atoi(number)
	return r.compose(name, strings.TrimSuffix(target, " SIP/2.0"), Header(r.invite, "Via"), to, cseq, lines)
}

// within is a request of the dialog that the final response made.
func (r *Result) within(name string, cseq int, extra []string) []byte {
	via := "SIP/2.0/UDP " + r.line.addr() + ";branch=z9hG4bK" + token() + ";rport"
	var lines []string
	route := Headers(r.Final, "Record-Route")
	slices.Reverse(route)
	for _, v := range route {
		lines = append(lines, "Route: "+v)
	}
	return r.compose(name, uri(Header(r.Final, "Contact")), via, Header(r.Final, "To"), cseq, append(lines, extra...))
}

func (r *Result) compose(name, target, via, to string, cseq int, extra []string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\n", name, target, via)
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\n", Header(r.invite, "From"), to)
	fmt.Fprintf(&b, "Call-ID: %s\r\nCSeq: %d %s\r\n", Header(r.invite, "Call-ID"), cseq, name)
	body := ""
	if name == "INVITE" {
		fmt.Fprintf(&b, "Contact: %s\r\nContent-Type: application/sdp\r\n", Header(r.invite, "Contact"))
		body = SDP
	}
	for _, l := range extra {
		b.WriteString(l + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.Bytes()
}

// line is a caller's connection to the switch.
type line struct {
	net.Conn
	stream *bufio.Reader // nil for UDP
}

func dial(network, source, addr string) (*line, error) {
	var d net.Dialer
	switch {
	case source == "":
	case network == "tcp":
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
	default:
		d.LocalAddr = &net.UDPAddr{IP: net.ParseIP(source)}
	}
	c, err := d.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: c}
	if network == "tcp" {
		l.stream = bufio.NewReader(c)
	}
	return l, nil
}

func (l *line) addr() string { return l.LocalAddr().String() }

// own puts the caller's address and transport into a request.
func (l *line) own(request []byte) []byte {
	request = bytes.ReplaceAll(request, []byte(here), []byte(l.addr()))
	if l.stream != nil {
		request = bytes.Replace(request, []byte("SIP/2.0/UDP "), []byte("SIP/2.0/TCP "), 1)
	}
	return request
}

// next is the next message from the switch.
func (l *line) next(deadline time.Time) ([]byte, error) {
	if err := l.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	if l.stream == nil {
		b := make([]byte, 65536)
		n, err := l.Read(b)
		return b[:n], err
	}
	var m []byte
	length := 0
	for {
		s, err := l.stream.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		m = append(m, s...)
		if name, v, ok := strings.Cut(string(s), ":"); ok && strings.EqualFold(name, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		if string(s) == "\r\n" && len(m) > 2 {
			break
		}
	}
	body := make([]byte, length)
	_, err := io.ReadFull(l.stream, body)
	return append(m, body...), err
}
