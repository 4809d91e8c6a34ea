package esltest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Patience is how long the switch waits for what must come, which only a test
// that fails makes it do.
const Patience = 30 * time.Second

// Peer is the switch's end of one connection. Its methods may be called by
// several goroutines at once, but for ReadCommand.
type Peer struct {
	conn    net.Conn
	in      *bufio.Reader
	context context.Context

	mu sync.Mutex // one message at a time
}

// Script plays a connection; when it returns, the connection ends.
type Script func(p *Peer) error

// Command is what the client sent: a command, the headers and the body that
// went with it.
type Command struct {
	Line   string
	Header map[string]string // by name in lower case
	Body   string
}

// Context ends when the Switch is stopped, for scripts that wait.
func (p *Peer) Context() context.Context { return p.context }

// Write sends bytes as they are.
func (p *Peer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn.Write(b)
}

// Reply answers a command, with text such as "+OK".
func (p *Peer) Reply(text string) error {
	_, err := fmt.Fprintf(p, "Content-Type: command/reply\nReply-Text: %s\n\n", text)
	return err
}

// API answers an api command.
func (p *Peer) API(body string) error {
	_, err := fmt.Fprintf(p, "Content-Type: api/response\nContent-Length: %d\n\n%s", len(body), body)
	return err
}

// Disconnect announces the end, as a switch does before it closes.
func (p *Peer) Disconnect(text string) error {
	_, err := fmt.Fprintf(p, "Content-Type: text/disconnect-notice\nContent-Length: %d\n\n%s", len(text), text)
	return err
}

// CloseWrite ends what the switch sends; it goes on to read.
func (p *Peer) CloseWrite() error {
	if half, ok := p.conn.(halfCloser); ok {
		return half.CloseWrite()
	}
	return errors.New("esltest: the connection can't be half closed")
}

type halfCloser interface{ CloseWrite() error }

// ReadCommand waits for the client's next command.
func (p *Peer) ReadCommand() (Command, error) { return readCommand(p.in) }

// Commands reads what a client sends as the switch does: lines up to an empty
// one, and the body of which a content-length tells.
func Commands(sent []byte) ([]Command, error) {
	var all []Command
	for in := bufio.NewReader(bytes.NewReader(sent)); ; {
		c, err := readCommand(in)
		if err == io.EOF && c.Line == "" {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, c)
	}
}

func readCommand(in *bufio.Reader) (Command, error) {
	c := Command{Header: map[string]string{}}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return c, err
		}
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line != "" && c.Line == "":
			c.Line = line
		case line != "":
			name, value, _ := strings.Cut(line, ":")
			c.Header[strings.ToLower(name)] = strings.TrimLeft(value, " ")
		case c.Line != "":
			n, err := strconv.ParseUint(cmp.Or(c.Header["content-length"], "0"), 10, 32)
			if err != nil {
				return c, err
			}
			body := make([]byte, n)
			_, err = io.ReadFull(in, body)
			c.Body = string(body)
			return c, err
		}
	}
}

// Play plays the script as one end of a connection, accepted or dialled, which it
// closes then as a switch does: what the other end still sends is read, so that
// it is not reset before it has all. When ctx ends, the connection is closed at once. The error
// is the script's, but for a connection that the other end has closed.
func (s Script) Play(ctx context.Context, conn net.Conn) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	p := &Peer{conn: conn, in: bufio.NewReader(conn), context: ctx}
	if err := s(p); err != nil && !errors.Is(err, errOver) {
		return ended(err)
	}
	if half, ok := conn.(halfCloser); !ok || half.CloseWrite() != nil {
		return nil
	}
	_ = conn.SetReadDeadline(time.Now().Add(Patience))
	_, err := io.Copy(io.Discard, conn)
	return ended(err)
}

// ended leaves out that the other side ended the connection.
func ended(err error) error {
	var network net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) || errors.As(err, &network) {
		return nil
	}
	return err
}

// Play plays the switch's side of a session. Of what the client sends only the
// number of commands counts.
func Play(s *Session) Script { return PlayPieces(s, len(s.FromSwitch())) }

// PlayPieces is Play with writes of at most size bytes each.
func PlayPieces(s *Session, size int) Script {
	return func(p *Peer) error {
		for _, t := range s.Turns {
			if t.Switch {
				for b := t.Bytes; len(b) > 0; b = b[min(size, len(b)):] {
					if _, err := p.Write(b[:min(size, len(b))]); err != nil {
						return err
					}
				}
				continue
			}
			commands, err := Commands(t.Bytes)
			if err != nil {
				return err
			}
			for range commands {
				if _, err := p.ReadCommand(); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// PlayExactly is Play for a client that must send what was recorded.
func PlayExactly(s *Session) Script {
	return func(p *Peer) error {
		for i, t := range s.Turns {
			if t.Switch {
				if _, err := p.Write(t.Bytes); err != nil && i < len(s.Turns)-1 {
					return fmt.Errorf("esltest: session %s, turn %d: the client has gone: %v", s.Name, i, err)
				}
				continue
			}
			got := make([]byte, len(t.Bytes))
			n, err := io.ReadFull(p.in, got)
			if !bytes.Equal(got[:n], t.Bytes) {
				return fmt.Errorf("esltest: session %s, turn %d: the client sent %q, want %q (%v)", s.Name, i, got[:n], t.Bytes, err)
			}
		}
		return nil
	}
}
