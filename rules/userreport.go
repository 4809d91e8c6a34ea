package rules

import (
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// UserReport is what somebody says of a number: that a call from it was
// unwanted. Removed takes such a word back.
type UserReport struct {
	Number   Number    `json:"number"`
	By       string    `json:"by,omitempty"` // who says so: a subscriber's number, extension or account; empty in a removal: all
	Note     string    `json:"note,omitempty"`
	At       time.Time `json:"at"`
	Operator string    `json:"operator,omitempty"` // who took it down
	Removed  bool      `json:"removed,omitempty"`
}

// Bounds of user reports.
const (
	ReportsKept   = 90 * 24 * time.Hour // a report counts for so long
	reportsPerDay = 50                  // of one reporter
	reportersKept = 100_000             // of one day
	maxReporter   = 64                  // characters
	maxReportNote = 200
)

// userReports are the reports that count: how many reporters a number has, never
// who they are.
type userReports struct {
	events *numberEvents
	seed   maphash.Seed

	mu   sync.Mutex
	day  int64          // since 1970, UTC
	made map[uint64]int // on that day, by reporter
}

func newUserReports(most int) *userReports {
	return &userReports{events: newNumberEvents(most, ReportsKept), seed: maphash.MakeSeed(), made: map[uint64]int{}}
}

// Report takes down what somebody says of a number, or takes it back, and tells
// how many reporters the number has then. One reporter counts once for a number, by
// the latest report. keep makes r, with its reporter as it counts, outlive the
// process; when it fails nothing changes. What is at fault with r is a
// Diagnostics.
func (e *Engine) Report(r UserReport, keep func(UserReport) error) (UserReport, int, error) {
	r.By = reporterName(r.By)
	if err := e.faultOf(&r); err != nil {
		return r, 0, err
	}
	u := e.reports
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.may(&r); err != nil {
		return r, 0, err
	}
	if err := keep(r); err != nil {
		return r, 0, err
	}
	u.take(&r)
	return r, u.events.count(r.Number, r.At, ReportsKept), nil
}

// RestoreReport takes in what was kept of a report before a restart.
func (e *Engine) RestoreReport(r UserReport, at time.Time) {
	if r.Number.Kind() != Global || r.By == "" && !r.Removed || !r.At.After(at.Add(-ReportsKept)) {
		return
	}
	e.reports.mu.Lock()
	defer e.reports.mu.Unlock()
	e.reports.take(&r)
}

// take makes r count.
func (u *userReports) take(r *UserReport) {
	party := u.party(r.By)
	if r.Removed {
		u.events.remove(r.Number, party)
		return
	}
	if u.turn(r.At) {
		if _, known := u.made[party]; known || len(u.made) < reportersKept {
			u.made[party]++
		}
	}
	u.events.add(r.Number, party, r.At)
}

// turn begins the day of a report, if it is a new one, and tells whether the
// report is of the day that is counted.
func (u *userReports) turn(at time.Time) bool {
	day := at.Unix() / (24 * 60 * 60)
	if day > u.day {
		u.day = day
		clear(u.made)
	}
	return day == u.day
}

// may refuses a reporter who reports too much, and to take back what nobody said.
func (u *userReports) may(r *UserReport) error {
	if r.Removed {
		if !u.events.has(r.Number, u.party(r.By)) {
			return reportFault(r, "has no such report", "ringfence report list shows who has reported a number")
		}
		return nil
	}
	u.turn(r.At)
	made, known := u.made[u.party(r.By)]
	switch {
	case made >= reportsPerDay:
		return reportFault(r, fmt.Sprintf("%s has made %d reports today, which is the most", r.By, made), "numbers in bulk belong on a list: ringfence list add")
	case !known && len(u.made) >= reportersKept:
		return reportFault(r, fmt.Sprintf("%d reporters have reported today, which is the most", len(u.made)), "try again tomorrow (UTC)")
	}
	return nil
}

// party is a hash of a reporter, 0 for none.
func (u *userReports) party(by string) uint64 {
	if by == "" {
		return 0
	}
	return max(maphash.String(u.seed, by), 1)
}

// reporterName is a reporter in the one form that counts: a number in its global
// form, anything else as it is.
func reporterName(by string) string {
	by = strings.TrimSpace(by)
	if n, err := ParseNumber(by); err == nil {
		return n.String()
	}
	return by
}

// faultOf is what is wrong with r, nil for nothing.
func (e *Engine) faultOf(r *UserReport) error {
	rs := e.Ruleset()
	switch {
	case rs == nil:
		return errNoRules
	case r.Number.Kind() != Global:
		return reportFault(r, "is no number that can be reported", "write it in its global form, as +13035550260")
	case r.By == "" && !r.Removed:
		return reportFault(r, "nobody reports it", "say who: a subscriber's number, extension or account")
	case !isPlainText(r.By, maxReporter):
		return reportFault(r, "its reporter is no text of at most 64 characters", "name the subscriber by number, extension or account")
	case !isPlainText(r.Operator, maxReporter):
		return reportFault(r, "its operator is no text of at most 64 characters", "shorten the name of who takes it down")
	case !isPlainText(r.Note, maxReportNote):
		return reportFault(r, "its note is no text of at most 200 characters", "shorten it to a line")
	case r.By == r.Number.String():
		return reportFault(r, "reports itself", "the number is the one that called, the reporter the one that was called")
	case rs.emergency.Holds(r.Number) && !r.Removed:
		return reportFault(r, "is an emergency number", "calls from and to it always pass")
	}
	return nil
}

func reportFault(r *UserReport, message, hint string) error {
	return Diagnostics{{Subject: "report of " + r.Number.String(), Message: message, Hint: hint}}
}

// isPlainText tells whether s is a line of so many characters that can be shown.
func isPlainText(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}
