package main

import (
	"testing"
	"time"

	"ringfence/sidecar"
)

func TestSwitchLine(t *testing.T) {
	since := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	at := local(since)
	for _, c := range []struct {
		name string
		in   sidecar.SwitchStatus
		want string
	}{
		{"ready", sidecar.SwitchStatus{State: "ready", Reading: true, Calls: 1, Decided: sidecar.SwitchDecided{Window: 2, Park: 3}},
			"switch fs1 at 127.0.0.1:8021: ready since " + at + ", 1 call running, 2 decided in the window, 3 parked"},
		{"behind", sidecar.SwitchStatus{State: "resyncing", Reading: true, Dropped: 12},
			"switch fs1 at 127.0.0.1:8021: resyncing since " + at + ", 0 calls running, 0 decided in the window, 0 parked, 12 EVENTS DROPPED"},
		{"away", sidecar.SwitchStatus{State: "waiting", Error: "connection\nrefused"},
			"NO EVENTS of switch fs1 at 127.0.0.1:8021: waiting since " + at + ", 0 calls running, 0 decided in the window, 0 parked\n  connection\\x0arefused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.in.Name, c.in.Address, c.in.Since = "fs1", "127.0.0.1:8021", since
			if got := switchLine(c.in); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
