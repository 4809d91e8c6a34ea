// Package kamailio answers Kamailio's http_client: one request asks about a
// call attempt and one reports what became of calls. docs/http.md is its
// contract.
package kamailio

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"ringfence/adapters/panics"
	"ringfence/rules"
)

// Decider decides calls and learns what became of them. Its methods are safe
// for concurrent use and keep no reference to their arguments.
type Decider interface {
	Decide(c *rules.Call, v *rules.Verdict)
	Observe(o *rules.Outcome) rules.Observed
	Running(ids []rules.ID, at time.Time) (known int) // calls that run, by their decisions
}

// Options are what a Handler can be told. The zero value is ready for use.
type Options struct {
	Ready  func() error     // tells why no call can be decided; nil: always ready
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()

	BodyLimit    int           // bytes of a request's body, default DefaultBodyLimit
	HeaderLimit  int           // bytes of its request line and headers, default DefaultHeaderLimit
	IdleTimeout  time.Duration // of a kept connection, default DefaultIdleTimeout
	ReadTimeout  time.Duration // of one request, default DefaultReadTimeout
	WriteTimeout time.Duration // of one answer, default DefaultWriteTimeout
}

// The defaults of Options. A Request-URI of 64 KB fits the header limit with
// each byte percent-encoded. A switch keeps one connection for each worker
// process, idle all night.
const (
	DefaultBodyLimit    = 128 << 10
	DefaultHeaderLimit  = 256 << 10
	DefaultIdleTimeout  = 10 * time.Minute
	DefaultReadTimeout  = 5 * time.Second
	DefaultWriteTimeout = 5 * time.Second
)

// Counters are what a Handler counts.
type Counters struct {
	Allowed, Blocked, Diverted atomic.Uint64 // calls answered

	Refused     atomic.Uint64 // requests that hold no call that could be forwarded (400)
	TooLarge    atomic.Uint64 // requests over a size limit (413)
	Slow        atomic.Uint64 // requests that took longer than the read timeout (408)
	Misdirected atomic.Uint64 // requests for another path or by another method (404, 405)
	Unwritable  atomic.Uint64 // verdicts that would have made a forged or garbled answer (503)
	Panics      atomic.Uint64 // recovered; a call was allowed
	BadSource   atomic.Uint64 // calls whose src or port could not be read

	OutcomesCounted   atomic.Uint64
	OutcomesUnknown   atomic.Uint64
	OutcomesDuplicate atomic.Uint64
	OutcomesIgnored   atomic.Uint64
	OutcomesMalformed atomic.Uint64

	RunningKnown     atomic.Uint64 // calls that were told of as running
	RunningUnknown   atomic.Uint64
	RunningMalformed atomic.Uint64
}

// Handler serves the routes of docs/http.md. It is safe for concurrent use.
type Handler struct {
	decider  Decider
	options  Options
	counters Counters

	exchanges sync.Pool // of *exchange
	panics    panics.Log
}

// NewHandler returns a Handler that asks d.
func NewHandler(d Decider, o Options) *Handler {
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.BodyLimit = orDefault(o.BodyLimit, DefaultBodyLimit)
	o.HeaderLimit = orDefault(o.HeaderLimit, DefaultHeaderLimit)
	o.IdleTimeout = orDefault(o.IdleTimeout, DefaultIdleTimeout)
	o.ReadTimeout = orDefault(o.ReadTimeout, DefaultReadTimeout)
	o.WriteTimeout = orDefault(o.WriteTimeout, DefaultWriteTimeout)
	return &Handler{
		decider:   d,
		options:   o,
		exchanges: sync.Pool{New: func() any { return new(exchange) }},
	}
}

