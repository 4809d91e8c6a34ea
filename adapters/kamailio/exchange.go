package kamailio

import (
	"bytes"
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"ringfence/adapters/sip"
	"ringfence/rules"
)

// exchange is what one request about a call needs. It is pooled.
type exchange struct {
	call    rules.Call
	verdict rules.Verdict
	message sip.Message
	params  params

	badSource bool // src or port was given and could not be read

	scratch []byte // decoded text before it becomes a string
	answer  []byte
}

// release lets go of the request's text and keeps the room.
func (x *exchange) release() {
	x.call.Reset()
	x.verdict.Reset()
	x.message.Reset()
	x.params.reset()
}

// call answers a request about a call, with the query of its target.
func (h *Handler) call(ctx *fasthttp.RequestCtx, query []byte) {
	x := h.exchanges.Get().(*exchange)
	x.call.At = h.options.Now()
	if err := x.read(ctx, query); err != nil {
		h.counters.Refused.Add(1)
		fail(ctx, fasthttp.StatusBadRequest, err.Error())
	} else {
		if x.badSource {
			h.counters.BadSource.Add(1)
		}
		h.answer(ctx, x)
	}
	x.release()
	h.exchanges.Put(x)
}

// answer decides x.call and writes the answer.
func (h *Handler) answer(ctx *fasthttp.RequestCtx, x *exchange) {
	v := &x.verdict
	h.decider.Decide(&x.call, v)
	if !writable(v) {
		h.counters.Unwritable.Add(1)
		fail(ctx, fasthttp.StatusServiceUnavailable, "the verdict can't be put into an answer")
		return
	}
	h.write(ctx, x)
}

// write writes the answer that x.verdict makes. It must be writable.
func (h *Handler) write(ctx *fasthttp.RequestCtx, x *exchange) {
	v := &x.verdict
	switch v.Action {
	case rules.Block:
		h.counters.Blocked.Add(1)
	case rules.Divert:
		h.counters.Diverted.Add(1)
	default:
		h.counters.Allowed.Add(1)
	}
	if acceptsJSON(ctx) {
		ctx.SetContentType(applicationJSON)
		x.answer = appendJSON(x.answer[:0], v)
	} else {
		ctx.SetContentType(textPlain)
		x.answer = appendLines(x.answer[:0], v)
	}
	ctx.SetBody(x.answer)
}

// read fills x.call from the request. Everything that a call keeps of it becomes
// one string, and each attribute a slice of that.
func (x *exchange) read(ctx *fasthttp.RequestCtx, query []byte) error {
	x.scratch = x.params.decode(x.scratch[:0], query, isQueryKey)
	kind, body := mediaType(ctx.Request.Header.ContentType()), ctx.PostBody()
	switch {
	case equalFold(kind, formType):
		return x.readForm(body)
	case equalFold(kind, applicationJSON):
		return x.readJSON(body)
	}
	var b strings.Builder
	b.Grow(len(x.scratch) + len(body))
	b.Write(x.scratch)
	b.Write(body)
	x.params.text = b.String()
	if err := x.readMessage(x.params.text[len(x.scratch):]); err != nil {
		return err
	}
	r := x.params.routing()
	r.requestURI = cmp.Or(r.requestURI, x.message.RequestURI)
	x.route(&r)
	return nil
}

// readMessage fills x.call from a SIP request, but for what the switch alone
// knows.
func (x *exchange) readMessage(text string) error {
	m, c := &x.message, &x.call
	if err := m.Parse(text); err != nil {
		return err
	}
	c.CallID, c.FromTag, c.CSeq = m.CallID, m.FromTag, m.CSeq
	c.From = identity(&m.From)
	c.From.Verstat = m.From.Verstat()
	c.To = identity(&m.To)
	for i := range m.Asserted {
		c.Asserted[i] = identity(&m.Asserted[i])
		c.Asserted[i].Verstat = m.Asserted[i].Verstat()
	}
	c.RemoteParty = identity(&m.RemoteParty)
	c.Privacy = m.Privacy
	c.Diversion = m.Diversion.URI.User
	c.UserAgent = m.UserAgent
	c.Priority = m.Priority
	c.Attestation = m.Attestation
	c.Headers = m
	return nil
}

// routing is what the switch alone knows of a call, as text.
type routing struct{ source, port, requestURI, account, trunk, upstream string }

// route fills x.call from it.
func (x *exchange) route(r *routing) {
	c := &x.call
	x.badSource = false
	if r.source != "" {
		a, err := netip.ParseAddr(strings.Trim(r.source, "[]"))
		c.Source = a.Unmap().WithZone("")
		x.badSource = err != nil
	}
	if r.port != "" {
		n, err := strconv.ParseUint(r.port, 10, 16)
		if err != nil {
			n, x.badSource = 0, true
		}
		c.SourcePort = uint16(n)
	}
	c.Account, c.TrunkName, c.RequestURI = r.account, r.trunk, r.requestURI
	c.Upstream = strings.Trim(r.upstream, "[]")
	c.RequestUser, c.Domain = destination(r.requestURI)
}

// destination is the user and host of a Request-URI. A client without SIP may
// give a number alone, and that its parameters.
func destination(uri string) (user, host string) {
	u := sip.ParseURI(uri)
	if u.Scheme == sip.NoScheme && !strings.ContainsAny(uri, ":<") {
		user, host, _ = strings.Cut(uri, "@")
		user, _, _ = strings.Cut(user, ";")
		host, _, _ = strings.Cut(host, ";")
		return user, host
	}
	return u.User, u.Host
}

// identity is an address as rules know it.
func identity(a *sip.Address) rules.Identity {
	return rules.Identity{User: a.URI.User, Host: a.URI.Host, Display: a.Display, Tel: a.URI.Scheme == sip.Tel}
}

// mediaType is a content type without its parameters.
func mediaType(contentType []byte) []byte {
	if i := bytes.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	return bytes.TrimSpace(contentType)
}

// The content types with a meaning; any other is a raw SIP request.
const (
	formType        = "application/x-www-form-urlencoded"
	applicationJSON = "application/json"
)

// equalFold compares ASCII text in any case; s is in lower case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != s[i] {
			return false
		}
	}
	return true
}
