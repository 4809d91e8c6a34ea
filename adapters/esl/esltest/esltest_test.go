package esltest_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ringfence/adapters/esl"
	"ringfence/adapters/esl/esltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func load(t *testing.T, name string) *esltest.Session {
	t.Helper()
	s, err := esltest.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decode reads one event as a client does.
func decode(t *testing.T, frame []byte) (e esltest.Event) {
	t.Helper()
	var event esl.Event
	if err := esl.NewDecoder(bytes.NewReader(frame), 0).Decode(&event); err != nil {
		t.Fatal(err)
	}
	event.All(func(name, value string) bool {
		e = append(e, esltest.Header{Name: name, Value: value})
		return true
	})
	return e
}

// TestEvents holds that a recorded event is read, written and decoded as itself
// in each form, with values of its own as well.
func TestEvents(t *testing.T) {
	for _, name := range []string{"06-call-answered-json", "10-caller-cancel-while-parked", "20-out-sync-reject", "24-out-async-json-hangup-unwanted", "32-identity-two"} {
		events, err := load(t, name).Events()
		if err != nil || len(events) == 0 {
			t.Fatalf("%s: %d events, %v", name, len(events), err)
		}
		for _, e := range events {
			e = e.With("variable_odd", "é\xff\r\n\"${x}\"+%, _undef").With("Unique-ID", "u-1").With("variable_empty", "").Without("Core-UUID")
			if e.Get("Unique-ID") != "u-1" || e.Get("Core-UUID") != "" {
				t.Fatalf("%s: %v", name, e)
			}
			if diff := cmp.Diff(e, decode(t, e.JSON())); diff != "" {
				t.Errorf("%s as JSON: want -, got +:\n%s", name, diff)
			}
			if diff := cmp.Diff(e, decode(t, e.Plain())); diff != "" {
				t.Errorf("%s as plain text: want -, got +:\n%s", name, diff)
			}
			connect := decode(t, e.Connect())
			if connect[0].Value != "CHANNEL_DATA" || connect.Get("Reply-Text") != "+OK\n" || connect.Get("variable_odd") != e.Get("variable_odd") {
				t.Errorf("%s as the answer to connect: %v", name, connect)
			}
		}
	}
}

// TestConnectIsAsRecorded writes the answer to connect byte for byte as the
// switch did.
func TestConnectIsAsRecorded(t *testing.T) {
	s := load(t, "20-out-sync-reject")
	events, err := s.Events()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(s.Turns[1].Bytes), string(events[0].Connect())); diff != "" {
		t.Errorf("recorded -, written +:\n%s", diff)
	}
}

// TestPlayExactly has clients that send what was recorded, something else, and
// less.
func TestPlayExactly(t *testing.T) {
	session := load(t, "01-auth-ok-exit")
	for sent, want := range map[string]string{
		string(session.FromClient()):     "",
		"auth wrong!!\n\nexit\n\n":       `turn 1: the client sent "auth wrong!!\n\n", want "auth ClueCon\n\n" (<nil>)`,
		"auth ClueCon\n\n":               `turn 3: the client sent "", want "exit\n\n" (EOF)`,
		"auth ClueCon\n\napi status\n\n": `turn 3: the client sent "api st", want "exit\n\n" (<nil>)`,
	} {
		s, err := esltest.Listen(esltest.PlayExactly(session))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", s.Address())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, sent)
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
		conn.Close()
		if want != "" {
			want = "esltest: session 01-auth-ok-exit, " + want
		}
		if err := s.Stop(); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%q: %v, want %q", sent, err, want)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	if s, err := esltest.Load("none"); err == nil {
		t.Errorf("%v, want an error", s)
	}
	for _, name := range esltest.Names() {
		load(t, name)
	}
	if n := len(esltest.Names()); n < 40 {
		t.Errorf("%d sessions, want at least 40", n)
	}
}
