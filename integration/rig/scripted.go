package rig

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Scripted stands in for the daemon where a test needs an answer that the
// daemon never gives: garbage, errors, silence.
type Scripted struct {
	Addr string // host:port

	server *http.Server
	done   chan struct{}
	answer func(Question) (status int, body string)

	mu       sync.Mutex
	asked    []Question
	outcomes []string
	running  [][]string
	frozen   chan struct{} // until it is closed, requests to only wait
	only     string        // start of their path
	probes   int
	reports  int
}

// Question is one request for a decision.
type Question struct {
	Query url.Values
	Body  []byte
}

// Caller is the user part of the From of the call in question.
func (q Question) Caller() string { return user(uri(Header(q.Body, "From"))) }

// Lines are the nine lines of an answer: version and action, code, phrase, id,
// Reason, Retry-After, label, flags, target. A missing id is made up.
func Lines(action, code, phrase, reason, retry, label, flags, target string) string {
	id := (token() + token())[:20]
	return strings.Join([]string{"1 " + action, code, phrase, id, reason, retry, label, flags, target, ""}, "\n")
}

// StartScripted starts a stand-in that gives these answers. With status 0 the
// body is all that goes on the wire, no HTTP.
func StartScripted(answer func(Question) (status int, body string)) (*Scripted, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("scripted: %w", err)
	}
	s := &Scripted{Addr: l.Addr().String(), done: make(chan struct{}), answer: answer}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /kamailio/call", s.call)
	mux.HandleFunc("POST /kamailio/outcomes", s.report)
	mux.HandleFunc("POST /kamailio/running", s.list)
	mux.HandleFunc("GET /readyz", s.ready)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(l)
	}()
	return s, nil
}

// Stop ends the stand-in and waits for it.
func (s *Scripted) Stop() error {
	s.Thaw()
	err := s.server.Close()
	<-s.done
	return err
}

// Freeze keeps requests to paths that begin so waiting until Thaw, as a stopped
// process would.
func (s *Scripted) Freeze(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen == nil {
		s.frozen, s.only = make(chan struct{}), path
	}
}

// Thaw lets requests through again.
func (s *Scripted) Thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen != nil {
		close(s.frozen)
		s.frozen = nil
	}
}

func (s *Scripted) pass(r *http.Request) {
	s.mu.Lock()
	wait, only := s.frozen, s.only
	s.mu.Unlock()
	if wait != nil && strings.HasPrefix(r.URL.Path, only) {
		<-wait
	}
}

func (s *Scripted) call(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	q := Question{Query: r.URL.Query(), Body: body}
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	s.pass(r)
	code, text := s.answer(q)
	if code == 0 {
		s.raw(w, text)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

// raw writes text in place of an HTTP response and closes the connection.
func (s *Scripted) raw(w http.ResponseWriter, text string) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(c, text)
	_ = c.Close()
}

func (s *Scripted) report(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.reports++
	s.mu.Unlock()
	s.pass(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(string(body)) {
		s.outcomes = append(s.outcomes, strings.TrimSuffix(line, "\n"))
	}
}

func (s *Scripted) list(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.pass(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = append(s.running, strings.Fields(string(body)))
}

// Running are the lists of running calls since the last time, one a request.
func (s *Scripted) Running() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lists := s.running
	s.running = nil
	return lists
}

func (s *Scripted) ready(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.probes++
	s.mu.Unlock()
	s.pass(r)
	_, _ = io.WriteString(w, "ready\n")
}

// Asked are the questions so far.
func (s *Scripted) Asked() []Question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Question(nil), s.asked...)
}

// Outcomes are the lines reported so far.
func (s *Scripted) Outcomes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.outcomes...)
}

// Probes is how often the breaker's timer has asked for readiness.
func (s *Scripted) Probes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.probes
}

// Reports is how often somebody has begun to report outcomes.
func (s *Scripted) Reports() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reports
}
