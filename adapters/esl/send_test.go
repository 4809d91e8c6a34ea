package esl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ringfence/adapters/esl/esltest"
)

// echo answers "api TEXT" with the text.
func echo(p *esltest.Peer, c esltest.Command) error {
	return p.API(strings.TrimPrefix(c.Line, "api "))
}

func TestSendConcurrently(t *testing.T) {
	c := connected(t, esltest.Serve(password, echo), Options{})
	ctx := limited(t)
	var senders sync.WaitGroup
	for i := range 16 {
		senders.Go(func() {
			for j := range 100 {
				want := fmt.Sprintf("%d of %d", j, i)
				e, err := c.Send(ctx, "api "+want)
				if err != nil || e.Body() != want {
					t.Errorf("%v, %v, want %s", e, err, want)
					return
				}
			}
		})
	}
	senders.Wait()
	if n := c.Stats().Outstanding; n != 0 {
		t.Errorf("%d outstanding at the end", n)
	}
}

// TestSendLateReply ends the wait for a reply before it comes: it must not
// answer the next command.
func TestSendLateReply(t *testing.T) {
	first, go_ := make(chan struct{}), make(chan struct{})
	c := connected(t, esltest.Serve(password, func(p *esltest.Peer, cmd esltest.Command) error {
		if cmd.Line == "api first" {
			close(first)
			select {
			case <-go_:
			case <-p.Context().Done():
			}
		}
		return echo(p, cmd)
	}), Options{})
	ctx, cancel := context.WithCancel(limited(t))
	go func() {
		<-first
		cancel()
	}()
	if _, err := c.Send(ctx, "api first"); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want it canceled", err)
	}
	if n := c.Stats().Outstanding; n != 1 {
		t.Errorf("%d outstanding, want the first still", n)
	}
	close(go_)
	if e, err := c.Send(limited(t), "api second"); err != nil || e.Body() != "second" {
		t.Errorf("%v, %v, want its own reply", e, err)
	}
	if _, err := c.Send(ctx, "api third"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it canceled at once", err)
	}
}

func TestSendBusy(t *testing.T) {
	c := connected(t, func(p *esltest.Peer) error {
		if err := esltest.LogIn(p, password); err != nil {
			return err
		}
		return esltest.Silent(p)
	}, Options{Outstanding: 2})
	if err := c.Post([]byte("api a\n\napi b\n\n"), 2, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(limited(t), "api c"); err != ErrBusy {
		t.Errorf("%v, want %v", err, ErrBusy)
	}
	if _, err := c.BgAPI(limited(t), "c"); err != ErrBusy {
		t.Errorf("%v, want %v", err, ErrBusy)
	}
	if s := c.Stats(); s.Outstanding != 2 || s.Jobs != 0 {
		t.Errorf("%+v", s)
	}
}

func TestSendRefused(t *testing.T) {
	c := connected(t, esltest.Refusing(password), Options{})
	ctx := limited(t)
	for name, send := range map[string]func() (*Event, error){
		"Send":        func() (*Event, error) { return c.Send(ctx, "event json ALL") },
		"Send api":    func() (*Event, error) { return c.Send(ctx, "api status") },
		"SendMsg":     func() (*Event, error) { return c.SendMsg(ctx, Msg{{"call-command", "hangup"}}, "u", "") },
		"Execute":     func() (*Event, error) { return c.Execute(ctx, "park", "", true) },
		"ExecuteUUID": func() (*Event, error) { return c.ExecuteUUID(ctx, "u", "park", "x") },
		"BgAPI":       func() (*Event, error) { return c.BgAPI(ctx, "status") },
	} {
		e, err := send()
		var refusal *ReplyError
		if !errors.As(err, &refusal) || e == nil || !strings.HasPrefix(refusal.Text, "-ERR") {
			t.Errorf("%s: %v, %v, want a refusal", name, e, err)
		}
	}
	await(t, "all replies are in", func() bool { return c.Stats().Outstanding == 0 })
}

// TestSendUnsafe holds that nothing of a refused command is sent.
func TestSendUnsafe(t *testing.T) {
	var lines atomic.Int32
	c := connected(t, esltest.Serve(password, func(p *esltest.Peer, cmd esltest.Command) error {
		lines.Add(1)
		return echo(p, cmd)
	}), Options{})
	ctx := limited(t)
	const bad = "x\n\nexit"
	for name, send := range map[string]func() (*Event, error){
		"Send":        func() (*Event, error) { return c.Send(ctx, bad) },
		"SendMsg":     func() (*Event, error) { return c.SendMsg(ctx, Msg{{"call-command", bad}}, "u", "") },
		"Execute":     func() (*Event, error) { return c.Execute(ctx, "set", bad, true) },
		"ExecuteUUID": func() (*Event, error) { return c.ExecuteUUID(ctx, bad, "park", "x") },
		"BgAPI":       func() (*Event, error) { return c.BgAPI(ctx, bad) },
	} {
		if _, err := send(); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s: %v, want %v", name, err, ErrUnsafe)
		}
	}
	if e, err := c.Send(ctx, "api after"); err != nil || e.Body() != "after" || lines.Load() != 1 {
		t.Errorf("%v, %v, %d commands sent", e, err, lines.Load())
	}
}

