//go:build !race

package esl

import (
	"bytes"
	"testing"
)

// TestAllocations holds that a message takes one allocation, its text, and
// that to look for headers and to write an answer takes none.
func TestAllocations(t *testing.T) {
	for _, name := range []string{"20-out-sync-reject", "06-call-answered-json", "10-caller-cancel-while-parked"} {
		stream := session(t, name)
		all := messages(t, stream)
		source := bytes.NewReader(nil)
		d := NewDecoder(source, 0)
		var e Event
		got := testing.AllocsPerRun(100, func() {
			source.Reset(stream)
			d.Reset(source, 0)
			for d.Decode(&e) == nil {
				for _, name := range asked {
					e.Lookup(name)
				}
			}
		})
		if got > float64(len(all)) {
			t.Errorf("%s: %v allocations for %d messages", name, got, len(all))
		}
	}
	room := make([]byte, 0, 1<<10)
	got := testing.AllocsPerRun(100, func() {
		b, err := AppendExecute(room, "", "set", "sip_reason=SIP;cause=603", false)
		if err == nil {
			_, err = AppendCommand(b, "exit")
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations to write an answer, want none", got)
	}
}
