package integration

import (
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// TestFreeSWITCHUnknownWay holds that a way to ask that there is none of doesn't
// switch the screening off in silence: it is in the switch's log, and refuses the
// call when it was to be closed. Emergency calls pass.
func TestFreeSWITCHUnknownWay(t *testing.T) {
	t.Parallel()
	modes := []string{"sockt_open", "socket", "sockt_closed"}
	s := startFreeSWITCH(t, freeswitchOptions{modes: modes})
	s.eachMode(t, modes, func(t *testing.T, mode string) {
		want := 200
		if closed(mode) {
			want = 503
		}
		if r := s.place(t, mode, rig.Request{URI: to("12025550200")}, rig.PlaceOptions{}); r.Code != want {
			t.Errorf("%s, want %d", r.Status, want)
		}
		if r := s.place(t, mode, rig.Request{URI: "sip:911@example.net"}, rig.PlaceOptions{}); r.Code != 200 {
			t.Errorf("an emergency call: %s", r.Status)
		}
		errs := 0
		for line := range strings.Lines(string(s.Log())) {
			if strings.Contains(line, "[ERR]") && strings.Contains(line, "no way to ask named "+mode+" (") {
				errs++
			}
		}
		if errs != 1 {
			t.Errorf("the log has %d errors about it, want 1", errs)
		}
	})
}
