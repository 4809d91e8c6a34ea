package main

import (
	"testing"

	"ringfence/sidecar"
)

func TestSocketLine(t *testing.T) {
	for want, s := range map[string]sidecar.SocketStatus{
		"socket: listens on 127.0.0.1:8084, 1 open, 7 accepted":                                                 {Listen: "127.0.0.1:8084", Open: 1, Accepted: 7},
		"socket: listens on 127.0.0.1:8084, 0 open, 7 accepted, WENT ON UNDECIDED: 2 by deadline, 1 by garbage": {Listen: "127.0.0.1:8084", Accepted: 7, Undecided: map[string]uint64{"garbage": 1, "deadline": 2}},
	} {
		if got := socketLine(&s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
