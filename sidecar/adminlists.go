package sidecar

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"ringfence/rules"
)

// ListChange is what POST /lists/NAME takes: a rules.LiveChange, whose list is
// that of the path and whose time is that of the daemon.
type ListChange struct {
	rules.LiveChange
	For string `json:"for,omitempty"` // how long the rows last, in place of expires: 7d, 12h
}

// ListChanged is what became of a ListChange: what was done, or nothing and
// why.
type ListChanged struct {
	OK     bool              `json:"ok"`
	Change *rules.LiveChange `json:"change,omitempty"` // with its entries in their global form
	Errors []string          `json:"errors,omitempty"`
}

// changeLimit bounds the body of a change, in bytes: more than a million
// numbers.
const changeLimit = 32 << 20

// lists are the routes about lists:
//
//	GET  /lists             []ListState
//	GET  /lists/NAME        the live rows, as []rules.LiveChange
//	GET  /lists/NAME?entry= rules.ListMatch; subscriber= for a list per callee
//	GET  /lists/NAME/learned  what a learned list holds, as rules.LearnedPage;
//	                        limit= entries at most, from= the next of the page before
//	POST /lists/NAME        ListChange; answers ListChanged, 422 when nothing
//	                        was done because the change is at fault
func (a *admin) lists(m *http.ServeMux) {
	m.Handle("GET /lists", a.asked(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, a.program.Lists())
	})))
	m.Handle("GET /lists/{list}", a.asked(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var found any
		var err error
		if name, query := r.PathValue("list"), r.URL.Query(); query.Has("entry") {
			found, err = a.program.engine.FindEntry(name, query.Get("entry"), query.Get("subscriber"), a.program.now())
		} else {
			found, err = a.program.engine.LiveRows(name, a.program.now())
		}
		if err != nil {
			answer(w, http.StatusUnprocessableEntity, ListChanged{Errors: lines(err)})
			return
		}
		answer(w, http.StatusOK, found)
	})))
	m.Handle("GET /lists/{list}/learned", a.asked(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, err := a.program.learnedPage(r.PathValue("list"), r.URL.Query())
		if err != nil {
			answer(w, http.StatusUnprocessableEntity, ListChanged{Errors: lines(err)})
			return
		}
		answer(w, http.StatusOK, page)
	})))
	m.Handle("POST /lists/{list}", a.changed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ch, err := a.program.readChange(w, r)
		if err == nil {
			ch, err = a.program.ChangeList(ch)
		}
		var faults rules.Diagnostics
		switch {
		case errors.As(err, &faults):
			answer(w, http.StatusUnprocessableEntity, ListChanged{Errors: lines(err)})
		case err != nil:
			answer(w, http.StatusInternalServerError, ListChanged{Errors: lines(err)})
		default:
			answer(w, http.StatusOK, ListChanged{OK: true, Change: &ch})
		}
	})))
}

// learnedPage is the part of a learned list that a query asks for.
func (p *Program) learnedPage(list string, query url.Values) (rules.LearnedPage, error) {
	limit := rules.MaxLearnedPage
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > rules.MaxLearnedPage {
			return rules.LearnedPage{}, fmt.Errorf("limit: %q is no number of entries (1 to %d)", text, rules.MaxLearnedPage)
		}
		limit = n
	}
	return p.engine.LearnedPage(list, query.Get("from"), limit, p.now())
}

// readChange reads the body of a change; the error is a rules.Diagnostics.
func (p *Program) readChange(w http.ResponseWriter, r *http.Request) (rules.LiveChange, error) {
	name := r.PathValue("list")
	fault := func(message, hint string) (rules.LiveChange, error) {
		return rules.LiveChange{}, rules.Diagnostics{{Subject: fmt.Sprintf("list %q", name), Message: message, Hint: hint}}
	}
	var ch ListChange
	err := readBody(w, r, changeLimit, &ch)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fault(fmt.Sprintf("the change is larger than %d MiB", changeLimit>>20), "put the numbers into the list's file")
	case err != nil:
		return fault("the change cannot be read: "+err.Error(), "docs/operations.md has its form")
	case ch.List != "" && ch.List != name:
		return fault(fmt.Sprintf("the change names list %q", ch.List), "name one of both in the path")
	case ch.For != "" && !ch.Expires.IsZero():
		return fault("for and expires", "give one of them")
	case ch.For != "":
		d, err := parseDuration(ch.For)
		if err != nil || d == 0 {
			return fault(fmt.Sprintf("for: %q is no time that a row could last", ch.For), "write 12h or 7d")
		}
		ch.Expires = p.now().Add(d)
	}
	ch.List = name
	return ch.LiveChange, nil
}
