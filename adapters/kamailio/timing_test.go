package kamailio

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"ringfence/rules"
)

// plainDecider decides at no cost.
type plainDecider struct{}

func (plainDecider) Decide(c *rules.Call, v *rules.Verdict) { decide(c, v) }
func (plainDecider) Observe(*rules.Outcome) rules.Observed  { return rules.Counted }
func (plainDecider) Running([]rules.ID, time.Time) int      { return 0 }

const benchQuery = "?src=192.0.2.7&port=5060&ruri=sip%3A%2B12025550142%40sbc.example.net%3Buser%3Dphone"

// benchInvite is a raw INVITE of 700 bytes.
func benchInvite(from string) string { return padded(from, 700) }

func benchRequest(from string) *fasthttp.RequestCtx {
	ctx := new(fasthttp.RequestCtx)
	ctx.Request.Header.SetMethod(fasthttp.MethodPost)
	ctx.Request.Header.SetContentType(sipType)
	ctx.Request.SetRequestURI(callPath + benchQuery)
	ctx.Request.SetBodyString(benchInvite(from))
	return ctx
}

// BenchmarkHandle is the handler alone, without a connection.
func BenchmarkHandle(b *testing.B) {
	for _, from := range []string{clean, spam} {
		b.Run(from, func(b *testing.B) {
			h := NewHandler(plainDecider{}, Options{})
			ctx := benchRequest(from)
			b.ReportAllocs()
			for b.Loop() {
				ctx.Response.Reset()
				h.Handle(ctx)
			}
		})
	}
}

// BenchmarkServer is a request over a connection in memory, for the handler and
// for one that reads the same body and writes the same answer.
func BenchmarkServer(b *testing.B) {
	h := NewHandler(plainDecider{}, Options{})
	bare := h.Server()
	bare.Handler = func(ctx *fasthttp.RequestCtx) {
		if len(ctx.PostBody()) == 0 {
			ctx.SetStatusCode(fasthttp.StatusBadRequest)
			return
		}
		ctx.SetContentType(textPlain)
		ctx.SetBodyString("1 allow\n\n\n1hd4v2k0q7x9m3t5b8zw\n\n\n\n\n\n")
	}
	for _, c := range []struct {
		name   string
		server *Server
	}{{"bare", bare}, {"ringfence", h.Server()}} {
		b.Run(c.name, func(b *testing.B) {
			l := fasthttputil.NewInmemoryListener()
			done := make(chan error, 1)
			go func() { done <- c.server.Serve(l) }()
			conn, err := l.Dial()
			if err != nil {
				b.Fatal(err)
			}
			request := []byte(httpRequest("POST "+callPath+benchQuery, benchInvite(clean), "Content-Type: "+sipType))
			r := bufio.NewReader(conn)
			b.ReportAllocs()
			for b.Loop() {
				if err := benchRoundTrip(conn, r, request); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			conn.Close()
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}

func benchRoundTrip(conn net.Conn, r *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if s, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length = 0
			for _, c := range s {
				if '0' <= c && c <= '9' {
					length = 10*length + int(c-'0')
				}
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	_, err := io.CopyN(io.Discard, r, int64(length))
	return err
}
