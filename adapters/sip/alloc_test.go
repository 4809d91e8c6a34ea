//go:build !race

package sip

import (
	"strings"
	"testing"
)

func TestParseAllocates(t *testing.T) {
	raw := strings.Replace(invite, "User-Agent", "Privacy: id;user\r\nUser-Agent", 1)
	var m Message
	got := testing.AllocsPerRun(1000, func() {
		if err := m.Parse(raw); err != nil {
			t.Fatal(err)
		}
		if v, ok := m.Header("user-agent"); !ok || v == "" {
			t.Fatal("no User-Agent")
		}
		m.Reset()
	})
	if got != 0 {
		t.Errorf("%v allocations for a request of %d bytes, want none", got, len(raw))
	}
}
