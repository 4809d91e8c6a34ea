package sidecar

import (
	"errors"
	"net/http"
	"strings"

	"ringfence/rules"
)

// Reported is what became of a report.
type Reported struct {
	OK        bool              `json:"ok"`
	Report    *rules.UserReport `json:"report,omitempty"`
	Reporters int               `json:"reporters"` // of the number, by now
	Errors    []string          `json:"errors,omitempty"`
}

// reportLimit bounds the body of a report, in bytes.
const reportLimit = 4 << 10

// reports are the routes about what users report:
//
//	GET  /reports?number=  the reports of a number, as []rules.UserReport
//	POST /reports          rules.UserReport, without a time; answers Reported, 422
//	                       when nothing was done because the report is at fault
func (a *admin) reports(m *http.ServeMux) {
	m.Handle("GET /reports", a.asked(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number := r.URL.Query().Get("number")
		if digits, ok := strings.CutPrefix(number, " "); ok { // a + that was not escaped
			number = "+" + digits
		}
		n, err := rules.ParseNumber(number)
		if err != nil {
			answer(w, http.StatusUnprocessableEntity, Reported{Errors: []string{"number: " + err.Error()}})
			return
		}
		found, err := a.program.reports.of(n)
		if err != nil {
			answer(w, http.StatusInternalServerError, Reported{Errors: lines(err)})
			return
		}
		answer(w, http.StatusOK, found)
	})))
	m.Handle("POST /reports", a.changed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		report, err := readReport(w, r)
		reporters := 0
		if err == nil {
			report, reporters, err = a.program.Report(report)
		}
		var faults rules.Diagnostics
		switch {
		case errors.As(err, &faults):
			answer(w, http.StatusUnprocessableEntity, Reported{Errors: lines(err)})
		case err != nil:
			answer(w, http.StatusInternalServerError, Reported{Errors: lines(err)})
		default:
			answer(w, http.StatusOK, Reported{OK: true, Report: &report, Reporters: reporters})
		}
	})))
}

// readReport reads the body of a report; the error is a rules.Diagnostics.
func readReport(w http.ResponseWriter, r *http.Request) (report rules.UserReport, err error) {
	if err := readBody(w, r, reportLimit, &report); err != nil {
		return report, rules.Diagnostics{{Subject: "report", Message: "cannot be read: " + err.Error(), Hint: "docs/operations.md has its form; send one a request"}}
	}
	return report, nil
}
