package kamailio

import (
	"bytes"
	"fmt"

	"github.com/valyala/fasthttp"

	"ringfence/rules"
)

// runningTally is what became of a list of running calls.
type runningTally struct {
	Known     uint64 `json:"known"`
	Unknown   uint64 `json:"unknown"`
	Malformed uint64 `json:"malformed"`
}

// idsAtOnce are handed over together.
const idsAtOnce = 256

// running answers a list of calls that run: decisions by their ids, one a line.
// A malformed one does not spoil the others.
func (h *Handler) running(ctx *fasthttp.RequestCtx) {
	var t runningTally
	var some [idsAtOnce]rules.ID
	at, n := h.options.Now(), 0
	flush := func() {
		known := uint64(h.decider.Running(some[:n], at))
		t.Known += known
		t.Unknown += uint64(n) - known
		n = 0
	}
	for line := range bytes.Lines(ctx.PostBody()) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			continue
		}
		id, ok := rules.ParseID(string(line))
		if !ok {
			t.Malformed++
			continue
		}
		some[n] = id
		if n++; n == len(some) {
			flush()
		}
	}
	flush()
	c := &h.counters
	c.RunningKnown.Add(t.Known)
	c.RunningUnknown.Add(t.Unknown)
	c.RunningMalformed.Add(t.Malformed)
	if t.Malformed > 0 {
		h.options.Logger.Warn("malformed ids of running calls were left out", "count", t.Malformed)
	}
	if acceptsJSON(ctx) {
		ctx.SetContentType(applicationJSON)
		ctx.SetBody(appendValue(nil, t))
		return
	}
	ctx.SetContentType(textPlain)
	fmt.Fprintf(ctx, "known %d unknown %d malformed %d\n", t.Known, t.Unknown, t.Malformed)
}
