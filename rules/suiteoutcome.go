package rules

import "fmt"

// testOutcome is what becomes of a call in a test.
type testOutcome struct {
	place    Position
	outcome  Outcome
	upstream Position
}

// outcome reads what became of a call, nil when there is none to be read.
func (r *testReader) outcome(n *node, subject string) *testOutcome {
	if n == nil {
		return nil
	}
	f, ok := r.fields(n, subject, outcomeKeys)
	if !ok {
		return nil
	}
	o := &testOutcome{place: n.at, outcome: Outcome{Ended: true}}
	if code := f["code"]; code != nil {
		if o.outcome.Code, ok = r.integer(code, subject); ok && !o.outcome.final() {
			r.d.at(code.at, subject, fmt.Sprintf("%d is no final SIP status", o.outcome.Code), "200 to 699")
		}
	} else if f.lacks("code") {
		r.d.at(n.at, subject, "the outcome has no code", "write code: and the final SIP status, as in 404 or 200")
	}
	if o.outcome.Carrier = r.text(f["upstream"], subject); f["upstream"] != nil {
		o.upstream = f["upstream"].at
	}
	o.outcome.Phrase = r.text(f["phrase"], subject)
	o.outcome.Reason = r.text(f["reason"], subject)
	o.outcome.Rang = r.flag(f["rang"], subject)
	if f["ring"] != nil {
		o.outcome.Ring = r.duration(f["ring"], subject)
	}
	if f["talk"] != nil {
		if o.outcome.Talk = r.duration(f["talk"], subject); !o.outcome.answered() {
			r.d.at(f["talk"].key, subject, "talk is for a call that was answered", "")
		}
	}
	o.outcome.ByCaller = r.choice(f["ended_by"], subject, []string{"caller", "callee"}) == "caller"
	return o
}
