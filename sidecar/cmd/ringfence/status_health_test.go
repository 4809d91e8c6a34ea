package main

import (
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"ringfence/rules"
	"ringfence/sidecar"
)

func TestPrintHealth(t *testing.T) {
	since := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	usual := 0.52
	bad := sidecar.SubjectHealth{Name: "carrier\na", Alarms: []sidecar.AlarmStatus{{Kind: "block-share", Since: since}}}
	bad.Calls, bad.Answered, bad.AnswerRate, bad.BlockShare, bad.ShortShare, bad.UsualAnswer = 120, 60, 0.5, 0.342, 0.05, &usual
	h := &sidecar.HealthStatus{Upstreams: []sidecar.SubjectHealth{bad}, Trunks: []sidecar.SubjectHealth{{Name: "pbx"}}, Slowed: []rules.Slowed{{Of: "account", Name: "spring", Until: since}}}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	printHealth(w, h)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `
HEALTH        ROLE      CALLS  ANSWERED  USUALLY  BLOCKED  SHORT  ALARMS
carrier\x0aa  upstream  120    50.0%     52.0%    34.2%    5.0%   block-share SINCE ` + local(since) + `
pbx           trunk     0      -         -        -        -      

SLOWED   NAME    UNTIL
account  spring  ` + local(since) + "\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	b.Reset()
	if printHealth(&b, nil); b.Len() > 0 {
		t.Errorf("off: %s", b.String())
	}
}

func TestAlertsLine(t *testing.T) {
	for _, c := range []struct {
		in   sidecar.AlertsStatus
		want string
	}{
		{sidecar.AlertsStatus{}, ""},
		{sidecar.AlertsStatus{Dropped: 2}, "alerts: 2 LOST"},
		{sidecar.AlertsStatus{Webhook: &sidecar.WebhookStatus{Queued: 1, Results: map[string]uint64{"ok": 5, "failed": 3}}}, "alerts: webhook: 5 requests taken, 3 failed, 1 waiting"},
		{sidecar.AlertsStatus{Webhook: &sidecar.WebhookStatus{Dropped: 1, Results: map[string]uint64{"refused": 1, "given-up": 1}}}, "alerts: webhook: 0 requests taken, 0 failed, 0 waiting, 3 LOST"},
	} {
		if got := alertsLine(c.in); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
