package main

import (
	"errors"

	"ringfence/rules"
	"ringfence/sidecar"
)

// reports are the verbs that report what is known, one file each.
type reports struct {
	Blocks reportBlocks `cmd:"" help:"Whose calls carriers blocked, how often, and whom to ask about it."`
	Add    reportAdd    `cmd:"" help:"Take down that a user calls a number unwanted."`
	List   reportList   `cmd:"" help:"Show who has reported a number."`
	Remove reportRemove `cmd:"" help:"Take reports of a number back."`

	Monitor reportMonitor `cmd:"" help:"Say what the rules in monitor would have stopped."`
}

// reported is the number of a verb about reports of users.
type reported struct {
	located
	Number string `arg:"" help:"The number that called, as +13035550260."`
	JSON   bool   `name:"json" help:"Print what the daemon answers as JSON."`
}

// ask is the number, and who is asked about it.
func (r reported) ask() (n rules.Number, client *sidecar.Client, err error) {
	c, err := sidecar.LoadConfig(r.file())
	if c == nil {
		return n, nil, err
	}
	if n, err = c.ParseNumber(r.Number); err != nil {
		return n, nil, misused("NUMBER: %w", err)
	}
	client, err = sidecar.NewClient(c)
	return n, client, err
}

// refused prints what the daemon finds wrong; any other error is handed on.
func refused(t *terminal, err error, asJSON bool) error {
	var lines sidecar.Refusal
	if !errors.As(err, &lines) {
		return err
	}
	if asJSON {
		return errors.Join(printJSON(t.out, sidecar.Reported{Errors: lines}), errFinding)
	}
	for _, line := range lines {
		_ = t.out.say(red, "error: ", line) // the exit code tells, too
	}
	return errFinding
}

// reporters is so many of them in words.
func reporters(n int) string {
	if n == 0 {
		return "no reporter is left"
	}
	return counted(n, "reporter") + " in 90 days"
}
