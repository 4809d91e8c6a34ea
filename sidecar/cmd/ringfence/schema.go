package main

import (
	"ringfence/sidecar"
)

type schema struct {
	Of string `arg:"" enum:"rules,test,calendar,config" help:"What is described: rules (rule files), test (rule tests), calendar (calendars) or config (the configuration)."`
}

// Help is what --help adds.
func (schema) Help() string {
	return `Editors that know YAML read it to complete and check what is typed. A file names its own on a line:

  # yaml-language-server: $schema=rules.schema.json

Exit codes: 0 printed, 2 wrong usage.

Examples:
  ringfence schema rules > rules.schema.json
  ringfence schema test > test.schema.json
  ringfence schema calendar > calendar.schema.json
  ringfence schema config > config.schema.json`
}

// Run prints.
func (s schema) Run(t *terminal) error { return printJSON(t.out, sidecar.Schemas()[s.Of]()) }
