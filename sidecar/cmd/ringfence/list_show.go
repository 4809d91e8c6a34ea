package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"ringfence/rules"
	"ringfence/sidecar"
)

type listShow struct {
	located
	List       string `arg:"" optional:"" help:"List to show; all, when left out."`
	Entry      string `arg:"" optional:"" help:"Number, prefix, pattern, range, address or network: does the list hold it, and by which row?"`
	Subscriber string `placeholder:"NUMBER" help:"Whose rows to look at, in a list declared with per: callee or caller."`
	Limit      int    `default:"1000" placeholder:"N" help:"Entries of a learned list to show at most (${default}); 0: all."`
	Live       bool   `help:"Only what was changed live."`
	JSON       bool   `name:"json" help:"Print what the daemon answers as JSON."`
}

// Help is what --help adds.
func (listShow) Help() string {
	return `Asks the running daemon. Without LIST: all lists, with their rows, live rows, files and how old the
files are. With LIST: its live rows, or what it has learned. With ENTRY: whether a call would find it,
and by which row, or until when it is learned.

Exit codes: 0 shown, 1 the list does not hold ENTRY, or no answer.

Examples:
  ringfence list show
  ringfence list show spam
  ringfence list show spam +13035550260
  ringfence list show not-found --limit 0 --json
  ringfence list show personal +13035550260 --subscriber +12025557100 --json`
}

// Run asks and prints.
func (l listShow) Run(t *terminal) error {
	client, err := l.client()
	if err != nil {
		return err
	}
	switch {
	case l.List == "":
		err = l.all(t, client)
	case l.Entry == "":
		err = l.rows(t, client)
	default:
		err = l.entry(t, client)
	}
	var refused sidecar.Refusal
	if errors.As(err, &refused) {
		for _, line := range refused {
			_ = t.out.say(red, "error: ", line) // the exit code tells, too
		}
		return errFinding
	}
	return err
}

func (l listShow) all(t *terminal, client *sidecar.Client) error {
	all, err := client.Lists(context.Background())
	if err != nil {
		return err
	}
	if l.Live {
		all = slices.DeleteFunc(all, func(s sidecar.ListState) bool { return s.Live == 0 })
	}
	if l.JSON {
		return printJSON(t.out, all)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LIST\tROWS\tLIVE\tWHY\tAGE\tFILE")
	for _, s := range all {
		age, file := "", short(s.File)
		switch {
		case s.Learned:
			file = "(learned)"
		case !s.Declared:
			file = "(no rule file declares it)"
		case !s.Changed.IsZero():
			age = ageOf(time.Since(s.Changed))
		default:
			age = "gone"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\n", plain(s.Name), s.Rows, s.Live, s.Why, age, plain(file))
	}
	return w.Flush()
}

// ageOf is a time in its largest unit.
func ageOf(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", max(d, 0)/time.Second)
}

func (l listShow) rows(t *terminal, client *sidecar.Client) error {
	if l.Limit < 0 {
		return fmt.Errorf("--limit %d is no number of entries (write one, or 0 for all)", l.Limit)
	}
	if learned, err := isLearned(client, l.List); err != nil {
		return err
	} else if learned {
		return l.learned(t, client)
	}
	changes, err := client.LiveRows(context.Background(), l.List)
	if err != nil {
		return err
	}
	if l.JSON {
		return printJSON(t.out, changes)
	}
	if len(changes) == 0 {
		_, err = fmt.Fprintf(t.out, "list %s: nothing was changed live\n", l.List)
		return err
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ENTRY\tSUBSCRIBER\tCHANGE\tSINCE\tUNTIL\tBY\tWHY\tSOURCE\tNOTE")
	for _, ch := range changes {
		said := strings.Join([]string{ch.Subscriber, done(ch.Action), local(ch.Added), local(ch.Expires), plain(ch.By), ch.Why.String(), plain(ch.Source), plain(ch.Note)}, "\t")
		for _, e := range ch.Entries {
			fmt.Fprintf(w, "%s\t%s\n", plain(e), said)
		}
	}
	return w.Flush()
}

func done(a rules.LiveAction) string {
	if a == rules.LiveRemove {
		return "removed"
	}
	return "added"
}

func local(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.RFC3339)
}

func (l listShow) entry(t *terminal, client *sidecar.Client) error {
	m, err := client.FindEntry(context.Background(), l.List, l.Entry, l.Subscriber)
	if err != nil {
		return err
	}
	if m.Row != nil {
		m.Row.File = short(m.Row.File)
	}
	switch {
	case l.JSON:
		err = printJSON(t.out, m)
	case len(m.Learned) > 0:
		_, err = fmt.Fprint(t.out, learnedMatch(m))
	case m.Holds:
		_, err = fmt.Fprintf(t.out, "yes: %s by %s\n", m.Entry, m.Row)
	case m.Removed != nil:
		_, err = fmt.Fprintf(t.out, "no: %s was removed: %s\n", m.Entry, m.Removed)
	default:
		_, err = fmt.Fprintf(t.out, "no: no row of list %s holds %s\n", m.List, m.Entry)
	}
	if err == nil && !m.Holds {
		return errFinding
	}
	return err
}
