package main

import (
	"context"
	"fmt"

	"ringfence/rules"
)

type reportAdd struct {
	reported
	By   string `required:"" placeholder:"SUBSCRIBER" help:"Who says so: the number, extension or account that was called."`
	Note string `placeholder:"TEXT" help:"For whoever reads the reports, at most 200 characters."`
}

// Help is what --help adds.
func (reportAdd) Help() string {
	return `Asks the running daemon, at its admin listener and with the token of admin.token_file. From the next
call on rules see it: reports(caller, "30d") is how many users have reported the number in that time.
A user who reports a number again counts once, by the last report, and reports at most 50 times a day.
A report counts for 90 days.

Exit codes: 0 taken down, 1 it was not: the report is at fault, or no answer.

Examples:
  ringfence report add +13035550260 --by +12025557100
  ringfence report add +13035550260 --by 2001 --note 'warranty recording'`
}

// Run reports.
func (r reportAdd) Run(t *terminal) error {
	n, client, err := r.ask()
	if err != nil {
		return err
	}
	made, err := client.Report(context.Background(), rules.UserReport{Number: n, By: r.By, Note: r.Note, Operator: operator()})
	switch {
	case err != nil:
		return refused(t, err, r.JSON)
	case r.JSON:
		return printJSON(t.out, made)
	}
	return t.out.say(green, "ok: ", fmt.Sprintf("%s is reported: %s", n, reporters(made.Reporters)))
}
