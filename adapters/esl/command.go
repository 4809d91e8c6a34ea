package esl

import (
	"strconv"
	"strings"
)

// Header is one line of a Msg.
type Header struct{ Name, Value string }

// Msg is what sendmsg carries, in order.
type Msg []Header

// AppendCommand appends a command and the headers that go with it. Text that
// could become another line is refused with ErrUnsafe, and dst is returned as
// it was.
func AppendCommand(dst []byte, command string, headers ...Header) ([]byte, error) {
	if command == "" || !safe(command) {
		return dst, unsafePart("command")
	}
	b := append(append(dst, command...), '\n')
	b, err := appendHeaders(b, headers)
	if err != nil {
		return dst, err
	}
	return append(b, '\n'), nil
}

// AppendMsg appends a sendmsg to the channel with that uuid; "" is the channel
// that a connection of the outbound direction belongs to. The body, if there is
// one, goes with a Content-Length and may hold line breaks. What is unsafe is
// refused as by AppendCommand.
func AppendMsg(dst []byte, uuid string, m Msg, body string) ([]byte, error) {
	b, err := appendSendMsg(dst, uuid)
	if err == nil {
		b, err = appendHeaders(b, m)
	}
	if err != nil {
		return dst, err
	}
	if body != "" {
		if strings.IndexByte(body, 0) >= 0 {
			return dst, unsafePart("body")
		}
		b = append(b, "content-length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, body...), nil
}

// AppendExecute appends the sendmsg that runs an application on a channel, with
// lock only after those sent before it have ended. uuid is as for AppendMsg.
// The argument goes as the body, which the switch reads at once, where it reads
// headers byte by byte; what is unsafe is refused all the same. The switch
// expands ${…} in it: what callers chose must be cleaned before.
func AppendExecute[A string | []byte](dst []byte, uuid, app string, arg A, lock bool) ([]byte, error) {
	b, err := appendSendMsg(dst, uuid)
	if err != nil {
		return dst, err
	}
	if app == "" || !safe(app) {
		return dst, unsafePart("execute-app-name")
	}
	if !safe(arg) {
		return dst, unsafePart("execute-app-arg")
	}
	b = append(append(b, "call-command:execute\nexecute-app-name:"...), app...)
	if lock {
		b = append(b, "\nevent-lock:true"...)
	}
	if len(arg) > 0 {
		b = append(b, "\ncontent-type:text/plain\ncontent-length:"...)
		b = strconv.AppendInt(b, int64(len(arg)), 10)
	}
	b = append(b, "\n\n"...)
	return append(b, arg...), nil
}

func appendSendMsg(dst []byte, uuid string) ([]byte, error) {
	b := append(dst, "sendmsg"...)
	if uuid != "" {
		if !safe(uuid) {
			return dst, unsafePart("uuid")
		}
		b = append(append(b, ' '), uuid...)
	}
	return append(b, '\n'), nil
}

func appendHeaders(dst []byte, headers []Header) ([]byte, error) {
	for _, h := range headers {
		if !safeName(h.Name) {
			return dst, unsafePart("header name")
		}
		if !safe(h.Value) {
			return dst, unsafePart(h.Name)
		}
		dst = append(append(dst, h.Name...), ": "...)
		dst = append(append(dst, h.Value...), '\n')
	}
	return dst, nil
}

// safe tells whether the switch reads text as a part of one line.
func safe[T string | []byte](text T) bool {
	for i := range len(text) {
		if c := text[i]; c == '\n' || c == '\r' || c == 0 {
			return false
		}
	}
	return true
}

// safeName tells whether the switch reads name as the name of a header, and not
// as the one that says how much body follows.
func safeName(name string) bool {
	return name != "" && safe(name) && strings.IndexByte(name, ':') < 0 && !equalFold(name, "Content-Length")
}
