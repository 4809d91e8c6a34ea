package esl

import (
	"errors"
	"testing"
)

func TestAppend(t *testing.T) {
	for name, c := range map[string]struct {
		write func(dst []byte) ([]byte, error)
		want  string
	}{
		"command": {func(b []byte) ([]byte, error) { return AppendCommand(b, "api status") }, "api status\n\n"},
		"command with a header": {func(b []byte) ([]byte, error) {
			return AppendCommand(b, "bgapi status", Header{"Job-UUID", "x"})
		}, "bgapi status\nJob-UUID: x\n\n"},
		"sendmsg": {func(b []byte) ([]byte, error) {
			return AppendMsg(b, "u", Msg{{"call-command", "hangup"}, {"hangup-cause", "UNWANTED"}}, "")
		}, "sendmsg u\ncall-command: hangup\nhangup-cause: UNWANTED\n\n"},
		"sendmsg with a body": {func(b []byte) ([]byte, error) {
			return AppendMsg(b, "", Msg{{"call-command", "execute"}}, "a\nb")
		}, "sendmsg\ncall-command: execute\ncontent-length: 3\n\na\nb"},
		"execute": {func(b []byte) ([]byte, error) { return AppendExecute(b, "", "respond", "603 Network Blocked", false) },
			"sendmsg\ncall-command:execute\nexecute-app-name:respond\ncontent-type:text/plain\ncontent-length:19\n\n603 Network Blocked"},
		"execute in order": {func(b []byte) ([]byte, error) { return AppendExecute(b, "u", "park", "", true) },
			"sendmsg u\ncall-command:execute\nexecute-app-name:park\nevent-lock:true\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.write([]byte("before "))
			if err != nil || string(got) != "before "+c.want {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// TestAppendUnsafe puts each of what would end a line into each part.
func TestAppendUnsafe(t *testing.T) {
	for _, bad := range []string{"\n", "\r", "\x00", "a\nb", "a\n\nexit\n\n", "\r\n", "a\x00", "\na"} {
		for name, write := range map[string]func(dst []byte) ([]byte, error){
			"command":        func(b []byte) ([]byte, error) { return AppendCommand(b, bad) },
			"header name":    func(b []byte) ([]byte, error) { return AppendCommand(b, "api x", Header{bad, "x"}) },
			"header value":   func(b []byte) ([]byte, error) { return AppendCommand(b, "api x", Header{"x", bad}) },
			"msg uuid":       func(b []byte) ([]byte, error) { return AppendMsg(b, bad, nil, "") },
			"msg name":       func(b []byte) ([]byte, error) { return AppendMsg(b, "u", Msg{{bad, "x"}}, "") },
			"msg value":      func(b []byte) ([]byte, error) { return AppendMsg(b, "u", Msg{{"x", bad}}, "") },
			"execute uuid":   func(b []byte) ([]byte, error) { return AppendExecute(b, bad, "set", "", false) },
			"execute app":    func(b []byte) ([]byte, error) { return AppendExecute(b, "u", bad, "", false) },
			"execute arg":    func(b []byte) ([]byte, error) { return AppendExecute(b, "u", "set", bad, true) },
			"empty command":  func(b []byte) ([]byte, error) { return AppendCommand(b, "") },
			"empty app":      func(b []byte) ([]byte, error) { return AppendExecute(b, "u", "", "", false) },
			"empty name":     func(b []byte) ([]byte, error) { return AppendMsg(b, "u", Msg{{"", "x"}}, "") },
			"colon in name":  func(b []byte) ([]byte, error) { return AppendMsg(b, "u", Msg{{"a:b", "x"}}, "") },
			"length as name": func(b []byte) ([]byte, error) { return AppendMsg(b, "u", Msg{{"Content-length", "9"}}, "") },
			"NUL in body":    func(b []byte) ([]byte, error) { return AppendMsg(b, "u", nil, "a\x00") },
		} {
			got, err := write([]byte("before "))
			if !errors.Is(err, ErrUnsafe) || string(got) != "before " {
				t.Errorf("%s %q: %q, %v, want it refused and nothing written", name, bad, got, err)
			}
		}
	}
}
