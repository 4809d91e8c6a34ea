package kamailio

import (
	"errors"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// Server returns a server for h, ready to Serve: connections are kept, Expect:
// 100-continue is answered at once and an answer is one write.
func (h *Handler) Server() *Server {
	return &Server{&fasthttp.Server{
		Handler:               h.Handle,
		ErrorHandler:          h.unread,
		NoDefaultServerHeader: true,

		MaxRequestBodySize: h.options.BodyLimit,
		ReadBufferSize:     h.options.HeaderLimit,
		WriteBufferSize:    16 << 10, // an answer and its headers in one piece
		IdleTimeout:        h.options.IdleTimeout,
		ReadTimeout:        h.options.ReadTimeout,
		WriteTimeout:       h.options.WriteTimeout,
		CloseOnShutdown:    true,

		NoDefaultDate:                true,
		DisablePreParseMultipartForm: true,
		SecureErrorLogMessage:        true, // a request holds numbers
		Logger:                       silent{},
	}}
}

// silent is a server's logger: what it would say of a client's connection is
// counted by unread, and its text can quote the request.
type silent struct{}

func (silent) Printf(string, ...any) {}

// unread answers a request that could not be read. The server then closes its
// connection.
func (h *Handler) unread(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge), errors.As(err, &small):
		h.tooLarge(ctx)
		h.drain(ctx.Conn(), ctx.Request.Header.ContentLength())
	case errors.As(err, &timeout) && timeout.Timeout():
		h.counters.Slow.Add(1)
		fail(ctx, fasthttp.StatusRequestTimeout, "the request did not arrive in time")
	default:
		h.counters.Refused.Add(1)
		fail(ctx, fasthttp.StatusBadRequest, "not an HTTP request")
	}
}

func (h *Handler) tooLarge(ctx *fasthttp.RequestCtx) {
	h.counters.TooLarge.Add(1)
	fail(ctx, fasthttp.StatusRequestEntityTooLarge, "the request is larger than this daemon takes; no switch should forward it unasked")
}

// The bounds of drain.
const (
	drainLimit = 16 << 20
	drainPause = 100 * time.Millisecond
)

// drain reads what a client is still sending and throws it away: closing a
// connection with unread data resets it, and the client would see that instead
// of the answer. It stops when the client pauses after about length bytes, at
// drainLimit and at the read timeout.
func (h *Handler) drain(c net.Conn, length int) {
	buffer := make([]byte, 32<<10)
	end := time.Now().Add(h.options.ReadTimeout)
	for read := 0; read < drainLimit; {
		deadline := end
		if read >= length-h.options.HeaderLimit { // so much of it may have been read before
			deadline = time.Now().Add(drainPause)
		}
		if deadline.After(end) {
			deadline = end
		}
		if c.SetReadDeadline(deadline) != nil {
			return
		}
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		read += n
	}
}
