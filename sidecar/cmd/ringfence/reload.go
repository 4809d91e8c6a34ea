package main

import (
	"context"
	"fmt"
	"strings"

	"ringfence/sidecar"
)

type reload struct {
	located
	JSON bool `name:"json" help:"Print what the daemon answers as JSON."`
}

// Help is what --help adds.
func (reload) Help() string {
	return `Asks the admin listener, which needs admin.token_file for it; SIGHUP does the same without.

Exit codes: 0 loaded, 1 not loaded (the rules before it run), or no answer.

Examples:
  ringfence reload
  ringfence reload --json
  ringfence reload --config /etc/ringfence/ringfence.yaml`
}

// Run asks and prints what came of it.
func (r reload) Run(t *terminal) error {
	c, err := sidecar.LoadConfig(r.file())
	if c == nil {
		return err
	}
	client, err := sidecar.NewClient(c)
	if err != nil {
		return err
	}
	result, err := client.Reload(context.Background())
	if err != nil {
		return err
	}
	if r.JSON {
		err = printJSON(t.out, result)
		if err == nil && !result.OK {
			err = errFinding
		}
		return err
	}
	for _, w := range result.Warnings {
		_ = t.out.say(yellow, "warning: ", w) // what cannot be written shows with the last line
	}
	for _, e := range result.Errors {
		_ = t.out.say(red, "error: ", e) // as above
	}
	if !result.OK {
		fmt.Fprintf(t.out, "%s, generation %d stays\n", counted(len(result.Errors), "error"), result.Generation)
		return errFinding
	}
	if n := len(result.Removed); n > 0 {
		_ = t.out.say(yellow, "warning: ", fmt.Sprintf("%s that ran before, gone by now: %s", counted(n, "rule"), shortened(result.Removed))) // as above
	}
	return t.out.say(green, "ok: ", fmt.Sprintf("generation %d runs, %s and %s", result.Generation, counted(result.Rules, "rule"), counted(result.Lists, "list")))
}

// shortened are the first names of many.
func shortened(names []string) string {
	const first = 3
	if len(names) <= first {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:first], ", "), len(names)-first)
}
