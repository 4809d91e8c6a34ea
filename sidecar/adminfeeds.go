package sidecar

import "net/http"

// feeds adds what is asked about fetched lists:
//
//	POST /lists/{list}/accept  takes the copy that the guard holds back; answers
//	                           Accepted as JSON, 422 when there is none
func (a *admin) feeds(m *http.ServeMux) {
	m.Handle("POST /lists/{list}/accept", a.changed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.program.feeds.accept(r.Context(), r.PathValue("list")); err != nil {
			answer(w, http.StatusUnprocessableEntity, Accepted{Error: err.Error()})
			return
		}
		answer(w, http.StatusOK, Accepted{OK: true})
	})))
}
