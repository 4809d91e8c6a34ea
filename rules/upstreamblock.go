package rules

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// UpstreamBlock is what a carrier said when its analytics stopped a call: a 603
// with the Reason of ATIS-1000099 (603+), or a 608 (RFC 8688). Where it is
// silent the text is empty.
type UpstreamBlock struct {
	Code     int    // 603 or 608
	URL      string // where the owner of the number can complain; of a 608 that of its jCard
	Tel      string
	Email    string
	ID       string // of the block, as the carrier knows it
	Location string // who blocked (RFC 8606)
}

// Bounds of what is read of an answer.
const (
	maxReasonRead   = 2048 // bytes of a Reason header
	maxReasonValues = 16
	maxBlockText    = 256 // bytes of one item
)

// ParseUpstreamBlock reads a final answer: its status, phrase and Reason header
// (several joined by commas), and the address in the Call-Info of a 608, if it
// has one. It is false for an answer that is no block by analytics: a 603 that
// has neither the phrase nor the Reason of a 603+ is the called party's own.
//
// It is lenient: items in any order and case, with blanks, escapes and unknown
// items among them. What cannot be a contact is left out.
func ParseUpstreamBlock(code int, phrase, reason, card string) (b UpstreamBlock, ok bool) {
	if code != 603 && code != 608 {
		return b, false
	}
	said, marked := reasonOf(code, reason)
	if code == 603 && !marked && !strings.EqualFold(strings.TrimSpace(phrase), "Network Blocked") {
		return b, false
	}
	b.Code = code
	b.read(said)
	if code == 608 && b.URL == "" {
		b.URL = webAddress(card)
	}
	return b, true
}

// reasonOf is the value of a Reason header that speaks of this very answer: the
// one that is marked as analytics' first, then that of protocol SIP, then the
// Q.850 one.
func reasonOf(code int, header string) (best reasonValue, marked bool) {
	rank := 0
	rest := header[:min(len(header), maxReasonRead)]
	for range maxReasonValues {
		if rest == "" {
			break
		}
		var v reasonValue
		v, rest = nextReason(rest)
		now := 0
		switch {
		case strings.EqualFold(v.protocol, "SIP") && v.cause == code:
			now = 2
		case strings.EqualFold(v.protocol, "Q.850") && v.cause == 21:
			now = 1
		default:
			continue
		}
		analytics := v.analytics()
		if analytics {
			now += 2
		}
		if now > rank {
			rank, best, marked = now, v, analytics
		}
	}
	return best, marked
}

// reasonValue is one value of a Reason header (RFC 3326).
type reasonValue struct {
	protocol, text, location string
	cause                    int
	cut                      bool // the text has no end
}

// nextReason reads the first value of a Reason header; rest is what follows its
// comma.
func nextReason(s string) (v reasonValue, rest string) {
	end := strings.IndexAny(s, ";,")
	if end < 0 {
		return reasonValue{protocol: strings.TrimSpace(s)}, ""
	}
	v.protocol = strings.TrimSpace(s[:end])
	for s = s[end:]; s != "" && s[0] == ';'; {
		var name, value string
		cut := false
		name, s = s[1:], ""
		if end = strings.IndexAny(name, "=;,"); end >= 0 {
			name, s = name[:end], name[end:]
		}
		if s != "" && s[0] == '=' {
			value, s, cut = parameterValue(s[1:])
		}
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, "cause"):
			v.cause, _ = strconv.Atoi(value) // 0 is none
		case strings.EqualFold(name, "text"):
			v.text, v.cut = value, cut
		case strings.EqualFold(name, "location"):
			v.location = value
		}
	}
	return v, strings.TrimPrefix(s, ",")
}

// parameterValue reads the value of a parameter, quoted or not; rest begins with
// the ; or , behind it. cut says that a quoted one has no end.
func parameterValue(s string) (value, rest string, cut bool) {
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] != '"' {
		end := strings.IndexAny(s, ";,")
		if end < 0 {
			end = len(s)
		}
		return strings.TrimSpace(s[:end]), s[end:], false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			rest = s[i+1:]
			if end := strings.IndexAny(rest, ";,"); end >= 0 {
				return b.String(), rest[end:], false
			}
			return b.String(), "", false
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), "", true
}

// items calls do with each item of a 603+ text, the last of one that was cut
// left out.
func (v *reasonValue) items(do func(name, value string)) {
	for rest, more := v.text, true; more; {
		var item string
		if item, rest, more = strings.Cut(rest, ";"); !more && v.cut {
			return
		}
		name, value, _ := strings.Cut(item, "=")
		do(strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value))
	}
}

// analytics tells whether the text says that it is that of a 603+.
func (v *reasonValue) analytics() (marked bool) {
	v.items(func(name, value string) {
		const version = "analytics"
		marked = marked || name == "v" && len(value) >= len(version) && strings.EqualFold(value[:len(version)], version)
	})
	return marked
}

// read takes the contact of a Reason; of an item that comes twice the first that
// can be one counts.
func (b *UpstreamBlock) read(v reasonValue) {
	v.items(func(name, value string) {
		switch name {
		case "url":
			first(&b.URL, webAddress(value))
		case "tel":
			first(&b.Tel, telephone(value))
		case "email":
			first(&b.Email, mailAddress(value))
		case "id":
			first(&b.ID, printable(value))
		}
	})
	b.Location = printable(v.location)
}

func first(to *string, value string) {
	if *to == "" {
		*to = value
	}
}

// printable is s, empty when it is no text that can be shown as it stands.
func printable(s string) string {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return ""
		}
	}
	if len(s) > maxBlockText {
		return ""
	}
	return s
}

// webAddress is s, empty when it is none that a browser can be sent to.
func webAddress(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || rest == "" || !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, "http") || strings.ContainsAny(s, `<>"\`) {
		return ""
	}
	return printable(s)
}

// telephone is s without its visual separators, empty when it is no number.
func telephone(s string) string {
	d, ok := scan(s)
	if !ok || d.n > len(d.at) {
		return ""
	}
	var b strings.Builder
	if d.plus {
		b.WriteByte('+')
	}
	for _, c := range d.seen() {
		b.WriteByte('0' + c)
	}
	return b.String()
}

func mailAddress(s string) string {
	user, host, ok := strings.Cut(s, "@")
	if !ok || user == "" || host == "" || strings.ContainsAny(s, `<>"\`) {
		return ""
	}
	return printable(s)
}

// blocksKept is how long a block counts for the caller's number.
const blocksKept = 30 * 24 * time.Hour

// noteBlock counts a block for the caller's number.
func (e *Engine) noteBlock(caller Number, at time.Time) {
	if caller.Kind() == Global {
		e.blocks.add(caller, 0, at)
	}
}

// RestoreBlock counts a block that was written down before a restart.
func (e *Engine) RestoreBlock(caller Number, blocked, at time.Time) {
	if blocked.After(at.Add(-blocksKept)) {
		e.noteBlock(caller, blocked)
	}
}

// Own tells whether a number is on a list of own numbers.
func (e *Engine) Own(n Number, at time.Time) bool {
	rs := e.Ruleset()
	if rs == nil {
		return false
	}
	return slices.ContainsFunc(rs.lists, func(l *List) bool { return l.Own && e.layers.named(l.Name).has(l, n, at) })
}
