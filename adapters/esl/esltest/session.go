// Package esltest plays a FreeSWITCH event socket for tests, from sessions that
// were recorded on a real one, and with the faults that a real one has.
package esltest

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed testdata/*.session
var recorded embed.FS

// Session is a conversation on one connection, in order.
type Session struct {
	Name  string
	Turns []Turn
}

// Turn is what one side sent until the other did.
type Turn struct {
	Switch bool // the switch sent it; else its client
	Bytes  []byte
}

// Load gives the recorded session of that name: testdata/NAME.session without
// the folder and the suffix. Names that begin with 2 and a digit are of the
// outbound direction, in which the switch dials; all others of the inbound one.
func Load(name string) (*Session, error) {
	text, err := recorded.ReadFile("testdata/" + name + ".session")
	if err != nil {
		return nil, fmt.Errorf("esltest: no session %q: %w", name, err)
	}
	return parse(name, text)
}

// Names lists the recorded sessions.
func Names() []string {
	files, err := fs.Glob(recorded, "testdata/*.session")
	if err != nil {
		return nil
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(f, "testdata/"), ".session")
	}
	return files
}

// parse reads turns: a line "switch N" or "client N", N bytes, a line feed.
func parse(name string, text []byte) (*Session, error) {
	s := &Session{Name: name}
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		side, size, _ := strings.Cut(string(line), " ")
		n, err := strconv.Atoi(size)
		if err != nil || side != "switch" && side != "client" || n < 0 || n >= len(rest) || rest[n] != '\n' {
			return nil, fmt.Errorf("esltest: session %s: %.40q begins no turn", name, line)
		}
		s.Turns = append(s.Turns, Turn{Switch: side == "switch", Bytes: rest[:n:n]})
		text = rest[n+1:]
	}
	return s, nil
}

// FromSwitch gives all that the switch sent.
func (s *Session) FromSwitch() []byte { return s.side(true) }

// FromClient gives all that its client sent.
func (s *Session) FromClient() []byte { return s.side(false) }

func (s *Session) side(ofSwitch bool) []byte {
	var b []byte
	for _, t := range s.Turns {
		if t.Switch == ofSwitch {
			b = append(b, t.Bytes...)
		}
	}
	return b
}
