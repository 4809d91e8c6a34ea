package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"ringfence/rules"
	"ringfence/sidecar"
)

// pageEntries is how many entries of a learned list are asked for at once.
const pageEntries = 5000

// isLearned tells whether the daemon learns a list of that name, and has no
// other.
func isLearned(client *sidecar.Client, list string) (bool, error) {
	all, err := client.Lists(context.Background())
	named := slices.DeleteFunc(all, func(s sidecar.ListState) bool { return s.Name != list })
	return len(named) == 1 && named[0].Learned, err
}

// learned prints what a learned list holds, page by page: there can be a
// million entries.
func (l listShow) learned(t *terminal, client *sidecar.Client) error {
	shown, next := 0, ""
	var whole rules.LearnedPage
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for {
		limit := pageEntries
		if l.Limit > 0 {
			limit = min(limit, l.Limit-shown)
		}
		page, err := client.LearnedPage(context.Background(), l.List, next, limit)
		if err != nil {
			return err
		}
		if shown += len(page.Entries); l.JSON {
			page.Entries = append(whole.Entries, page.Entries...)
			whole = page
		} else if err := printLearned(w, page.Entries, next == ""); err != nil {
			return err
		}
		if next = page.Next; next == "" || l.Limit > 0 && shown >= l.Limit {
			break
		}
	}
	switch {
	case l.JSON:
		return printJSON(t.out, whole)
	case shown == 0:
		_, err := fmt.Fprintf(t.out, "list %s: nothing is learned\n", l.List)
		return err
	case next != "":
		_, err := fmt.Fprintf(t.out, "%d are shown, there are more (--limit 0 shows all)\n", shown)
		return err
	}
	return nil
}

func printLearned(w *tabwriter.Writer, entries []rules.LearnedEntry, first bool) error {
	if first && len(entries) > 0 {
		fmt.Fprintln(w, "NUMBER\tSUBSCRIBER\tUPSTREAM\tUNTIL")
	}
	for _, e := range entries {
		fmt.Fprintln(w, strings.Join([]string{e.Number.String(), e.Subscriber.String(), plain(cmp.Or(e.Upstream, e.By)), local(e.Until)}, "\t"))
	}
	return w.Flush()
}

// learnedMatch says what a learned list holds of an entry.
func learnedMatch(m rules.ListMatch) string {
	var all []string
	for _, e := range m.Learned {
		whose := ""
		if e.Upstream != "" {
			whose = " for calls to " + plain(e.Upstream)
		} else if !e.Subscriber.IsZero() {
			whose = " for " + e.Subscriber.String()
		}
		all = append(all, fmt.Sprintf("yes: %s is learned%s, until %s\n", m.Entry, whose, local(e.Until)))
	}
	return strings.Join(all, "")
}
