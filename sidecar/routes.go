package sidecar

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"ringfence/adapters/freeswitch"
)

// decisionRoutes are the two adapters behind the decision listener, told apart by
// the path.
type decisionRoutes struct {
	freeswitch *freeswitch.HTTP
	other      fasthttp.RequestHandler
}

var httpPrefix = []byte(freeswitch.HTTPPrefix)

func (r *decisionRoutes) handle(ctx *fasthttp.RequestCtx) {
	if bytes.HasPrefix(ctx.RequestURI(), httpPrefix) {
		r.freeswitch.Handle(ctx)
		return
	}
	r.other(ctx)
}

// limits are what a request may have more than others.
func (r *decisionRoutes) limits(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
	if bytes.HasPrefix(h.RequestURI(), httpPrefix) {
		c.MaxRequestBodySize = freeswitch.HTTPBodyLimit
	}
	return c
}
