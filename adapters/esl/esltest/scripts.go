package esltest

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// errOver ends a script that has nothing more to say.
var errOver = errors.New("esltest: over")

// Goodbye is what a switch says at the end of a connection.
const Goodbye = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"

// LogIn asks for the password and refuses another.
func LogIn(p *Peer, password string) error {
	if _, err := io.WriteString(p, "Content-Type: auth/request\n\n"); err != nil {
		return err
	}
	c, err := p.ReadCommand()
	if err != nil {
		return err
	}
	if c.Line != "auth "+password {
		return errors.Join(p.Reply("-ERR invalid"), p.Disconnect(Goodbye), errOver)
	}
	return p.Reply("+OK accepted")
}

// Serve lets a client with that password in and has each of its commands
// answered by answer, or, where that is nil, by Answer.
func Serve(password string, answer func(p *Peer, c Command) error) Script {
	if answer == nil {
		answer = Answer
	}
	return func(p *Peer) error {
		err := LogIn(p, password)
		for err == nil {
			var c Command
			if c, err = p.ReadCommand(); err == nil {
				err = answer(p, c)
			}
		}
		return err
	}
}

// Answer says +OK to a command, gives a bgapi its job's event, and obeys exit.
func Answer(p *Peer, c Command) error {
	switch verb, rest, _ := strings.Cut(c.Line, " "); verb {
	case "api":
		return p.API("+OK\n")
	case "bgapi":
		job := c.Header["job-uuid"]
		if err := p.Reply("+OK Job-UUID: " + job + "\nJob-UUID: " + job); err != nil {
			return err
		}
		_, err := p.Write(Event{{"Event-Name", "BACKGROUND_JOB"}, {"Job-UUID", job}, {"Job-Command", rest}, {"_body", "+OK\n"}}.JSON())
		return err
	case "exit":
		return errors.Join(p.Reply("+OK bye"), p.Disconnect(Goodbye), errOver)
	}
	return p.Reply("+OK")
}

// Silent accepts and says nothing.
func Silent(p *Peer) error {
	_, err := io.Copy(io.Discard, p.in)
	return err
}

// Garbage sends what is no message.
func Garbage(p *Peer) error {
	_, err := p.Write([]byte("\x00\x16\x03\x01 220 mail.example.net ESMTP\r\n\r\n"))
	return err
}

// HugeLength lets the client in and announces a body of 100 MB.
func HugeLength(password string) Script {
	return func(p *Peer) error {
		if err := LogIn(p, password); err != nil {
			return err
		}
		if _, err := io.WriteString(p, "Content-Length: 104857600\nContent-Type: text/event-json\n\n{"); err != nil {
			return err
		}
		return Silent(p)
	}
}

// HalfClosed lets the client in, and then sends nothing more, but reads.
func HalfClosed(password string) Script {
	return func(p *Peer) error {
		if err := LogIn(p, password); err != nil {
			return err
		}
		if err := p.CloseWrite(); err != nil {
			return err
		}
		return Silent(p)
	}
}

// Refusing lets the client in and answers -ERR to every command.
func Refusing(password string) Script {
	return Serve(password, func(p *Peer, c Command) error {
		if strings.HasPrefix(c.Line, "api ") {
			return p.API("-ERR no\n")
		}
		return p.Reply("-ERR command not found")
	})
}

// Flood sends n messages, which are whole frames and sent in turn, as fast as
// they are taken, once the client has subscribed to events; other commands are
// answered by Answer.
func Flood(password string, n int, messages ...[]byte) Script {
	return Serve(password, func(p *Peer, c Command) error {
		if err := Answer(p, c); err != nil || !strings.HasPrefix(c.Line, "event ") {
			return err
		}
		for i := range n {
			if _, err := p.Write(messages[i%len(messages)]); err != nil {
				return fmt.Errorf("after %d messages: %w", i, err)
			}
		}
		return nil
	})
}
