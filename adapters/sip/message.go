// Package sip reads SIP requests for what screening asks of them. It is no
// parser for a SIP stack: what a switch has accepted it reads as far as it can,
// and an odd part is an empty attribute, never an error.
package sip

import (
	"errors"
	"strconv"
	"strings"
)

// What no switch should forward. Everything else is read.
var (
	ErrNUL        = errors.New("a NUL byte in the request")
	ErrNotRequest = errors.New("not a SIP request: it begins with no METHOD URI SIP/2.0")
	ErrCut        = errors.New("the request ends before the blank line after its headers")
	ErrNoFrom     = errors.New("no From in the request")
	ErrNoCallID   = errors.New("no Call-ID in the request")
)

// Message is one SIP request. It may be reused for another Parse. Its strings
// are slices of the text that was parsed, but for values that were folded,
// escaped or joined.
type Message struct {
	Method     string
	RequestURI string // as written
	CallID     string
	CSeq       uint32 // 0 when it is missing or no number

	From        Address
	FromTag     string
	To          Address
	Asserted    [2]Address // P-Asserted-Identity in the order received, at most two (RFC 3325 §9.1)
	RemoteParty Address    // Remote-Party-ID with party=calling or no party
	Privacy     string     // Privacy values joined by ";", without blanks (RFC 3323 §4.2)
	Diversion   Address    // most recent diverting party: Diversion (RFC 5806), else History-Info (RFC 7044)
	UserAgent   string
	Priority    string

	raw      string
	fields   []field
	asserted int
	history  bool // a History-Info is there
	private  bool // Privacy is to be joined from several or odd values
}

// field is one header field, as offsets into Message.raw: 16 bytes for at
// least 2 of the request. The value is still folded.
type field struct{ name, nameEnd, value, valueEnd uint32 }

// keptFields is how many fields a Message keeps room for between requests.
const keptFields = 256

// Reset makes m ready for another request and lets go of the last one's text.
func (m *Message) Reset() {
	fields := m.fields[:0]
	if cap(fields) > keptFields {
		fields = nil
	}
	*m = Message{fields: fields}
}

// Parse reads a request. The error is nil or one of this package's; m is then
// of no use. The work is linear in the length of raw.
func (m *Message) Parse(raw string) error {
	if m.raw != "" {
		m.Reset()
	}
	m.raw = raw
	if strings.IndexByte(raw, 0) >= 0 {
		return ErrNUL
	}
	at := 0
	for at < len(raw) && (raw[at] == '\r' || raw[at] == '\n') {
		at++ // RFC 3261 §7.5
	}
	line, at := m.line(at)
	if !m.requestLine(line) {
		return ErrNotRequest
	}
	if !m.headers(at) {
		return ErrCut
	}
	if m.From.IsZero() && !m.has("From") {
		return ErrNoFrom
	}
	if m.CallID == "" {
		return ErrNoCallID
	}
	if m.private {
		m.Privacy = m.joinPrivacy()
	}
	if m.history && m.Diversion.IsZero() {
		m.Diversion = m.divertingTarget()
	}
	return nil
}

