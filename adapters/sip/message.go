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
	ErrCR         = errors.New("a CR without its LF in the headers")
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
	Attestation string // P-Attestation-Indicator and Attestation-Info values, joined by ","

	raw      string
	fields   []field
	asserted int
	returns  int  // CRs that ended a line
	history  bool // a History-Info is there
	private  bool // Privacy is to be joined from several or odd values
	attested int  // headers that Attestation is to be joined from
}

// field is one header field, as offsets into Message.raw: 16 bytes for at
// least 2 of the request. Its value is all between the colon and the end.
type field struct {
	start, colon, end uint32
	folded            bool // it has more than one line
}

// keptFields is how many fields a Message keeps room for between requests.
const keptFields = 256

// Reset makes m ready for another request and lets go of the last one's text.
func (m *Message) Reset() {
	fields := m.fields[:0]
	if cap(fields) > keptFields {
		fields = nil
	}
	*m = Message{}
	m.fields = fields
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
	end, next := m.lineEnd(at)
	if !m.requestLine(raw[at:end]) {
		return ErrNotRequest
	}
	if next >= 0 {
		next = m.headers(next)
	}
	switch {
	case next < 0:
		return ErrCut
	case strings.Count(raw[at:next], "\r") != m.returns:
		return ErrCR
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
	if m.attested > 1 {
		m.Attestation = m.joinAttestation()
	}
	if m.history && m.Diversion.IsZero() {
		m.Diversion = m.divertingTarget()
	}
	return nil
}

// lineEnd is where the line at an offset ends, and the offset of the next one;
// -1 when it is cut. LF alone ends a line too, as switches have it.
func (m *Message) lineEnd(start int) (end, next int) {
	n := strings.IndexByte(m.raw[start:], '\n')
	if n < 0 {
		return len(m.raw), -1
	}
	end = start + n
	next = end + 1
	if end > start && m.raw[end-1] == '\r' {
		end--
		m.returns++
	}
	return end, next
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
	return len(version) > 4 && equalFold(version[:4], "SIP/") && m.RequestURI != "" && IsToken(m.Method)
}

// headers reads the header fields from an offset on, and is the offset after the
// blank line that ends them; -1 when that is not there.
func (m *Message) headers(at int) (body int) {
	raw := m.raw
	for at < len(raw) {
		end, next := m.lineEnd(at)
		if next < 0 {
			return -1
		}
		if end == at {
			return next
		}
		folded := false
		for next < len(raw) && (raw[next] == ' ' || raw[next] == '\t') {
			folded = true
			if end, next = m.lineEnd(next); next < 0 {
				return -1
			}
		}
		if colon := strings.IndexByte(raw[at:end], ':'); colon >= 0 {
			m.field(field{uint32(at), uint32(at + colon), uint32(end), folded})
		}
		at = next
	}
	return -1
}

// field takes in a header field. One without a name is passed over.
func (m *Message) field(f field) {
	name := FullName(m.name(&f))
	if name == "" || IsSecret(name) {
		return
	}
	m.fields = append(m.fields, f)
	m.take(name, &f)
}

// name is a field's name as written, value its value, unfolded; both trimmed.
func (m *Message) name(f *field) string { return trim(m.raw[f.start:f.colon]) }

func (m *Message) value(f *field) string {
	s := m.raw[f.colon+1 : f.end]
	if f.folded {
		return unfold(s)
	}
	return trim(s)
}

// take sets the attribute that a header field holds. Of a header that may stand
// only once, the first one counts, as it does in a switch.
func (m *Message) take(name string, f *field) {
	switch len(name) {
	case len("To"):
		if equalFold(name, "To") && m.To.IsZero() {
			m.To.parse(m.value(f))
		}
	case len("From"): // and CSeq
		if equalFold(name, "From") && m.From.IsZero() {
			m.From.parse(m.value(f))
			m.FromTag, _ = m.From.Param("tag")
		} else if equalFold(name, "CSeq") && m.CSeq == 0 {
			m.CSeq = leadingNumber(m.value(f))
		}
	case len("Call-ID"): // and Privacy
		if equalFold(name, "Call-ID") && m.CallID == "" {
			m.CallID = m.value(f)
		} else if equalFold(name, "Privacy") {
			value := m.value(f)
			m.private = m.private || m.Privacy != "" || strings.ContainsAny(value, " \t,")
			m.Privacy = value
		}
	case len("Priority"):
		if equalFold(name, "Priority") && m.Priority == "" {
			m.Priority = m.value(f)
		}
	case len("Diversion"):
		if equalFold(name, "Diversion") && m.Diversion.IsZero() {
			m.Diversion = FirstAddress(m.value(f))
		}
	case len("User-Agent"):
		if equalFold(name, "User-Agent") && m.UserAgent == "" {
			m.UserAgent = m.value(f)
		}
	case len("History-Info"):
		m.history = m.history || equalFold(name, "History-Info")
	case len("Remote-Party-ID"):
		if equalFold(name, "Remote-Party-ID") && m.RemoteParty.IsZero() {
			m.takeRemoteParty(m.value(f))
		}
	case len("Attestation-Info"), len("P-Attestation-Indicator"):
		if isAttestation(name) {
			m.Attestation = m.value(f)
			m.attested++
		}
	case len("P-Asserted-Identity"):
		if equalFold(name, "P-Asserted-Identity") {
			m.takeAsserted(m.value(f))
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
	m.RemoteParty.parse(value)
	if party, ok := m.RemoteParty.Param("party"); ok && !equalFold(party, "calling") {
		m.RemoteParty = Address{}
	}
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

// IsToken tells whether s can be a method or the name of a header (RFC 3261
// §25.1).
func IsToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (lower(c) < 'a' || lower(c) > 'z') && (c < '0' || c > '9') && strings.IndexByte("-.!%*_+`'~", c) < 0 {
			return false
		}
	}
	return s != ""
}
