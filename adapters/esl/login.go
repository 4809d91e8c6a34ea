package esl

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// logIn answers the switch's question for the password. It ends with ctx.
func (c *Conn) logIn(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	err := c.authenticate()
	if !stop() {
		return fmt.Errorf("no login, is this a switch's event socket (listen-ip and listen-port of its event_socket.conf.xml)? %w", ctx.Err())
	}
	return err
}

func (c *Conn) authenticate() error {
	if err := c.expect(AuthRequest, nil); err != nil {
		return err
	}
	command, err := AppendCommand(nil, "auth "+c.options.Password)
	if err != nil {
		return fmt.Errorf("the password: %w", err)
	}
	if err := c.writeNow(command); err != nil {
		return err
	}
	var reply Event
	if err := c.expect(CommandReply, &reply); err != nil {
		return err
	}
	if text := reply.Get("Reply-Text"); !strings.HasPrefix(text, "+OK") {
		return fmt.Errorf("%w (%q)", ErrPassword, text)
	}
	return nil
}

// expect reads a message of this type into e, which may be nil.
func (c *Conn) expect(typ Type, e *Event) error {
	if e == nil {
		e = new(Event)
	}
	err := c.decode(e)
	switch {
	case err != nil:
		return err
	case e.typ == typ:
		return nil
	case e.typ == RudeRejection:
		return ErrACL
	case e.typ == DisconnectNotice:
		return &DisconnectError{Text: strings.TrimSpace(e.Body())}
	}
	return frameError("%s where %s belongs", e.typ, typ)
}
