package main

import (
	"context"
	"fmt"

	"ringfence/rules"
)

type reportRemove struct {
	reported
	By   string `placeholder:"SUBSCRIBER" help:"Only the report of this user; all, when left out."`
	Note string `placeholder:"TEXT" help:"For the record."`
}

// Help is what --help adds.
func (reportRemove) Help() string {
	return `Asks the running daemon, as report add does. The reports do not count from the next call on.

Exit codes: 0 taken back, 1 there is no such report, or no answer.

Examples:
  ringfence report remove +13035550260 --note 'number has a new owner'
  ringfence report remove +13035550260 --by +12025557100`
}

// Run takes back.
func (r reportRemove) Run(t *terminal) error {
	n, client, err := r.ask()
	if err != nil {
		return err
	}
	made, err := client.Report(context.Background(), rules.UserReport{Number: n, By: r.By, Note: r.Note, Operator: operator(), Removed: true})
	switch {
	case err != nil:
		return refused(t, err, r.JSON)
	case r.JSON:
		return printJSON(t.out, made)
	}
	return t.out.say(green, "ok: ", fmt.Sprintf("taken back of %s: %s", n, reporters(made.Reporters)))
}
