package main

import (
	"context"
	"fmt"
	"text/tabwriter"
)

type reportList struct {
	reported
}

// Help is what --help adds.
func (reportList) Help() string {
	return `Asks the running daemon for the reports of a number that count: who made them, when, and what was
noted.

Exit codes: 0 shown, 1 no answer.

Examples:
  ringfence report list +13035550260
  ringfence report list +13035550260 --json`
}

// Run asks and prints.
func (r reportList) Run(t *terminal) error {
	n, client, err := r.ask()
	if err != nil {
		return err
	}
	all, err := client.Reports(context.Background(), n.String())
	switch {
	case err != nil:
		return refused(t, err, r.JSON)
	case r.JSON:
		return printJSON(t.out, all)
	case len(all) == 0:
		_, err = fmt.Fprintf(t.out, "nobody has reported %s\n", n)
		return err
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "BY\tTIME\tTAKEN BY\tNOTE")
	for _, one := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", plain(one.By), local(one.At), plain(one.Operator), plain(one.Note))
	}
	return w.Flush()
}