func TestPost(t *testing.T) {
	c := connected(t, esltest.Serve(password, echo), Options{})
	got := make(chan string, 3)
	if err := c.Post([]byte("api a\n\napi b\n\napi c\n\n"), 3, func(e *Event) { got <- e.Body() }); err != nil {
		t.Fatal(err)
	}
	if all := []string{<-got, <-got, <-got}; !slices.Equal(all, []string{"a", "b", "c"}) {
		t.Errorf("%q", all)
	}
}

// TestReplyUnasked ends a connection on which replies could no longer be matched.
func TestReplyUnasked(t *testing.T) {
	c := connected(t, func(p *esltest.Peer) error {
		return errors.Join(esltest.LogIn(p, password), p.Reply("+OK"), esltest.Silent(p))
	}, Options{})
	_, err := c.ReadEvent(limited(t))
	var frame *FrameError
	if !errors.As(err, &frame) {
		t.Errorf("%v", err)
	}
}

func TestBgAPI(t *testing.T) {
	c := connected(t, esltest.Serve(password, func(p *esltest.Peer, cmd esltest.Command) error {
		command, ok := strings.CutPrefix(cmd.Line, "bgapi ")
		if !ok {
			return esltest.Answer(p, cmd)
		}
		job := cmd.Header["job-uuid"]
		other := esltest.Event{{Name: "Event-Name", Value: backgroundJob}, {Name: "Job-UUID", Value: "of another"}}
		own := esltest.Event{{Name: "Event-Name", Value: backgroundJob}, {Name: "Job-UUID", Value: job}, {Name: "_body", Value: command}}
		if _, err := p.Write(other.JSON()); err != nil {
			return err
		}
		if err := p.Reply("+OK Job-UUID: " + job); err != nil {
			return err
		}
		_, err := p.Write(own.JSON())
		return err
	}), Options{})
	ctx := limited(t)
	var callers sync.WaitGroup
	for i := range 20 {
		callers.Go(func() {
			want := fmt.Sprintf("+OK %d\n", i)
			e, err := c.BgAPI(ctx, strings.TrimSpace(want))
			if err != nil || e.Body() != strings.TrimSpace(want) {
				t.Errorf("%v, %v, want %q", e, err, want)
			}
		})
	}
	callers.Wait()
	if _, err := c.BgAPI(ctx, "-ERR no such thing"); err == nil || err.Error() != "esl: the switch answered -ERR no such thing" {
		t.Errorf("%v, want a refusal", err)
	}
	for range 21 {
		if e, err := c.ReadEvent(ctx); err != nil || e.Get("Job-UUID") != "of another" {
			t.Errorf("%v, %v, want the job of another", e, err)
		}
	}
	if s := c.Stats(); s.Jobs != 0 || s.Queued != 0 {
		t.Errorf("%+v", s)
	}
}

func TestBgAPINoResult(t *testing.T) {
	ctx, cancel := context.WithCancel(limited(t))
	c := connected(t, esltest.Serve(password, func(p *esltest.Peer, cmd esltest.Command) error {
		if strings.HasPrefix(cmd.Line, "bgapi") {
			defer cancel()
		}
		return p.Reply("+OK")
	}), Options{})
	if _, err := c.BgAPI(ctx, "originate"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it canceled", err)
	}
	if n := c.Stats().Jobs; n != 0 {
		t.Errorf("%d jobs are waited for", n)
	}
}
