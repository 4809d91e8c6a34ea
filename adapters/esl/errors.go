package esl

import (
	"errors"
	"fmt"
)

// ErrUnsafe refuses to write what would become another line, another command or
// none at the switch.
var ErrUnsafe = errors.New("esl: text that has CR, LF or NUL, or none where there must be some, can't be sent")

func unsafe(part string) error { return fmt.Errorf("%w (%s)", ErrUnsafe, part) }

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

func (e *FrameError) Error() string { return "esl: not the event socket's protocol: " + e.Cause }
