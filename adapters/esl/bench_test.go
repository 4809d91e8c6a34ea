package esl

import (
	"bytes"
	"testing"
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
