package esl

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// starved is the environment variable that makes this test's program a server
// with few file descriptors.
const starved = "ESL_TEST_DESCRIPTORS"

// Without a file descriptor for them calls are let go on, and later ones are
// served.
func TestNoDescriptorIsLeft(t *testing.T) {
	if n, err := strconv.ParseUint(os.Getenv(starved), 10, 64); err == nil {
		serveStarved(t, n)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNoDescriptorIsLeft$")
	cmd.Env = append(os.Environ(), starved+"=64")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server: %v", err)
		}
	})
	lines := bufio.NewReader(out)
	address, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = strings.TrimSpace(address)
	var held []caller
	ended := 0
	for range 200 {
		c := dial(t, address)
		switch greeting, err := io.ReadAll(io.LimitReader(c, int64(len(connect)))); {
		case string(greeting) == string(connect):
			held = append(held, c)
		case len(greeting) == 0 && !isTimeout(err):
			ended++
		default:
			t.Fatalf("the server sent %q, %v", greeting, err)
		}
	}
	if len(held) < 20 || ended < 100 {
		t.Errorf("%d calls held and %d let go on, want some of both", len(held), ended)
	}
	for _, c := range held {
		_ = c.Close()
	}
	await(t, "a call is served again", func() bool {
		c := dial(t, address)
		greeting, _ := io.ReadAll(io.LimitReader(c, int64(len(connect))))
		_ = c.Close()
		return string(greeting) == string(connect)
	})
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// serveStarved serves until its input ends.
func serveStarved(t *testing.T, descriptors uint64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(block, ServerOptions{Deadline: limit, Linger: time.Second, Logger: slog.New(slog.DiscardHandler)})
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: descriptors, Max: descriptors}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	fmt.Println(l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if n := s.Counters(); n.Exhausted.Load() == 0 || n.AcceptErrors.Load() == 0 {
		t.Errorf("%d calls let go on without a descriptor after %d errors, want some", n.Exhausted.Load(), n.AcceptErrors.Load())
	}
	select {
	case err := <-ended:
		t.Errorf("Serve ended with %v", err)
	default:
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-ended
	}
}
