package sidecar

import (
	"strings"
	"testing"

	"ringfence/adapters/esl/esltest"
)

// lettingIn is a FreeSWITCH with that password, which has no calls.
func lettingIn(password string) esltest.Script {
	return esltest.Serve(password, func(p *esltest.Peer, c esltest.Command) error {
		if strings.HasPrefix(c.Line, "api show") {
			return p.API(`{"row_count":0}`)
		}
		return esltest.Answer(p, c)
	})
}

func listening(t *testing.T) *esltest.Switch {
	t.Helper()
	s, err := esltest.Listen(lettingIn("ClueCon"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func switchesText(switches ...string) string {
	return configText + "freeswitch:\n" + strings.Join(switches, "")
}

func switchText(name, address string) string {
	return "  - {name: " + name + ", address: \"" + address + "\", password_file: fs.password}\n"
}

// The daemon starts whatever its switches do, and is ready without them. They
// come and go with the configuration; those that stay are not disturbed.
func TestSwitches(t *testing.T) {
	one, two, away := listening(t), listening(t), listening(t)
	if err := away.Stop(); err != nil {
		t.Fatal(err)
	}
	d := launch(t, map[string]string{
		"ringfence.yaml": switchesText(switchText("fs1", one.Address()), switchText("away", away.Address())),
		"fs.password":    "ClueCon\n",
	})
	reading := func() (names string) {
		for _, s := range d.p.Status().Switches {
			if s.Reading {
				names += s.Name + " "
			}
		}
		return names
	}
	await(t, "the events of fs1", func() bool { return reading() == "fs1 " })
	await(t, "an attempt", func() bool { return d.p.Status().Switches[0].Error != "" })
	if code, body := d.get("/readyz"); code != 200 || body != "ready\nno events of switch away\n" {
		t.Errorf("/readyz: %d %q", code, body)
	}
	s := d.p.Status().Switches[0]
	if s.Name != "away" || !strings.Contains(s.Error, "connection refused") || s.Heard != nil {
		t.Errorf("status of a switch that is away: %+v", s)
	}
	_, metrics := d.get("/metrics")
	for _, want := range []string{
		`ringfence_freeswitch_state{state="ready",switch="fs1"}`, `ringfence_freeswitch_state{state="ready",switch="away"} 0`,
		`ringfence_freeswitch_connections_total{switch="fs1"} 1`, `ringfence_freeswitch_calls{switch="fs1"} 0`,
		`ringfence_freeswitch_last_message_age_seconds{switch="away"} +Inf`,
		`ringfence_freeswitch_decisions_total{action="block",mode="park",switch="fs1"} 0`,
		`ringfence_calls_total{action="allow",adapter="freeswitch-events"} 0`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics does not have %s", want)
		}
	}

	d.replace("ringfence.yaml", switchesText(switchText("fs1", one.Address()), switchText("fs2", two.Address())))
	await(t, "the events of fs2", func() bool { return reading() == "fs1 fs2 " })
	if n := one.Accepted(); n != 1 {
		t.Errorf("fs1 stayed in the configuration and was connected %d times", n)
	}
	if _, metrics := d.get("/metrics"); strings.Contains(metrics, `switch="away"`) {
		t.Error("metrics tell of a switch that is gone from the configuration")
	}
	if code, body := d.get("/readyz"); code != 200 || body != "ready\n" {
		t.Errorf("/readyz: %d %q", code, body)
	}

	d.replace("ringfence.yaml", switchesText(switchText("fs1", two.Address())))
	await(t, "fs1 at its new address", func() bool { return len(d.p.Status().Switches) == 1 && reading() == "fs1 " })
	if n := two.Accepted(); n != 2 {
		t.Errorf("the other address was connected %d times, want twice", n)
	}

	d.replace("ringfence.yaml", configText)
	await(t, "no switch", func() bool { return len(d.p.Status().Switches) == 0 })
	if d.p.Status().Restart != nil {
		t.Errorf("a restart is asked for: %v", d.p.Status().Restart)
	}
}

// A password is read anew for each connection, and told to nobody else.
func TestSwitchPassword(t *testing.T) {
	s := listening(t)
	dir := folder(t, map[string]string{"ringfence.yaml": switchesText(switchText("fs1", s.Address())), "fs.password": "ClueCon\n"})
	d := launchIn(t, dir)
	state := func() SwitchStatus { return d.p.Status().Switches[0] }
	await(t, "its events", func() bool { return state().Reading })
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"fs.password": "changed\n"})
	if err := s.Start(lettingIn("changed")); err != nil {
		t.Fatal(err)
	}
	await(t, "its events after a restart", func() bool { return s.Accepted() > 1 && state().Reading })
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(lettingIn("secret")); err != nil {
		t.Fatal(err)
	}
	await(t, "a refusal", func() bool { return strings.Contains(state().Error, "refuses the password") })
	if log := d.log.String(); !strings.Contains(log, "event_socket.conf.xml") || strings.Contains(log, "ClueCon") || strings.Contains(log, "changed") {
		t.Errorf("the log of a wrong password:\n%s", log)
	}
}
