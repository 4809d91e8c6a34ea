package esl

import (
	"context"
	"fmt"
)

// Send sends a command ("api status", "event json CHANNEL_PARK", "filter …",
// "linger") and waits for its reply. A refusal is both the reply and, as a
// *ReplyError, the error; see Event.Reply. When ctx ends first, the switch may
// still carry the command out.
//
// "getvar" is not safe: the value comes unescaped, and one with line breaks,
// which may be the caller's, would be read as messages.
func (c *Conn) Send(ctx context.Context, command string) (*Event, error) {
	return c.ask(ctx, func(dst []byte) ([]byte, error) { return AppendCommand(dst, command) })
}

// SendMsg sends a message to the channel with that uuid; see AppendMsg.
func (c *Conn) SendMsg(ctx context.Context, m Msg, uuid, body string) (*Event, error) {
	return c.ask(ctx, func(dst []byte) ([]byte, error) { return AppendMsg(dst, uuid, m, body) })
}

// Execute runs an application on the channel that `myevents UUID` has bound the
// connection to, with lock only after those sent before it have ended. The
// reply tells that it was queued; CHANNEL_EXECUTE_COMPLETE tells its end.
func (c *Conn) Execute(ctx context.Context, app, arg string, lock bool) (*Event, error) {
	return c.ask(ctx, func(dst []byte) ([]byte, error) { return AppendExecute(dst, "", app, arg, lock) })
}

// ExecuteUUID runs an application on the channel with that uuid, as Execute
// does. The switch takes it up when the channel parks or is otherwise idle.
func (c *Conn) ExecuteUUID(ctx context.Context, uuid, app, arg string) (*Event, error) {
	return c.ask(ctx, func(dst []byte) ([]byte, error) { return AppendExecute(dst, uuid, app, arg, false) })
}

// Post sends n commands, written by the Append functions, in one write, and
// waits for nothing. reply, if not nil, is called with the reply to each, in
// order, by the goroutine that reads: it must not wait. When the connection
// ends before, it is not called.
func (c *Conn) Post(commands []byte, n int, reply func(*Event)) error {
	return c.submit(n, reply, func(dst []byte) ([]byte, error) { return append(dst, commands...), nil })
}

// ask sends what write appends and waits for its reply.
func (c *Conn) ask(ctx context.Context, write func(dst []byte) ([]byte, error)) (*Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	replies := make(chan *Event, 1)
	if err := c.submit(1, func(e *Event) { replies <- e }, write); err != nil {
		return nil, err
	}
	e, err := c.await(ctx, replies)
	if err != nil {
		return nil, err
	}
	return e, e.Reply()
}

// await waits for what is answered, which counts even if all ends meanwhile.
func (c *Conn) await(ctx context.Context, answers <-chan *Event) (*Event, error) {
	select {
	case e := <-answers:
		return e, nil
	case <-ctx.Done():
	case <-c.ended:
	}
	select {
	case e := <-answers:
		return e, nil
	default:
	}
	if err := c.failure(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("esl: %s: no answer: %w", c.address, ctx.Err())
}

// submit gives the writer n commands, which write appends, and notes who gets
// their replies.
func (c *Conn) submit(n int, reply func(*Event), write func(dst []byte) ([]byte, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.waiting.len+n > len(c.waiting.items) || len(c.unsent) > maxUnsent {
		return ErrBusy
	}
	unsent, err := write(c.unsent)
	if err != nil {
		return err
	}
	c.unsent = unsent
	for range n {
		c.waiting.push(reply)
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

// reply gives e to who sent the oldest command that is unanswered.
func (c *Conn) reply(e *Event) error {
	c.mu.Lock()
	if c.waiting.len == 0 {
		c.mu.Unlock()
		return frameError("a %s that nothing was asked for", e.typ)
	}
	take := c.waiting.pop()
	c.mu.Unlock()
	if take != nil {
		take(e)
	}
	return nil
}
