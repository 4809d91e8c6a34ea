package main

import (
	"fmt"
	"io"
	"strings"

	"ringfence/sidecar"
)

// printHealth prints how carriers and trunks do, and accounts with an alarm, as
// rows of a table.
func printHealth(t io.Writer, h *sidecar.HealthStatus) {
	if h == nil || len(h.Upstreams)+len(h.Trunks)+len(h.Accounts)+len(h.Slowed) == 0 {
		return
	}
	if len(h.Upstreams)+len(h.Trunks)+len(h.Accounts) > 0 {
		fmt.Fprintln(t, "\nHEALTH\tROLE\tCALLS\tANSWERED\tUSUALLY\tBLOCKED\tSHORT\tALARMS")
	}
	for _, role := range []struct {
		name string
		all  []sidecar.SubjectHealth
	}{{"upstream", h.Upstreams}, {"trunk", h.Trunks}, {"account", h.Accounts}} {
		for _, s := range role.all {
			var alarms []string
			for _, a := range s.Alarms {
				alarms = append(alarms, fmt.Sprintf("%s SINCE %s", a.Kind, local(a.Since)))
			}
			answered, blocked, short, usually := "-", "-", "-", "-"
			if s.Calls > 0 {
				answered, blocked = percent(s.AnswerRate), percent(s.BlockShare)
			}
			if s.Answered > 0 {
				short = percent(s.ShortShare)
			}
			if s.UsualAnswer != nil {
				usually = percent(*s.UsualAnswer)
			}
			fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", plain(s.Name), role.name, s.Calls, answered, usually, blocked, short, strings.Join(alarms, ", "))
		}
	}
	if len(h.Slowed) > 0 {
		fmt.Fprintln(t, "\nSLOWED\tNAME\tUNTIL")
	}
	for _, s := range h.Slowed {
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.Of, plain(s.Name), local(s.Until))
	}
}

func percent(v float64) string { return fmt.Sprintf("%.1f%%", 100*v) }

// alertsLine is what an operator should know of alerts, empty for nothing.
func alertsLine(a sidecar.AlertsStatus) string {
	var notes []string
	if a.Dropped > 0 {
		notes = append(notes, fmt.Sprintf("%d LOST", a.Dropped))
	}
	if w := a.Webhook; w != nil {
		notes = append(notes, fmt.Sprintf("webhook: %d requests taken, %d failed, %d waiting", w.Results["ok"], w.Results["failed"], w.Queued))
		if lost := w.Results["refused"] + w.Results["given-up"] + w.Dropped; lost > 0 {
			notes = append(notes, fmt.Sprintf("%d LOST", lost))
		}
	}
	if len(notes) == 0 {
		return ""
	}
	return "alerts: " + strings.Join(notes, ", ")
}
