package rules

import (
	"errors"
	"time"
)

// testReport is what a user says of a number in a test.
type testReport struct {
	place  Position
	report UserReport
}

// report reads what a user says, nil when there is none to be read.
func (r *testReader) report(n *node, subject string) *testReport {
	if n == nil {
		return nil
	}
	f, ok := r.fields(n, subject, testReportKeys)
	if !ok {
		return nil
	}
	t := &testReport{place: n.at, report: UserReport{By: r.text(f["by"], subject)}}
	for _, key := range [...]string{"number", "by"} {
		if f.lacks(key) {
			r.d.at(n.at, subject, "report has no "+key, `as in {number: "+13035550260", by: "+12025557100"}`)
		}
	}
	if at := f["number"]; at != nil {
		if text := r.text(at, subject); text != "" {
			var err error
			if t.report.Number, err = ParseNumber(text); err != nil {
				r.d.at(at.at, subject, err.Error(), "")
			}
		}
	}
	return t
}

// make has the user report.
func (t *testReport) make(e *Engine, at time.Time, subject string) (d Diagnostics) {
	if t == nil {
		return nil
	}
	r := t.report
	r.At = at
	_, _, err := e.Report(r, func(UserReport) error { return nil })
	var faults Diagnostics
	if !errors.As(err, &faults) && err != nil {
		faults = Diagnostics{{Message: err.Error()}}
	}
	for _, f := range faults {
		d.at(t.place, subject, f.Subject+" "+f.Message, f.Hint)
	}
	return d
}
