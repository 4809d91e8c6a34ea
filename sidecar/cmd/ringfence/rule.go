package main

import (
	"context"
	"errors"
	"fmt"

	"ringfence/sidecar"
)

// rule are the verbs about single rules.
type rule struct {
	Resume ruleResume `cmd:"" help:"Have a rule act again that its limit has put into monitor."`
}

type ruleResume struct {
	located
	ID   string `arg:"" help:"The rule, by its id."`
	JSON bool   `name:"json" help:"Print what the daemon answers as JSON."`
}

// Help is what --help adds.
func (ruleResume) Help() string {
	return `A rule with limit: that would stop more calls of a trunk than that is in monitor there until its
text changes. ringfence status shows it. This has it act again, on all trunks, and counts anew.
It asks the admin listener, which needs admin.token_file for it.

Exit codes: 0 it acts (also when it did before), 1 no such rule, no limit, or no answer.

Examples:
  ringfence rule resume burst
  ringfence rule resume burst --config /etc/ringfence/ringfence.yaml`
}

// Run asks and says what came of it.
func (r ruleResume) Run(t *terminal) error {
	c, err := sidecar.LoadConfig(r.file())
	if c == nil {
		return err
	}
	client, err := sidecar.NewClient(c)
	if err != nil {
		return err
	}
	result, err := client.Resume(context.Background(), r.ID)
	var refused sidecar.Refusal
	switch {
	case errors.As(err, &refused):
		for _, line := range refused {
			_ = t.out.say(red, "error: ", line) // the exit code tells, too
		}
		return errFinding
	case err != nil:
		return err
	case r.JSON:
		return printJSON(t.out, result)
	case result.Trunks == 0:
		return t.out.say(green, "ok: ", fmt.Sprintf("rule %s was not in monitor", r.ID))
	}
	return t.out.say(green, "ok: ", fmt.Sprintf("rule %s acts again on %s", r.ID, counted(result.Trunks, "trunk")))
}
