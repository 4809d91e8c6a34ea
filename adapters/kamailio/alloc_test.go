//go:build !race

package kamailio

import (
	"testing"

	"github.com/valyala/fasthttp"
)

// TestHandleAllocates holds that a raw request costs one allocation, the text
// that the call's strings are slices of.
func TestHandleAllocates(t *testing.T) {
	h := NewHandler(plainDecider{}, Options{})
	for _, from := range []string{clean, spam, labelled, diverted} {
		ctx := benchRequest(from)
		h.Handle(ctx)
		if got := testing.AllocsPerRun(1000, func() {
			ctx.Response.Reset()
			h.Handle(ctx)
		}); got > 1 {
			t.Errorf("%s: %v allocations, want at most 1", from, got)
		}
		if code := ctx.Response.StatusCode(); code != fasthttp.StatusOK {
			t.Errorf("%s: %d", from, code)
		}
	}
}
