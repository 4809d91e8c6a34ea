package main

import (
	"context"
	"fmt"

	"ringfence/sidecar"
)

type listAccept struct {
	located
	List string `arg:"" help:"The list, as the rule files name it."`
	JSON bool   `name:"json" help:"Print what the daemon answers as JSON."`
}

// Help is what --help adds.
func (listAccept) Help() string {
	return `A list with url: that shrinks or grows beyond its guard is fetched but held back, and the
copy before it stays at work. ringfence status shows what is held back. This takes it.

Exit codes: 0 taken, 1 nothing is held back, or no answer.

Examples:
  ringfence list accept spam
  ringfence list accept spam --config /etc/ringfence/ringfence.yaml`
}

// Run asks and says what came of it.
func (l listAccept) Run(t *terminal) error {
	c, err := sidecar.LoadConfig(l.file())
	if c == nil {
		return err
	}
	client, err := sidecar.NewClient(c)
	if err != nil {
		return err
	}
	if err := client.Accept(context.Background(), l.List); err != nil {
		return err
	}
	if l.JSON {
		return printJSON(t.out, sidecar.Accepted{OK: true})
	}
	return t.out.say(green, "ok: ", fmt.Sprintf("the copy that was held back of list %s is at work", l.List))
}
