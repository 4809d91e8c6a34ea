package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"ringfence/rules"
	"ringfence/sidecar"
)

type journal struct {
	located
	JSON bool   `name:"json" help:"Print the entry as JSON."`
	ID   string `arg:"" help:"Decision id: the id item of the Reason header, or the fourth line of the answer."`
}

// Help is what --help adds.
func (journal) Help() string {
	return `Looks in the journal and in its rotated files. The daemon need not run, and what else is wrong in
the configuration does not matter. Where the journal is follows from journal.file and state, which
the daemon may take from its environment: set one of them in the configuration.

Exit codes: 0 found, 1 not found.

Examples:
  ringfence journal 01kajc3z8v0q7m2x4tba
  ringfence journal --json 01KAJC3Z8V0Q7M2X4TBA`
}

// Run looks the entry up.
func (j journal) Run(t *terminal) error {
	id, ok := rules.ParseID(strings.TrimSpace(j.ID))
	if !ok {
		return misused("%q is no decision id (it has 20 letters and digits without i, l, o and u)", j.ID)
	}
	c, err := sidecar.LoadConfig(j.file())
	if c == nil {
		return err
	}
	if c.Journal.File == "" {
		return errors.New("no journal is known (set journal.file or state)")
	}
	e, found, err := sidecar.FindEntry(c.Journal.File, id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no journal at %s (set state: as it is for the daemon, or name its configuration with --config)", c.Journal.File)
	case err != nil:
		return fmt.Errorf("journal: %w", err)
	}
	if !found {
		return fmt.Errorf("no stopped call %s in %s and its rotated files (a call that passed is not kept)", id, c.Journal.File)
	}
	if j.JSON {
		return printJSON(t.out, e)
	}
	printEntry(t.out, e)
	return nil
}

func printEntry(w io.Writer, e sidecar.Entry) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-10s %s\n", name, plain(value))
		}
	}
	line("id", e.ID)
	line("time", e.Time.Format(time.RFC3339Nano))
	action := e.Action
	if e.Why != "" {
		action += ": " + e.Why
	}
	if e.Mode == rules.Monitor.String() {
		action += " (monitor: the call passed)"
	}
	line("action", action)
	line("rule", e.Rule)
	if e.Row != nil {
		place := e.Row.File
		if e.Row.Line > 0 {
			place += ":" + strconv.Itoa(e.Row.Line)
		}
		if e.Row.Live {
			place = "live"
		}
		line("list", e.Row.List)
		line("row", strings.TrimSpace(place+" "+e.Row.Pattern))
		line("source", e.Row.Source)
		line("note", e.Row.Note)
		line("subscriber", e.Row.Subscriber)
		line("added by", e.Row.By)
	}
	if e.Code != 0 {
		line("answer", strconv.Itoa(e.Code)+" "+e.Phrase)
	}
	line("reason", e.Reason)
	line("target", e.Target)
	line("caller", e.Caller)
	line("callee", e.Callee)
	line("trunk", e.Trunk)
	line("account", e.Account)
	line("from", e.Source)
	line("call-id", e.CallID)
	if len(e.Scores) > 0 {
		line("score", strconv.Itoa(e.Score))
	}
	for _, p := range e.Scores {
		line("", fmt.Sprintf("%+d by rule %s: %s", p.Points, p.Rule, p.Reason))
	}
	for _, m := range e.Measured {
		line("measured", m.Signal+" = "+strconv.FormatFloat(m.Value, 'f', -1, 64))
	}
	line("monitored", strings.Join(e.Monitored, " "))
	if e.Known {
		line("known good", "something speaks for the caller")
	}
}
