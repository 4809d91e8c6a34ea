package sidecar

import "net/http"

// Resumed is what became of POST /rules/{rule}/resume.
type Resumed struct {
	OK     bool     `json:"ok"`
	Trunks int      `json:"trunks"` // on which the rule was in monitor, and acts again
	Errors []string `json:"errors,omitempty"`
}

// rules are the routes about rules:
//
//	POST /rules/{rule}/resume  has a rule act again that its limit has put into
//	                           monitor; answers Resumed, 422 when there is no
//	                           such rule or it has no limit
func (a *admin) rules(m *http.ServeMux) {
	m.Handle("POST /rules/{rule}/resume", a.changed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := a.program.engine.Resume(r.PathValue("rule"))
		if err != nil {
			answer(w, http.StatusUnprocessableEntity, Resumed{Errors: lines(err)})
			return
		}
		a.program.guards.stir()
		answer(w, http.StatusOK, Resumed{OK: true, Trunks: n})
	})))
}
