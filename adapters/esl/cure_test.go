package esl

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
)

// What keeps a switch from being reached is said with what helps.
func TestCures(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "mod_event_socket"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "fs1"}}, "the name"},
		{context.DeadlineExceeded, "firewall"},
		{net.ErrClosed, ""},
	} {
		failing := func(context.Context, string, string) (net.Conn, error) { return nil, c.err }
		_, err := Dial(t.Context(), "fs1:8021", Options{Dial: failing})
		said := fmt.Sprint(err)
		if _, cure, _ := strings.Cut(said, c.err.Error()); !strings.Contains(cure, c.want) || (cure == "") != (c.want == "") {
			t.Errorf("%v: %q", c.err, said)
		}
	}
}
