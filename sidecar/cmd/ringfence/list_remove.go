package main

import (
	"context"
	"fmt"

	"ringfence/rules"
	"ringfence/sidecar"
)

type listRemove struct {
	listChange
	Source string `placeholder:"TEXT" help:"Who asked for it."`
	Note   string `placeholder:"TEXT" help:"For whoever asks why they are not on the list."`
}

// Help is what --help adds.
func (listRemove) Help() string {
	return `Asks the running daemon, as list add does. A removed number or address is not on the list from the
next call on, by no row of its file and no pattern, whatever a later file brings. Of a prefix, pattern,
range or network the row that is that very one is off; wider rows still count. Where there is no such row
a note says so, and the removal is kept all the same. list add undoes it, and so does list revert.
A number that is taken off a learned list is off at once and after a restart, until it is taught again.

Exit codes: 0 removed, 1 nothing was: an entry is at fault, or no answer.

Examples:
  ringfence list remove spam +13035550260 --note 'number has a new owner'
  ringfence list remove spam '+1404555*'
  ringfence list remove not-found +12025557100
  ringfence list remove refused +13035550260 --subscriber +12025557100`
}

// Run removes.
func (l listRemove) Run(t *terminal) error {
	ch := sidecar.ListChange{}
	ch.Action, ch.Source, ch.Note = rules.LiveRemove, l.Source, l.Note
	absent := l.absent()
	if err := l.change(t, ch, "removed from"); err != nil || l.JSON {
		return err
	}
	for _, note := range absent {
		if err := t.out.say(yellow, "note: ", note); err != nil {
			return err
		}
	}
	return nil
}

// maxAsked bounds the entries of which a removal tells whether there was one.
const maxAsked = 100

// absent tells of the entries of the command line that the list has no row for.
// Of what cannot be asked the change itself says why.
func (l listRemove) absent() (notes []string) {
	client, err := l.client()
	if err != nil {
		return nil
	}
	kept := "had no row for %s; the removal is kept for files to come"
	if learned, _ := isLearned(client, l.List); learned {
		kept = "held no %s; it can be learned all the same"
	}
	for _, entry := range l.Entries[:min(len(l.Entries), maxAsked)] {
		if entry == "-" {
			continue
		}
		if m, err := client.FindEntry(context.Background(), l.List, entry, l.Subscriber); err == nil && !m.Holds {
			notes = append(notes, fmt.Sprintf("list %s "+kept, l.List, m.Entry))
		}
	}
	return notes
}

type listRevert struct {
	listChange
}

// Help is what --help adds.
func (listRevert) Help() string {
	return `Takes live changes back, additions and removals: the list's file alone says again whether it has the
entries. list show LIST has what was changed.

Exit codes: 0 reverted, also where nothing was changed; 1 an entry is at fault, or no answer.

Examples:
  ringfence list revert spam +13035550260`
}

// Run reverts.
func (l listRevert) Run(t *terminal) error {
	ch := sidecar.ListChange{}
	ch.Action = rules.LiveRevert
	return l.change(t, ch, "as in the file of")
}
