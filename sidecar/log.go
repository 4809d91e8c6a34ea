package sidecar

import (
	"io"
	"log/slog"
	"regexp"
	"sync/atomic"

	"ringfence/rules"
)

// Log is the daemon's log: its level and whether it tells numbers in full can
// change while it runs.
type Log struct {
	*slog.Logger
	level slog.LevelVar
	full  atomic.Bool
}

// NewLog writes to w as c says.
func NewLog(w io.Writer, c LogConfig) *Log {
	l := new(Log)
	l.set(c)
	o := &slog.HandlerOptions{Level: &l.level}
	if c.Format == "json" {
		l.Logger = slog.New(slog.NewJSONHandler(w, o))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(w, o))
	}
	return l
}

func (l *Log) set(c LogConfig) {
	l.level.Set(c.Level)
	l.full.Store(c.FullNumbers)
}

// number is n as the log may tell it.
func (l *Log) number(n rules.Number) string {
	s := n.String()
	if l.full.Load() {
		return s
	}
	return mask(s)
}

// text is s as the log may tell it: what could be numbers in it is masked.
func (l *Log) text(s string) string {
	if l.full.Load() {
		return s
	}
	return likeNumbers.ReplaceAllStringFunc(s, mask)
}

// likeNumbers finds what could be telephone numbers.
var likeNumbers = regexp.MustCompile(`\+?[0-9]{7,}`)

// mask keeps enough of a number to know it again and too little to call it:
// "+4922•••678". Of a number too short for that it keeps nothing.
func mask(number string) string {
	const head, tail = 5, 3
	switch {
	case number == "":
		return ""
	case len(number) < head+tail+2:
		return "•••"
	}
	return number[:head] + "•••" + number[len(number)-tail:]
}
