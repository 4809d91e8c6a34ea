package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"ringfence/sidecar"
)

type status struct {
	located
	JSON bool `name:"json" help:"Print what the daemon answers as JSON."`
}

// Help is what --help adds.
func (status) Help() string {
	return `Asks the admin listener of the running daemon, at the address and with the token of the
configuration; also when something in that file is wrong by now.

Exit codes: 0 it runs and decides calls, also when the last reload failed and the rules before it
run (status says so), 1 no answer.

Examples:
  ringfence status
  ringfence status --json`
}

// Run asks and prints.
func (s status) Run(t *terminal) error {
	c, err := sidecar.LoadConfig(s.file())
	if c == nil {
		return err
	}
	client, err := sidecar.NewClient(c)
	if err != nil {
		return err
	}
	now, err := client.Status(context.Background())
	if err != nil {
		return err
	}
	if s.JSON {
		return printJSON(t.out, now)
	}
	printStatus(t.out, now)
	return nil
}

func printStatus(w io.Writer, s sidecar.Status) {
	moment := func(t time.Time) string { return t.Local().Format(time.RFC3339) }
	fmt.Fprintf(w, "ringfence %s, mode %s, since %s\n", s.Version, s.Mode, moment(s.Started))
	if r := s.Restarts; r != nil && r.Hung+r.Ended > 0 {
		fmt.Fprintf(w, "STARTED AGAIN by its supervisor: %s, after it hung %d\n", counted(int(r.Hung+r.Ended), "time"), r.Hung)
	}
	fmt.Fprintf(w, "listens on %s (decisions) and %s (admin)\n", s.Listeners.Decisions, s.Listeners.Admin)
	fmt.Fprintf(w, "generation %d, loaded %s (%s ago) from %s\n", s.Generation, moment(s.LastOK), max(time.Since(s.LastOK), 0).Truncate(time.Second), s.Config)
	if !s.Reload.OK {
		fmt.Fprintf(w, "LAST RELOAD FAILED %s, the rules before it run:\n  %s\n", moment(s.Reload.Time), strings.Join(s.Reload.Errors, "\n  "))
	}
	if len(s.Watched) > 0 {
		fmt.Fprintf(w, "trunks in monitor: %s\n", strings.Join(s.Watched, ", "))
	}
	for _, f := range s.Switches {
		fmt.Fprintln(w, switchLine(f))
	}
	if len(s.Restart) > 0 {
		fmt.Fprintf(w, "wait for a restart: %s\n", strings.Join(s.Restart, ", "))
	}
	fmt.Fprintf(w, "calls: %d allowed, %d blocked, %d diverted, %d only monitored\n", s.Calls.Allowed, s.Calls.Blocked, s.Calls.Diverted, s.Calls.Monitored)
	if s.Socket != nil {
		fmt.Fprintln(w, socketLine(s.Socket))
	}
	if s.Unknown.Calls > 0 {
		fmt.Fprintf(w, "UNKNOWN TRUNKS in %s, which had no trunk and no trust: %s\n", counted(int(s.Unknown.Calls), "call"), plain(strings.Join(s.Unknown.Names, ", ")))
	}
	fmt.Fprintln(w, stateLine(&s.State))
	if line := alertsLine(s.Alerts); line != "" {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "journal: %d written, %d queued, %d dropped, %d errors (%s)\n\n", s.Journal.Written, s.Journal.Queued, s.Journal.Dropped, s.Journal.Errors, s.Journal.File)
	t := &table{}
	defer t.print(w)
	fmt.Fprintln(t, "RULE\tACTION\tWHY\tMODE\tMATCHED\tMONITORED")
	for _, r := range s.Rules {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\n", r.ID, r.Action, r.Why, strings.TrimSpace(r.Mode+" "+r.Rollout), r.Matched, r.Monitored)
		for _, g := range r.Guarded {
			t.note("  IN MONITOR %s since %s: more than %s; ringfence rule resume %s has it act again", onTrunk(g.Trunk), moment(g.Since), g.Limit, r.ID)
		}
	}
	if len(s.Lists) > 0 {
		fmt.Fprintln(t, "\nLIST\tROWS\tWHY\tFILE")
	}
	for _, l := range s.Lists {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", l.Name, l.Rows, l.Why, l.File)
	}
	if len(s.Feeds) > 0 {
		fmt.Fprintln(t, "\nFEED\tROWS\tCONFIRMED\tNEXT\tFROM")
	}
	for _, f := range s.Feeds {
		confirmed := "never"
		if !f.Waiting {
			confirmed = moment(f.Confirmed)
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", f.List, f.Rows, confirmed, moment(f.Next), f.URL)
		for _, line := range feedNotes(f) {
			t.note("  %s", line)
		}
	}
	if len(s.Learned) > 0 {
		fmt.Fprintln(t, "\nLEARNED\tENTRIES")
	}
	for _, l := range s.Learned {
		fmt.Fprintf(t, "%s\t%d\n", l.Name, l.Entries)
	}
	printHealth(t, s.Health)
}

// stateLine is what an operator should know of what calls are counted by.
func stateLine(s *sidecar.StateStatus) string {
	line := fmt.Sprintf("state: %d keys in %d MB, %d forgotten early", s.Keys, s.Bytes/1e6, s.Evicted)
	if s.Failing {
		line += ", NOT SAVED: see the log"
	}
	return line
}

// onTrunk names a trunk, or that there is none.
func onTrunk(name string) string {
	if name == "" {
		return "for calls without a trunk"
	}
	return "on trunk " + plain(name)
}

// socketLine is what an operator should know of FreeSWITCH's socket.
func socketLine(s *sidecar.SocketStatus) string {
	line := fmt.Sprintf("socket: listens on %s, %d open, %d accepted", s.Listen, s.Open, s.Accepted)
	var undecided []string
	for _, cause := range slices.Sorted(maps.Keys(s.Undecided)) {
		undecided = append(undecided, fmt.Sprintf("%d by %s", s.Undecided[cause], cause))
	}
	if len(undecided) > 0 {
		line += ", WENT ON UNDECIDED: " + strings.Join(undecided, ", ")
	}
	return line
}

// switchLine is what an operator should know of a FreeSWITCH.
func switchLine(f sidecar.SwitchStatus) string {
	what := "NO EVENTS of switch"
	if f.Reading {
		what = "switch"
	}
	line := fmt.Sprintf("%s %s at %s: %s since %s", what, f.Name, f.Address, f.State, local(f.Since))
	line += fmt.Sprintf(", %s running, %d decided in the window, %d parked", counted(f.Calls, "call"), f.Decided.Window, f.Decided.Park)
	if f.Dropped > 0 {
		line += fmt.Sprintf(", %d EVENTS DROPPED", f.Dropped)
	}
	if f.Error != "" {
		line += "\n  " + plain(f.Error)
	}
	return line
}

// feedNotes are what an operator should know of a feed.
func feedNotes(f sidecar.FeedStatus) []string {
	var notes []string
	switch {
	case f.Waiting:
		notes = append(notes, "WAITS for its first copy, nothing is on it")
	case f.Stale:
		notes = append(notes, fmt.Sprintf("STALE: older than %s, and still used", time.Duration(f.MaxAge*float64(time.Second))))
	}
	if f.Held != nil {
		notes = append(notes, fmt.Sprintf("HELD BACK: %d rows fetched %s; ringfence list accept %s takes them", f.Held.Rows, local(f.Held.Fetched), f.List))
	}
	if f.Error != "" {
		notes = append(notes, "last fetch: "+f.Error)
	}
	return notes
}
