package main

import (
	"context"
	"fmt"

	"ringfence/sidecar"
)

type reload struct {
	located
}

// Help is what --help adds.
func (reload) Help() string {
	return `Asks the admin listener, which needs admin.token_file for it; SIGHUP does the same without.

Exit codes: 0 loaded, 1 not loaded (the rules before it run), or no answer.

Examples:
  ringfence reload
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
	for _, w := range result.Warnings {
		fmt.Fprintln(t.out, t.paint(yellow, "warning: ")+w)
	}
	for _, e := range result.Errors {
		fmt.Fprintln(t.out, t.paint(red, "error: ")+e)
	}
	if !result.OK {
		fmt.Fprintf(t.out, "%s, generation %d stays\n", counted(len(result.Errors), "error"), result.Generation)
		return errFinding
	}
	_, err = fmt.Fprintf(t.out, "%sgeneration %d runs\n", t.paint(green, "ok: "), result.Generation)
	return err
}
