package freeswitch

import (
	"cmp"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"ringfence/adapters/panics"
	"ringfence/rules"
)

// HTTPPrefix begins the paths that an HTTP serves.
const HTTPPrefix = "/freeswitch/"

const (
	callPath     = HTTPPrefix + "call"
	dialplanPath = HTTPPrefix + "dialplan"
)

// HTTPBodyLimit is how many bytes the body of a request may have. mod_xml_curl
// posts what From holds up to ten times and percent-encoded, and goes on without a
// decision when it is refused: an INVITE as large as FreeSWITCH takes has to fit.
const HTTPBodyLimit = 8 << 20

// HTTPOptions are what an HTTP can be told. The zero value is ready for use.
type HTTPOptions struct {
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()
}

// HTTPCounters are what an HTTP counts.
type HTTPCounters struct {
	Allowed, Blocked, Diverted atomic.Uint64 // calls answered

	Unasked     atomic.Uint64 // look-ups of the dialplan that are of no new call
	Misdirected atomic.Uint64 // requests for another path or by another method (404, 405)
	Unwritable  atomic.Uint64 // verdicts that can't be put into a dialplan; no answer
	Panics      atomic.Uint64 // recovered; no answer
}

// HTTP answers a dialplan that asks by the application curl, and mod_xml_curl.
// docs/http.md is its contract. It is safe for concurrent use.
type HTTP struct {
	decider  Decider
	now      func() time.Time
	log      *slog.Logger
	counters HTTPCounters
	panics   panics.Log

	requests sync.Pool // of *request
}

// NewHTTP returns an HTTP that asks d.
func NewHTTP(d Decider, o HTTPOptions) *HTTP {
	h := &HTTP{
		decider:  d,
		now:      o.Now,
		log:      cmp.Or(o.Logger, slog.Default()),
		requests: sync.Pool{New: func() any { return new(request) }},
	}
	if h.now == nil {
		h.now = time.Now
	}
	return h
}

// Counters are live: they go on counting.
func (h *HTTP) Counters() *HTTPCounters { return &h.counters }

// request is what one request needs. It is pooled.
type request struct {
	form    form
	call    rules.Call
	verdict rules.Verdict
	answer  Answer
	text    []byte // of one argument
	body    []byte
}

// release lets go of the request's text and keeps the room.
func (r *request) release() {
	r.form.reset()
	r.call.Reset()
	r.verdict.Reset()
}

// Handle answers one request. Whatever goes wrong, the dialplan has no answer
// and does with the call what it does with those that nobody decided.
func (h *HTTP) Handle(ctx *fasthttp.RequestCtx) {
	defer func() {
		if cause := recover(); cause != nil {
			h.counters.Panics.Add(1)
			h.panics.Recovered(h.log, h.now(), string(ctx.Path()), cause)
			fail(ctx, fasthttp.StatusServiceUnavailable, "a fault of this daemon; its log has more")
		}
	}()
	switch path := string(ctx.Path()); {
	case path != callPath && path != dialplanPath:
		h.counters.Misdirected.Add(1)
		fail(ctx, fasthttp.StatusNotFound, "no such path; there is "+callPath+" and "+dialplanPath)
	case !ctx.IsPost() && !ctx.IsGet():
		h.counters.Misdirected.Add(1)
		fail(ctx, fasthttp.StatusMethodNotAllowed, "this path takes GET and POST")
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, POST")
	default:
		r := h.requests.Get().(*request)
		r.form.read(ctx)
		if path == callPath {
			h.call(ctx, r)
		} else {
			h.dialplan(ctx, r)
		}
		r.release()
		h.requests.Put(r) // not after a panic
	}
}

// call answers the application curl with the argument of a multiset.
func (h *HTTP) call(ctx *fasthttp.RequestCtx, r *request) {
	if err := h.decide(r); err != nil {
		fail(ctx, fasthttp.StatusServiceUnavailable, err.Error())
		return
	}
	r.body = r.answer.AppendMultiset(r.body[:0])
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.SetBody(r.body)
}

// dialplan answers a look-up of mod_xml_curl with a document.
func (h *HTTP) dialplan(ctx *fasthttp.RequestCtx, r *request) {
	ctx.SetContentType("text/xml; charset=utf-8")
	switch {
	case !isNew(&r.form):
		h.counters.Unasked.Add(1)
		ctx.SetBodyString(notFound)
	case h.decide(r) != nil:
		ctx.SetBodyString(notFound)
	default:
		r.write()
		ctx.SetBody(r.body)
	}
}

// decide decides the call of r.form. The error is nil or ErrUnwritable.
func (h *HTTP) decide(r *request) error {
	r.call.At = h.now()
	ReadCall(&r.form, &r.call)
	h.decider.Decide(&r.call, &r.verdict)
	if err := r.answer.Set(&r.call, &r.verdict); err != nil {
		h.counters.Unwritable.Add(1)
		return err
	}
	switch r.verdict.Action {
	case rules.Block:
		h.counters.Blocked.Add(1)
	case rules.Divert:
		h.counters.Diverted.Add(1)
	default:
		h.counters.Allowed.Add(1)
	}
	return nil
}

// fail answers with one line of text, which nobody but an operator reads.
func fail(ctx *fasthttp.RequestCtx, status int, message string) {
	ctx.Response.Reset()
	ctx.SetStatusCode(status)
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.SetBodyString("ringfence: " + message + "\n")
}
