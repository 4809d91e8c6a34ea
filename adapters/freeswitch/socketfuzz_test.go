package freeswitch

import (
	"bytes"
	"strings"
	"testing"

	"ringfence/adapters/esl"
	"ringfence/rules"
)

// FuzzSocket holds that whatever a switch says of a call, it is told to run the
// applications of the verdict and nothing else, and finds nothing to expand in
// their arguments.
func FuzzSocket(f *testing.F) {
	for _, name := range []string{"20-out-sync-reject", "25-out-sync-set-exit-allow", "29-out-sync-full-api"} {
		f.Add(switchSide(f, name, 1))
	}
	for _, display := range []string{"%24%7Bsystem(id)%7D", "O'Brien%5C", "a%0A%0Aexit%0A%0A", "a%1Fb%5E"} {
		f.Add([]byte("Event-Name: CHANNEL_DATA\nvariable_sip_full_from: %22" + display + "%22%20%3Csip%3A" + display + "%40example.net%3E\nContent-Type: command/reply\nReply-Text: %2BOK%0A\n\n"))
	}
	k := map[string]*Socket{
		"multiset exit":         socketOf(always(rules.Verdict{Label: "Spam likely"})),
		"multiset respond exit": socketOf(always(rules.Verdict{Action: rules.Block, Code: 603, Phrase: "Decline", Reason: []byte("Q.850;cause=21")})),
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var call esl.Event
		if esl.NewDecoder(bytes.NewReader(text), 0).Decode(&call) != nil {
			return
		}
		for want, socket := range k {
			x := new(exchange)
			socket.decide(x, &call)
			var apps []string
			for _, r := range runs(t, x.commands) {
				apps = append(apps, r.app)
				if strings.ContainsAny(strings.TrimPrefix(r.arg, "^^"), "$\\'^\n\r\x00") {
					t.Errorf("%s of %q", r.app, r.arg)
				}
			}
			if got := strings.Join(apps, " "); got != want {
				t.Errorf("it runs %s, want %s", got, want)
			}
		}
	})
}
