package sidecar

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// admin serves what operators and their monitoring ask:
//
//	GET  /healthz  200 while the daemon runs
//	GET  /readyz   200 with a loaded ruleset, else 503; 503 while it stops, too
//	GET  /metrics  Prometheus text format
//	GET  /status   Status as JSON
//	/lists       (adminlists.go, adminfeeds.go)
//	/reports     (adminreports.go)
//	/rules       (adminrules.go)
//	POST /reload   loads configuration and rules again; answers Reload as JSON,
//	               422 when they do not load and the old ones stay
//
// A change needs the token and Content-Type: application/json, which a web
// page of another origin cannot send unasked. Off loopback all but /healthz and
// /readyz need the token. Everything is refused to a Host that is no name of
// the listener, so that no web page gets there by DNS rebinding.
type admin struct {
	token  secret
	listen string   // as configured
	hosts  []string // further names
	remote bool     // other machines can reach it
	log    *slog.Logger

	ready   func() error    // why not
	waiting func() []string // lines of what is missing, without which it is ready all the same
	status  func() Status
	reload  func(context.Context) (Reload, error)

	program *Program // whose lists they are
}

func (a *admin) handler(metrics prometheus.Gatherer) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	m.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := a.ready(); err != nil {
			say(w, http.StatusServiceUnavailable, "ringfence: not ready: "+err.Error())
			return
		}
		say(w, http.StatusOK, strings.Join(append([]string{"ready"}, a.waiting()...), "\n"))
	})
	m.Handle("GET /metrics", a.asked(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelError)})))
	m.Handle("GET /status", a.asked(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, a.status())
	})))
	m.Handle("POST /reload", a.changed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, err := a.reload(r.Context())
		switch {
		case err != nil:
			say(w, http.StatusServiceUnavailable, "ringfence: "+err.Error())
		case !result.OK:
			answer(w, http.StatusUnprocessableEntity, result)
		default:
			answer(w, http.StatusOK, result)
		}
	})))
	a.lists(m)
	a.feeds(m)
	a.reports(m)
	a.rules(m)
	return a.named(m)
}

// named refuses a Host that is no name of the listener.
func (a *admin) named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.host(r.Host) {
			say(w, http.StatusForbidden, fmt.Sprintf("ringfence: %q is no name of this listener (use its address, or name it in admin.hosts)", r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *admin) host(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		return a.remote || ip.Unmap().IsLoopback()
	}
	own, _, _ := net.SplitHostPort(a.listen)
	return host != "" && (host == "localhost" || host == strings.ToLower(own) || slices.Contains(a.hosts, host))
}

// asked guards what is read.
func (a *admin) asked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.remote && !a.authorized(r) {
			unauthorized(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// changed guards what changes the daemon.
func (a *admin) changed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.token.known() {
			say(w, http.StatusForbidden, "ringfence: no change by HTTP without a token (set admin.token_file, or send SIGHUP to reload)")
			return
		}
		if !a.authorized(r) {
			unauthorized(w)
			return
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			say(w, http.StatusUnsupportedMediaType, "ringfence: a change needs Content-Type: application/json")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *admin) authorized(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && a.token.fits(strings.TrimSpace(token))
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="ringfence"`)
	say(w, http.StatusUnauthorized, "ringfence: the token is missing or wrong (send Authorization: Bearer with what admin.token_file holds)")
}

// server is made so that a slow or silent peer holds little.
func (a *admin) server(metrics prometheus.Gatherer) *http.Server {
	return &http.Server{
		Handler:           a.handler(metrics),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      2 * time.Minute, // a reload of large lists answers when it is done
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}

// readBody reads the one JSON value that a body has to hold. A second one would be
// lost without a word.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return err
	}
	if _, err := in.Token(); err != io.EOF {
		return cmp.Or(err, errors.New("there is more after it"))
	}
	return nil
}

func say(w http.ResponseWriter, code int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, line+"\n") // the peer may have gone
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the peer may have gone
}
