package main

import (
	"fmt"

	"ringfence/rules"
)

// help holds the pages that are made from the code.
type help struct {
	Rules helpRules `cmd:"" help:"The language of conditions: every operator, attribute and function."`
}

type helpRules struct {
	JSON bool `name:"json" help:"Print the page as JSON."`
}

// Help is what --help adds.
func (helpRules) Help() string {
	return `Every word that a condition (when:) can have: what it is, where the switch's adapter takes it from,
and an example.

Examples:
  ringfence help rules
  ringfence help rules | less
  ringfence help rules --json`
}

// Run prints the page.
func (h helpRules) Run(t *terminal) error {
	page := rules.Language()
	if h.JSON {
		return printJSON(t.out, page)
	}
	_, err := fmt.Fprint(t.out, page)
	return err
}
