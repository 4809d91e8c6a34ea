package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"ringfence/sidecar"
)

type reportMonitor struct {
	located
	Since string   `default:"24h" placeholder:"TIME" help:"From when: a duration back from now (24h, 7d) or a time; the hour that it lies in counts."`
	Until string   `placeholder:"TIME" help:"Until when, likewise; now unless given."`
	Rule  []string `placeholder:"ID" help:"Only this rule; can be given several times."`
	JSON  bool     `name:"json" help:"Print the report as JSON."`
}

// Help is what --help adds.
func (reportMonitor) Help() string {
	return `Of each rule in monitor, and of each that is enforced for a share of callers only: how many calls it
would have stopped, from how many different numbers, how many of them from callers for whom something
speaks (known good: they are on the list of a rule that allows or on one of own numbers, or were
answered and talked for long before), and what share of the calls of each trunk that is. Made from the journal and the traffic file in the state
folder; the daemon need not run. The journal is bounded: what it has let go is not in the report.

Exit codes: 0 reported, 1 there is no journal, or it cannot be read.

Examples:
  ringfence report monitor
  ringfence report monitor --since 7d
  ringfence report monitor --since 2026-11-22 --until 2026-11-23 --rule burst --json`
}

// Run reads and prints.
func (r reportMonitor) Run(t *terminal) error {
	now := time.Now()
	o := sidecar.ReportOptions{Rules: r.Rule}
	var err error
	if o.From, o.Until, err = period(r.Since, r.Until, now); err != nil {
		return err
	}
	c, err := sidecar.LoadConfig(r.file())
	if c == nil {
		return err
	}
	if c.Journal.File == "" || c.State == "" {
		return errors.New("no journal is known (set state:)")
	}
	bar := t.progress()
	o.Progress = bar.read
	made, err := sidecar.ReadMonitored(c, o)
	bar.end()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no journal at %s (set state: as it is for the daemon, or name its configuration with --config)", c.Journal.File)
	case err != nil:
		return err
	case r.JSON:
		return printJSON(t.out, made)
	}
	return printMonitored(t.out, made)
}

func printMonitored(w io.Writer, r *sidecar.MonitorReport) error {
	fmt.Fprintf(w, "from %s to %s\n", local(r.From), local(r.Until))
	if r.Cut {
		fmt.Fprintf(w, "THE JOURNAL BEGINS %s: older calls are not in it, and all shares are too small (raise journal.keep)\n", local(r.Journal))
	}
	if r.Traffic.After(r.From) {
		fmt.Fprintf(w, "the calls of trunks are known since %s\n", local(r.Traffic))
	}
	if len(r.Rules) == 0 {
		_, err := fmt.Fprintln(w, "no rule is in monitor, and none would have stopped a call")
		return err
	}
	fmt.Fprintln(w)
	t := &table{}
	fmt.Fprintln(t, "RULE\tDOES\tMODE\tTRUNK\tCALLS\tSTOPPED\tOF\tSHARE\tCALLERS\tKNOWN GOOD")
	for _, one := range r.Rules {
		callers := fmt.Sprint(one.Callers)
		if one.Estimated {
			callers = "about " + callers
		}
		good := "none"
		if one.KnownCalls > 0 {
			good = fmt.Sprintf("%s from %s", counted(int(one.KnownCalls), "call"), counted(int(one.KnownCallers), "number"))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\tall\t%d\t%d\t%s\t%s\t%s\t%s\n", plain(one.Rule), plain(one.Does), one.Mode, one.Calls, one.Stopped, whole(one.Of), share(one.Share), callers, good)
		for _, trunk := range one.Trunks {
			name := plain(trunk.Trunk)
			if name == "" {
				name = "(none)"
			}
			fmt.Fprintf(t, "\t\t\t%s\t%d\t%d\t%s\t%s\t\t\n", name, trunk.Calls, trunk.Stopped, whole(trunk.Of), share(trunk.Share))
		}
		for _, g := range one.Guarded {
			t.note("  its limit has put it into monitor %s since %s", onTrunk(g.Trunk), local(g.Since))
		}
	}
	return t.print(w)
}

// whole is a number of calls, "?" when it is not known.
func whole(calls uint64) string {
	if calls == 0 {
		return "?"
	}
	return fmt.Sprint(calls)
}

func share(s *float64) string {
	if s == nil {
		return "?"
	}
	return fmt.Sprintf("%.2f %%", *s*100)
}
