package rig

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Request is a SIP request to place. The zero value of a field gives an ordinary
// one; what stands in a field goes on the wire as it is.
type Request struct {
	Method  string   // INVITE
	URI     string   // sip:12025550200@127.0.0.1
	From    string   // value of From without tag: <sip:13015550299@127.0.0.1>
	To      string   // value of To: <URI>
	CallID  string   // a random one
	Headers []string // more header lines, without line end
	Body    string   // a small SDP for an INVITE
}

// SDP is the session that a caller offers and a carrier answers with.
const SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

// here stands for the caller's address in a Request; Place fills it in.
const here = "127.0.0.1:0000000"

// Bytes is the request as it goes on the wire, but for the caller's own address,
// which Place fills in.
func (r Request) Bytes() []byte {
	if r.Method == "" {
		r.Method = "INVITE"
	}
	if r.URI == "" {
		r.URI = "sip:12025550200@127.0.0.1"
	}
	if r.From == "" {
		r.From = "<sip:13015550299@127.0.0.1>"
	}
	if r.To == "" {
		r.To = "<" + r.URI + ">"
	}
	if r.CallID == "" {
		r.CallID = token()
	}
	if r.Body == "" && r.Method == "INVITE" {
		r.Body = SDP
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", r.Method, r.URI)
	fmt.Fprintf(&b, "Via: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\n", here, token())
	fmt.Fprintf(&b, "Max-Forwards: 70\r\n")
	fmt.Fprintf(&b, "From: %s;tag=%s\r\n", r.From, token())
	fmt.Fprintf(&b, "To: %s\r\n", r.To)
	fmt.Fprintf(&b, "Call-ID: %s\r\n", r.CallID)
	fmt.Fprintf(&b, "CSeq: 1 %s\r\n", r.Method)
	if !hasHeader(r.Headers, "Contact") {
		fmt.Fprintf(&b, "Contact: <sip:caller@%s>\r\n", here)
	}
	for _, h := range r.Headers {
		b.WriteString(h + "\r\n")
	}
	if r.Body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.Body), r.Body)
	return b.Bytes()
}

func hasHeader(lines []string, name string) bool {
	for _, l := range lines {
		if n, _, _ := strings.Cut(l, ":"); strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// token is a random word for tags, branches and Call-IDs. It has no digits, so
// that a search for a number in a message finds the number only.
func token() string {
	b := make([]byte, 16)
	for i := range b {
		b[i] = 'a' + byte(rand.IntN(26))
	}
	return string(b)
}

// Header is the value of the first header of that name, exactly as it stands in
// the message, or "".
func Header(message []byte, name string) string {
	if v := Headers(message, name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// Headers are the values of all headers of that name, in order.
func Headers(message []byte, name string) []string {
	head, _, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	var values []string
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			values = append(values, strings.TrimPrefix(v, " "))
		}
	}
	return values
}

// FirstLine is the request line or status line of a message.
func FirstLine(message []byte) string {
	line, _, _ := bytes.Cut(message, []byte("\r\n"))
	return string(line)
}

// status is the code of a response, 0 for a request.
func status(message []byte) int {
	f := strings.SplitN(FirstLine(message), " ", 3)
	if len(f) < 2 || f[0] != "SIP/2.0" {
		return 0
	}
	code, _ := strconv.Atoi(f[1])
	return code
}

// method is the method of a request, or of the CSeq of a response.
func method(message []byte) string {
	if status(message) == 0 {
		m, _, _ := strings.Cut(FirstLine(message), " ")
		return m
	}
	_, m, _ := strings.Cut(Header(message, "CSeq"), " ")
	return m
}

// uri is what stands between the first < and >, or the value up to its first parameter.
func uri(value string) string {
	if _, rest, ok := strings.Cut(value, "<"); ok {
		u, _, _ := strings.Cut(rest, ">")
		return u
	}
	u, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(u)
}

// user is the user part of a SIP URI or the number of a tel URI.
func user(u string) string {
	_, rest, _ := strings.Cut(u, ":")
	rest, _, _ = strings.Cut(rest, "@")
	rest, _, _ = strings.Cut(rest, ";")
	return rest
}
