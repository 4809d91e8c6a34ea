package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"
	"time"

	"ringfence/sidecar"
)

type reportBlocks struct {
	located
	Caller  string `placeholder:"NUMBER" help:"Only calls of this number, as +13035550260."`
	Account string `placeholder:"ACCOUNT" help:"Only calls of this account."`
	Own     bool   `help:"Only numbers that are on a list with own: true."`
	Since   string `default:"30d" placeholder:"TIME" help:"From when: a duration back from now (12h, 7d) or a time (default: 30d)."`
	JSON    bool   `name:"json" help:"Print the report as JSON."`
}

// Help is what --help adds.
func (reportBlocks) Help() string {
	return `Calls that passed here and that a carrier's analytics stopped (603 Network Blocked, 608 Rejected), by
the caller's number: how often, by which carrier, when last, and what that said: where the owner of the
number can complain, and the id of the block. Nothing is blocked here because of it. Read from the state
folder; the daemon need not run.

Exit codes: 0 shown, also where there is none; 1 nothing can be read.

Examples:
  ringfence report blocks --own --since 7d
  ringfence report blocks --caller +13035550260
  ringfence report blocks --account acme --json`
}

// Run reads and prints.
func (r reportBlocks) Run(t *terminal) error {
	q := sidecar.BlockQuery{Account: r.Account, Own: r.Own}
	var err error
	if q.Since, _, err = period(r.Since, "", time.Now()); err != nil {
		return err
	}
	c, err := sidecar.LoadConfig(r.file())
	if c == nil {
		return err
	}
	if r.Caller != "" {
		n, err := c.ParseNumber(r.Caller)
		if err != nil {
			return misused("--caller: %w", err)
		}
		q.Caller = n.String()
	}
	if c.State == "" {
		return errors.New("no state folder is known (set state)")
	}
	all, err := sidecar.BlockedCallers(c.State, q)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no daemon has kept a record in %s (set state: as it is for the daemon, or name its configuration with --config)", c.State)
	case err != nil:
		return fmt.Errorf("report blocks: %w", err)
	case r.JSON:
		return printJSON(t.out, all)
	case len(all) == 0:
		_, err := fmt.Fprintf(t.out, "no carrier blocked such a call since %s\n", local(q.Since))
		return err
	}
	return printBlocks(t.out, all)
}

func printBlocks(to io.Writer, all []sidecar.BlockedCaller) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CALLER\tOWN\tCALLS\tLAST\tCARRIER\tCODE\tWHERE\tCONTACT\tID")
	for _, caller := range all {
		own := ""
		if caller.Own {
			own = "own"
		}
		for _, one := range caller.Carriers {
			last := one.Last
			var contacts []string
			for _, contact := range [...]string{last.URL, last.Tel, last.Email} {
				if contact != "" {
					contacts = append(contacts, contact)
				}
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\t%s\t%s\t%s\n", cmp.Or(plain(caller.Caller), "(no number)"), own, one.Calls, local(last.Time),
				cmp.Or(plain(one.Carrier), "(unknown)"), last.Code, plain(last.Location), plain(strings.Join(contacts, " ")), plain(last.BlockID))
		}
	}
	return w.Flush()
}
