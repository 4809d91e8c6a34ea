package rules

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What the values of a rule file may hold.
const (
	maxName     = 64
	maxLabel    = 64
	maxDuration = 3660 * 24 * time.Hour
)

// isName tells whether s may name a rule, a list or a learned list.
func isName(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// isTarget tells whether s can be sent to as it stands: a SIP URI with a host
// that breaks out of no header.
func isTarget(s string) bool {
	rest, ok := strings.CutPrefix(s, "sip:")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "sips:"); !ok {
			return false
		}
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("<>\"\\", c) >= 0 {
			return false
		}
	}
	user, host, ok := strings.Cut(rest, "@")
	if !ok {
		user, host = "-", rest
	}
	end := strings.IndexAny(host, ";?")
	if end < 0 {
		end = len(host)
	}
	return user != "" && end > 0 && !strings.Contains(host[:end], "@")
}

// labelFault says why s cannot be a label, empty when it can.
func labelFault(s string) string {
	if n := utf8.RuneCountInString(s); n > maxLabel {
		return "a label has at most " + strconv.Itoa(maxLabel) + " characters, this one has " + strconv.Itoa(n)
	}
	for _, c := range s {
		if c == '"' || c == '\\' || c == utf8.RuneError || !unicode.IsPrint(c) {
			return "a label cannot hold " + strconv.QuoteRune(c)
		}
	}
	if strings.TrimSpace(s) == "" {
		return "a label cannot be blank"
	}
	return ""
}

var units = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

// parseDuration reads a positive duration such as 90s, 12h, 1h30m or 30d.
func parseDuration(s string) (time.Duration, bool) {
	var total time.Duration
	for rest := s; rest != ""; {
		end := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
		if end <= 0 || end > 9 {
			return 0, false
		}
		n, err := strconv.Atoi(rest[:end])
		unit := units[rest[end]]
		if err != nil || unit == 0 || time.Duration(n) > maxDuration/unit {
			return 0, false
		}
		total += time.Duration(n) * unit
		rest = rest[end+1:]
	}
	return total, total > 0 && total <= maxDuration
}
