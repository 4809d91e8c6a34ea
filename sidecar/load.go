package sidecar

import (
	"errors"
	"time"

	"ringfence/rules"
)

// loaded is all that one load reads: with it at hand nothing can fail.
type loaded struct {
	config *Config
	rules  *rules.Ruleset
	token  string
	began  time.Time
}

// load reads and compiles. It touches nothing that runs.
func load(file string) (loaded, error) {
	began := time.Now() // the clock of file times, whatever the program's is
	c, err := LoadConfig(file)
	rs, token, err := c.complete(err)
	return loaded{c, rs, token, began}, err
}

// Check takes what LoadConfig returned, finds what else would keep the daemon
// from loading it, and returns its rules when nothing would. The error of a
// configuration that can be read is a rules.Diagnostics with all that is wrong
// in it, with the token and in the rules.
func Check(c *Config, err error) (*rules.Ruleset, error) {
	rs, _, err := c.complete(err)
	return rs, err
}

// complete reads what c names, the token and the rules, and adds what is wrong
// with them to the findings of LoadConfig.
func (c *Config) complete(err error) (*rules.Ruleset, string, error) {
	var faults rules.Diagnostics
	if err != nil && !errors.As(err, &faults) {
		return nil, "", err
	}
	token := ""
	if c.Admin.TokenFile != "" {
		if token, err = readToken(c.Admin.TokenFile); err != nil {
			d := rules.Diagnostic{Subject: "admin.token_file", Message: err.Error()}
			c.locate(&d)
			faults = append(faults, d)
			byPlace(faults)
		}
	}
	if len(c.Settings.Files) == 0 { // a finding already
		return nil, "", faults
	}
	rs, err := c.Compile()
	if err != nil {
		var more rules.Diagnostics
		errors.As(err, &more)
		faults = append(faults, more...)
	}
	if len(faults) > 0 {
		return nil, "", faults
	}
	return rs, token, nil
}