// line is the line at an offset, without its end, and the offset of the next
// one; -1 when it is cut. LF alone ends a line too, as switches have it.
func (m *Message) line(at int) (line string, next int) {
	end := strings.IndexByte(m.raw[at:], '\n')
	if end < 0 {
		return m.raw[at:], -1
	}
	next = at + end + 1
	line = m.raw[at : next-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, next
}

// requestLine reads "INVITE sip:bob@example.net SIP/2.0", blanks wherever a
// switch lets them pass, and tells whether it is one.
func (m *Message) requestLine(line string) bool {
	line = trim(line)
	first, last := strings.IndexByte(line, ' '), strings.LastIndexByte(line, ' ')
	if first < 0 || first == last {
		return false
	}
	m.Method, m.RequestURI = line[:first], trim(line[first:last])
	version := line[last+1:]
	return len(version) > 4 && equalFold(version[:4], "SIP/") && m.RequestURI != "" && isToken(m.Method)
}

// headers reads the header fields from an offset on and tells whether the blank
// line that ends them is there.
func (m *Message) headers(at int) bool {
	for at >= 0 && at < len(m.raw) {
		start := at
		line, next := m.line(at)
		if next < 0 {
			return false
		}
		if line == "" {
			return true
		}
		end := start + len(line)
		for next < len(m.raw) && (m.raw[next] == ' ' || m.raw[next] == '\t') {
			at = next
			if line, next = m.line(at); next < 0 {
				return false
			}
			end = at + len(line)
		}
		m.field(start, end)
		at = next
	}
	return false
}

// field takes in the header field at the offsets. One without a colon or a
// name is passed over.
func (m *Message) field(start, end int) {
	colon := strings.IndexByte(m.raw[start:end], ':')
	if colon < 0 {
		return
	}
	name := fullName(trim(m.raw[start : start+colon]))
	if name == "" || isSecret(name) {
		return
	}
	value := start + colon + 1
	m.fields = append(m.fields, field{uint32(start), uint32(start + colon), uint32(value), uint32(end)})
	m.take(name, m.raw[value:end])
}

// take sets the attribute that a header field holds. Of a header that may stand
// only once, the first one counts, as it does in a switch.
func (m *Message) take(name, value string) {
	switch len(name) {
	case len("To"):
		if equalFold(name, "To") && m.To.IsZero() {
			m.To.parse(unfold(value))
		}
	case len("From"): // and CSeq
		if equalFold(name, "From") && m.From.IsZero() {
			m.From.parse(unfold(value))
			m.FromTag, _ = m.From.Param("tag")
		} else if equalFold(name, "CSeq") && m.CSeq == 0 {
			m.CSeq = leadingNumber(unfold(value))
		}
	case len("Call-ID"): // and Privacy
		if equalFold(name, "Call-ID") && m.CallID == "" {
			m.CallID = unfold(value)
		} else if equalFold(name, "Privacy") {
			value = unfold(value)
			m.private = m.private || m.Privacy != "" || strings.ContainsAny(value, " \t,")
			m.Privacy = value
		}
	case len("Priority"):
		if equalFold(name, "Priority") && m.Priority == "" {
			m.Priority = unfold(value)
		}
	case len("Diversion"):
		if equalFold(name, "Diversion") && m.Diversion.IsZero() {
			m.Diversion.parse(unfold(value))
		}
	case len("User-Agent"):
		if equalFold(name, "User-Agent") && m.UserAgent == "" {
			m.UserAgent = unfold(value)
		}
	case len("History-Info"):
		m.history = m.history || equalFold(name, "History-Info")
	case len("Remote-Party-ID"):
		if equalFold(name, "Remote-Party-ID") && m.RemoteParty.IsZero() {
			m.takeRemoteParty(unfold(value))
		}
	case len("P-Asserted-Identity"):
		if equalFold(name, "P-Asserted-Identity") {
			m.takeAsserted(unfold(value))
		}
	}
}

func (m *Message) takeAsserted(value string) {
	l := list{rest: value, separator: ','}
	for l.rest != "" && m.asserted < len(m.Asserted) {
		a := &m.Asserted[m.asserted]
		if l.address(a); a.IsZero() {
			*a = Address{}
			continue
		}
		m.asserted++
	}
}

func (m *Message) takeRemoteParty(value string) {
	l := list{rest: value, separator: ','}
	for l.rest != "" {
		l.address(&m.RemoteParty)
		if party, ok := m.RemoteParty.Param("party"); !m.RemoteParty.IsZero() && (!ok || equalFold(party, "calling")) {
			return
		}
	}
	m.RemoteParty = Address{}
}

// leadingNumber is the number that s begins with, 0 when there is none or it is
// larger than CSeq may be.
func leadingNumber(s string) uint32 {
	end := 0
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(s[:end], 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// isToken tells whether s can be a method (RFC 3261 §25.1).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (lower(c) < 'a' || lower(c) > 'z') && (c < '0' || c > '9') && strings.IndexByte("-.!%*_+`'~", c) < 0 {
			return false
		}
	}
	return s != ""
}
