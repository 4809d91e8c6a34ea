package esl

import (
	"bytes"
	"testing"

	"ringfence/adapters/esl/esltest"
)

// loop gives a stream again and again.
type loop struct {
	stream []byte
	rest   []byte
}

func (l *loop) Read(b []byte) (int, error) {
	if len(l.rest) == 0 {
		l.rest = l.stream
	}
	n := copy(b, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// asked are names as an adapter looks for them; the last is not there.
var asked = []string{"Unique-ID", "variable_sip_from_user", "variable_sip_call_id", "Caller-Destination-Number", "variable_sip_h_None"}

func benchmarkDecode(b *testing.B, stream []byte) {
	d := NewDecoder(&loop{stream: stream}, 0)
	var e Event
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(&e); err != nil {
			b.Fatal(err)
		}
		for _, name := range asked {
			e.Lookup(name)
		}
	}
}

// BenchmarkDecodeConnect reads the answer to connect.
func BenchmarkDecodeConnect(b *testing.B) {
	stream := session(b, "20-out-sync-reject")
	benchmarkDecode(b, stream[:bytes.Index(stream, []byte("\n\n"))+2])
}

// BenchmarkDecodeJSON reads one CHANNEL_HANGUP_COMPLETE.
func BenchmarkDecodeJSON(b *testing.B) {
	stream := session(b, "06-call-answered-json")
	at := bytes.Index(stream, []byte(`{"Event-Name":"CHANNEL_HANGUP_COMPLETE"`))
	end := at + bytes.Index(stream[at:], []byte("}Content-"))
	benchmarkDecode(b, []byte(jsonFrame(string(stream[at:end+1]))))
}

// BenchmarkReadEvent reads events as fast as a switch on the same machine
// writes them: 8 kB of JSON each, none of which may be dropped.
func BenchmarkReadEvent(b *testing.B) {
	s, err := esltest.Load("06-call-answered-json")
	if err != nil {
		b.Fatal(err)
	}
	events, err := s.Events()
	if err != nil {
		b.Fatal(err)
	}
	var frames [][]byte
	for _, e := range events {
		frames = append(frames, e.JSON())
	}
	fs, err := esltest.Listen(esltest.Flood(password, 1<<40, frames...))
	if err != nil {
		b.Fatal(err)
	}
	defer fs.Stop()
	c, err := Dial(b.Context(), fs.Address(), Options{Password: password})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Send(b.Context(), "event json ALL"); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		e, err := c.ReadEvent(b.Context())
		if err != nil && err != ErrLagged {
			b.Fatal(err)
		}
		for _, name := range asked {
			if e != nil {
				e.Lookup(name)
			}
		}
	}
	b.ReportMetric(float64(c.Stats().Dropped), "dropped")
}
