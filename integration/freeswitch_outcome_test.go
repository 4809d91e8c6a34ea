package integration

import (
	"testing"

	"ringfence/integration/rig"
)

// TestFreeSWITCHOutcomes holds that what becomes of a call reaches the daemon in
// every mode: that it was answered and that it is over, whoever ended it.
func TestFreeSWITCHOutcomes(t *testing.T) {
	t.Parallel()
	const hangsUp, rings, busy, blocked, declined = "12025550201", "12025550202", "12025550486", "12025550603", "12025550604"
	reason := `SIP;cause=603;text="v=analytics1;url=https://other.example;id=7";location=LN`
	options := freeswitchOptions{answers: map[string]rig.Answer{
		hangsUp:  {Ring: true, HangUp: true},
		rings:    {Ring: true, Silent: true},
		busy:     {Status: "486 Busy Here", Ring: true},
		blocked:  {Status: "603 Network Blocked", Headers: []string{"Reason: " + reason}},
		declined: {Status: "603 Decline"},
	}}
	counted := map[*rig.Ringfence]float64{}
	eachMode(t, options, func(t *testing.T, s withFreeSWITCH, mode string) {
		for _, c := range []struct {
			name   string
			callee string
			code   int
			told   float64 // outcomes: an answer, an end
			place  rig.PlaceOptions
		}{
			{"answered, hung up by the caller", "12025550200", 200, 2, rig.PlaceOptions{}},
			{"answered, hung up by the callee", hangsUp, 200, 2, rig.PlaceOptions{Hold: true}},
			{"cancelled while it rings", rings, 487, 1, rig.PlaceOptions{Cancel: true}},
			{"busy after ringing", busy, 486, 1, rig.PlaceOptions{}},
			{"blocked downstream", blocked, 603, 1, rig.PlaceOptions{}},
			{"declined downstream", declined, 603, 1, rig.PlaceOptions{}},
		} {
			r := s.place(t, mode, rig.Request{URI: to(c.callee)}, c.place)
			if r.Code != c.code {
				t.Errorf("%s: %s", c.name, r.Status)
			}
			if c.place.Hold {
				if _, err := r.AwaitRequest(); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
				r.Close()
			}
			counted[s.daemon] += c.told
			s.metric(t, `ringfence_freeswitch_outcomes_total{outcome="counted",switch="fs1"}`, counted[s.daemon])
			s.metric(t, "ringfence_pending_entries", 0)
		}
	})
}

// TestFreeSWITCHPassthrough holds what reaches the caller of a block by a network
// behind the switch: all of it, where the switch can.
func TestFreeSWITCHPassthrough(t *testing.T) {
	t.Parallel()
	const blocked = "12025550603"
	reason := `SIP;cause=603;text="v=analytics1;url=https://other.example;id=7";location=LN`
	s := startFreeSWITCH(t, freeswitchOptions{modes: []string{"socket_open"}, answers: map[string]rig.Answer{blocked: {Status: "603 Network Blocked", Headers: []string{"Reason: " + reason}}}})
	r := s.place(t, "socket_open", rig.Request{URI: to(blocked)}, rig.PlaceOptions{})
	want := "SIP/2.0 603 Network Blocked"
	if s.older(t, 1, 11, 1) { // knows nothing of 603+
		want = "SIP/2.0 603 Decline"
	}
	if r.Status != want || r.Reason != reason {
		t.Errorf("%q, Reason %q, want %q and the network's own", r.Status, r.Reason, want)
	}
}
