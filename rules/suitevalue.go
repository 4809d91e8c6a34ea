package rules

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// several are the members of a sequence, or the one value that stands for it.
func (y *document) several(n *node, subject string) []*node {
	if n == nil {
		return nil
	}
	if _, ok := n.raw.(*ast.SequenceNode); ok {
		return y.items(n, subject)
	}
	return []*node{n}
}

// time reads an instant; without one it is otherwise.
func (y *document) time(n *node, subject string, otherwise time.Time) time.Time {
	text := y.text(n, subject)
	if text == "" {
		return otherwise
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		y.d.at(n.at, subject, fmt.Sprintf("at: %q is no time", text), "as in 2026-06-03T09:30:00-04:00 (RFC 3339)")
	}
	return t
}

// pause is a time between calls, to the millisecond: rules have windows of a
// second.
func (y *document) pause(n *node, subject string) time.Duration {
	text := y.text(n, subject)
	if text == "" {
		return 0
	}
	var rest time.Duration
	whole, ok := text, true
	if before, found := strings.CutSuffix(text, "ms"); found {
		whole = strings.TrimRight(before, "0123456789")
		ms, err := strconv.ParseUint(before[len(whole):], 10, 30)
		rest, ok = time.Duration(ms)*time.Millisecond, err == nil
	}
	var most time.Duration
	if ok && whole != "" {
		most, ok = parseDuration(whole)
	}
	if !ok || most+rest == 0 {
		y.d.at(n.at, subject, fmt.Sprintf("%s: %q is no duration", n.name, text), "as in 90s, 200ms, 12h or 30d")
		return 0
	}
	return most + rest
}

// flag reads true or false.
func (y *document) flag(n *node, subject string) bool {
	if n == nil {
		return false
	}
	b, ok := n.raw.(*ast.BoolNode)
	if !ok {
		y.d.at(n.at, subject, n.label()+"want true or false, got "+kindOf(n.raw), "")
		return false
	}
	return b.Value
}

// word is text that a header can carry: a line of it.
func (y *document) word(n *node, subject string) string {
	text := y.text(n, subject)
	if strings.ContainsFunc(text, unicode.IsControl) {
		y.d.at(n.at, subject, n.label()+"a line break or control character, which no header can carry", "")
		return ""
	}
	return text
}

// turns is {n} in a text: the turn of a call that is repeated, in as many digits
// as there are n.
var turns = regexp.MustCompile(`\{n+\}`)

// word is text that a header can carry, with the turn of the call in it.
func (r *testReader) word(n *node, subject string) string {
	text := r.document.word(n, subject)
	if r.turn == 0 || !strings.Contains(text, "{n") {
		return text
	}
	return turns.ReplaceAllStringFunc(text, func(mark string) string { return fmt.Sprintf("%0*d", len(mark)-2, r.turn) })
}

// choice is one of the words.
func (y *document) choice(n *node, subject string, words []string) string {
	text := y.text(n, subject)
	if text != "" && !containsWord(words, text) {
		y.d.at(n.at, subject, fmt.Sprintf("%sunknown value %q", n.label(), text), didYouMean(text, words))
		return ""
	}
	return text
}
