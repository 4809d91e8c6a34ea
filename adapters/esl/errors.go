package esl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

// ErrUnsafe refuses to write what would become another line, another command or
// none at the switch.
var ErrUnsafe = errors.New("esl: text that has CR, LF or NUL, or none where there must be some, can't be sent")

func unsafePart(part string) error { return fmt.Errorf("%w (%s)", ErrUnsafe, part) }

// What ends a Conn, or keeps it from being made, beside errors of the network.
var (
	ErrPassword = errors.New("the switch refuses the password: give the one of its event_socket.conf.xml")
	ErrACL      = errors.New("the switch refuses our address: allow it in the ACL that apply-inbound-acl in its event_socket.conf.xml names (loopback.auto when none is named)")

	errClosedBySwitch = errors.New("the switch closed the connection")
)

// cure is what helps where nobody could be connected to.
func cure(err error) string {
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return " (is the name right? an address needs no look-up)"
	case errors.Is(err, syscall.ECONNREFUSED):
		return " (does the switch run, has it loaded mod_event_socket, and is this listen-ip and listen-port of its event_socket.conf.xml?)"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return " (is this its listen-ip, and does a firewall let us through?)"
	}
	return ""
}

// ErrLagged tells that events were dropped because they were not read as fast
// as they came: what they would have told must be asked for.
var ErrLagged = errors.New("esl: events were lost: more came than were read")

// ErrBusy refuses a command while as many as are allowed are unanswered.
var ErrBusy = errors.New("esl: too many commands wait for the switch")

// DisconnectError is the end of a connection as the switch announced it.
type DisconnectError struct {
	Text string // the notice's, e.g. "The system is being shut down."
}

func (e *DisconnectError) Error() string { return "the switch disconnected: " + strconv.Quote(e.Text) }

// ReplyError is a refusal by the switch.
type ReplyError struct {
	Text string // as the switch wrote it, e.g. "-ERR No such channel!"
}

func (e *ReplyError) Error() string { return "esl: the switch answered " + e.Text }

// BodyError is a message that was read whole, but whose body is not what its
// Content-Type says. It is lost; the next one can be decoded.
type BodyError struct {
	Type  Type
	Cause string
}

func (e *BodyError) Error() string { return fmt.Sprintf("esl: %s: %s", e.Type, e.Cause) }

// FrameError is input that is no message. Where the next one would begin can't
// be told: the connection is of no more use.
type FrameError struct{ Cause string }

func (e *FrameError) Error() string { return "not the event socket's protocol: " + e.Cause }