func orDefault[T int | time.Duration](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

// Counters are live: they go on counting.
func (h *Handler) Counters() *Counters { return &h.counters }

// The routes.
const (
	callPath     = "/kamailio/call"
	outcomesPath = "/kamailio/outcomes"
	runningPath  = "/kamailio/running"
	readyPath    = "/readyz"
)

// Handle answers one request. A panic costs a call nothing but the screening: it
// must not reach the switch as a 5xx, or a caller who can cause one could open
// the breaker.
func (h *Handler) Handle(ctx *fasthttp.RequestCtx) {
	defer func() {
		if cause := recover(); cause != nil {
			h.recovered(ctx, cause)
		}
	}()
	if query, ok := callQuery(ctx.RequestURI()); ok {
		if h.allows(ctx, fasthttp.MethodPost) {
			h.call(ctx, query)
		}
		return
	}
	switch string(ctx.Path()) {
	case callPath:
		if h.allows(ctx, fasthttp.MethodPost) {
			h.call(ctx, ctx.URI().QueryString())
		}
	case outcomesPath:
		if h.allows(ctx, fasthttp.MethodPost) {
			h.outcomes(ctx)
		}
	case runningPath:
		if h.allows(ctx, fasthttp.MethodPost) {
			h.running(ctx)
		}
	case readyPath:
		if h.allows(ctx, fasthttp.MethodGet) {
			h.ready(ctx)
		}
	default:
		h.counters.Misdirected.Add(1)
		fail(ctx, fasthttp.StatusNotFound, "no such path; this listener has "+callPath+", "+outcomesPath+", "+runningPath+" and "+readyPath)
	}
}

// callQuery is the query of a request target that is callPath as it stands, as
// nearly all are; only others are worth the parsing of a URI.
func callQuery(target []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(target, []byte(callPath))
	switch {
	case !ok || bytes.IndexByte(rest, '#') >= 0:
		return nil, false
	case len(rest) == 0:
		return nil, true
	}
	return rest[1:], rest[0] == '?'
}

// allows tells whether the request's method is the one of its path, and whether
// its body is within the limit; if not, it is answered.
func (h *Handler) allows(ctx *fasthttp.RequestCtx, method string) bool {
	if string(ctx.Method()) != method {
		h.counters.Misdirected.Add(1)
		fail(ctx, fasthttp.StatusMethodNotAllowed, "this path takes "+method)
		ctx.Response.Header.Set(fasthttp.HeaderAllow, method)
		return false
	}
	if len(ctx.PostBody()) > h.options.BodyLimit {
		h.tooLarge(ctx)
		return false
	}
	return true
}

func (h *Handler) ready(ctx *fasthttp.RequestCtx) {
	if err := h.options.Ready(); err != nil {
		fail(ctx, fasthttp.StatusServiceUnavailable, "not ready: "+err.Error())
		return
	}
	ctx.SetContentType(textPlain)
	ctx.SetBodyString("ready\n")
}

// recovered answers a request that caused a panic. What the panic has touched is
// not used again.
func (h *Handler) recovered(ctx *fasthttp.RequestCtx, cause any) {
	path := string(ctx.Path())
	h.panicked(path, cause)
	ctx.Response.Reset()
	switch path {
	case callPath:
		h.write(ctx, &exchange{verdict: rules.Verdict{ID: noID}})
	case outcomesPath, runningPath: // not a 5xx, after which a client sends them again
		fail(ctx, fasthttp.StatusBadRequest, fault)
	default:
		fail(ctx, fasthttp.StatusServiceUnavailable, fault)
	}
}

const fault = "a fault of this daemon; its log has more"

// panicked counts a panic and logs it.
func (h *Handler) panicked(what string, cause any) {
	h.counters.Panics.Add(1)
	h.panics.Recovered(h.options.Logger, h.options.Now(), what, cause)
}

// textPlain is the content type of everything that is not JSON.
const textPlain = "text/plain; charset=utf-8"

// fail answers with one line of text.
func fail(ctx *fasthttp.RequestCtx, status int, message string) {
	ctx.Response.Reset()
	ctx.SetStatusCode(status)
	ctx.SetContentType(textPlain)
	ctx.SetBodyString("ringfence: " + oneLine(message) + "\n")
}

// oneLine makes a space of each control character.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
