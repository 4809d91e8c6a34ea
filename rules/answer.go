package rules

import (
	"fmt"
	"strconv"
	"time"
)

// Failure is what of a call's identity failed; it selects the answer of a
// block for IdentityPolicy (RFC 8224 §6.2.2).
type Failure uint8

// The failures, in the words of rule files.
const (
	NoFailure  Failure = iota
	Missing            // no usable Identity header
	Info               // the credential could not be fetched
	Credential         // the certificate is not trusted, or its algorithm not supported
	Invalid            // the signature or the PASSporT is wrong
	Stale              // the date is too old
)

var failureNames = []string{"", "missing", "info", "credential", "invalid", "stale"}

func (f Failure) String() string { return failureNames[f] }

// MarshalText writes the word that rule files use.
func (f Failure) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// row is one row of the answer table.
type row struct {
	why     Why
	failure Failure // of IdentityPolicy
	choice  bool    // the configuration may say 403 Forbidden instead
	code    int
	phrase  string
	cause   int           // Q.850 cause; 0: the 603+ Reason of ATIS-1000099 instead
	text    string        // the Reason's text
	retry   time.Duration // default Retry-After; 0: none is ever sent
}

// The table: from why to what goes on the wire. 6xx ends the search of a proxy
// for another carrier (RFC 3261 §16.7), which is what every block of a caller
// wants; the Q.850 cause keeps its meaning across gateways, which know 433,
// 437, 438 and 607 no better than "normal, unspecified" (RFC 3398 §8.2.6.1).
// Only analytics is 603+; never does 404, 484 or 604 speak of a caller; an
// overloaded node sends no Retry-After, for it would silence the whole trunk
// and its emergency calls (RFC 3261 §21.5.4).
var table = [...]row{
	{why: Analytics, code: 603, phrase: "Network Blocked"},
	{why: DNO, choice: true, code: 603, phrase: "Decline", cause: 21, text: "Caller number must not originate calls"},
	{why: Administrative, choice: true, code: 603, phrase: "Decline", cause: 21, text: "Caller number not authorized"},
	{why: Subscriber, code: 607, phrase: "Unwanted", cause: 21, text: "Call unwanted"},
	{why: NotFound, code: 404, phrase: "Not Found", cause: 1, text: "Unallocated number"},
	{why: Anonymous, code: 433, phrase: "Anonymity Disallowed", cause: 21, text: "Anonymous call rejected"},
	{why: IdentityPolicy, failure: Missing, code: 428, phrase: "Use Identity Header", cause: 21, text: "Identity missing"},
	{why: IdentityPolicy, failure: Info, code: 436, phrase: "Bad Identity Info", cause: 21, text: "Identity credential not available"},
	{why: IdentityPolicy, failure: Credential, code: 437, phrase: "Unsupported Credential", cause: 21, text: "Identity credential not supported"},
	{why: IdentityPolicy, failure: Invalid, code: 438, phrase: "Invalid Identity Header", cause: 21, text: "Identity not valid"},
	{why: IdentityPolicy, failure: Stale, code: 403, phrase: "Stale Date", cause: 21, text: "Identity too old"},
	{why: Hours, code: 480, phrase: "Temporarily Unavailable", cause: 18, text: "Outside calling hours", retry: time.Hour},
	{why: Pacing, code: 480, phrase: "Temporarily Unavailable", cause: 42, text: "Too many calls", retry: 30 * time.Second},
	{why: Overload, code: 503, phrase: "Service Unavailable", cause: 42, text: "Switching equipment congestion"},
}

// Bounds of a Reason value in bytes: beyond the first some switches lose it,
// beyond the second it does not load.
const (
	reasonLong    = 128
	reasonTooLong = 512
)

// answer is a row made ready for the wire: the Reason value is prefix, the
// decision's id when named, suffix.
type answer struct {
	code   int
	phrase string
	prefix []byte
	named  bool
	suffix []byte
	retry  time.Duration
}

// reason appends the Reason value for decision id.
func (a *answer) reason(dst []byte, id *ID) []byte {
	dst = append(dst, a.prefix...)
	if a.named {
		dst = append(dst, id[:]...)
	}
	return append(dst, a.suffix...)
}

// length is that of the Reason value.
func (a *answer) length() int {
	n := len(a.prefix) + len(a.suffix)
	if a.named {
		n += len(ID{})
	}
	return n
}

// newAnswer makes the answer to why. A retry of 0 is the table's own.
func newAnswer(why Why, failure Failure, retry time.Duration, s *Settings) answer {
	var r *row
	for i := range table {
		if table[i].why == why && table[i].failure == failure {
			r = &table[i]
		}
	}
	if r == nil {
		return answer{}
	}
	a := answer{code: r.code, phrase: r.phrase, retry: r.retry}
	if retry != 0 && r.retry != 0 {
		a.retry = retry
	}
	if r.choice && s.Answers[why] == 403 {
		a.code, a.phrase = 403, "Forbidden"
	}
	if r.cause != 0 {
		a.suffix = fmt.Appendf(nil, `Q.850;cause=%d;text="%s"`, r.cause, r.text)
		return a
	}
	a.named = true
	a.prefix = append(a.prefix, "SIP;cause="+strconv.Itoa(r.code)+`;text="v=analytics1`...)
	for _, item := range [...]struct{ name, value string }{{"url", s.Redress.URL}, {"tel", s.Redress.Tel}, {"email", s.Redress.Email}} {
		if item.value != "" {
			a.prefix = append(a.prefix, ";"+item.name+"="+item.value...)
		}
	}
	a.prefix = append(a.prefix, ";id="...)
	a.suffix = append(a.suffix, `";location=`+s.Redress.Location...)
	return a
}

// retries tells whether the answer to why carries a Retry-After.
func retries(why Why) bool { return why == Hours || why == Pacing }
