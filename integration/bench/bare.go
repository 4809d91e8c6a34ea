package main

import (
	"fmt"
	"net"
	"os"

	"github.com/valyala/fasthttp"
)

// bareVerb starts this program as the do-nothing server of a comparison.
const bareVerb = "bare"

// The answers that the bare server gives, the bytes that ringfence would write.
const (
	allowAnswer = "1 allow\n\n\n0c8m3k9d7w2r5t1v6x4y\n\n\n\n\n\n"
	blockAnswer = "1 block\n603\nNetwork Blocked\n0c8m3k9d7w2r5t1v6x4y\n" +
		`SIP;cause=603;text="v=analytics1;url=https://redress.example.com/calls;id=0c8m3k9d7w2r5t1v6x4y";location=RLN` + "\n\n\n\n\n"
)

// serveBare reads each body and writes the same answer, on a free loopback port
// that it prints first. It ends with its standard input.
func serveBare(kind string) error {
	answer := []byte(allowAnswer)
	if kind == "block" {
		answer = []byte(blockAnswer)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		var end [1]byte
		_, _ = os.Stdin.Read(end[:])
		os.Exit(0)
	}()
	if kind == socketKind {
		return serveSocket(l)
	}
	var read uint64
	s := &fasthttp.Server{
		NoDefaultServerHeader: true,
		NoDefaultDate:         true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			read += uint64(len(ctx.PostBody())) % 2 // the body is read, as ours is
			ctx.SetContentType("text/plain")
			ctx.SetBody(answer)
		},
	}
	return s.Serve(l)
}
