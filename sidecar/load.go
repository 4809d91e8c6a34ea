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

// loading is what a load takes beside the configuration.
type loading struct {
	feeds    string                   // where copies of fetched lists are; empty: where the configuration has its state
	before   *rules.Ruleset           // lends the lists that are unchanged; nil: none
	progress func(rules.ListProgress) // nil: nobody is told
}

// load reads and compiles. It touches nothing that runs. A running daemon stays
// with the folder of feeds that it has.
func load(file string, l loading) (loaded, error) {
	began := time.Now() // the clock of file times, whatever the program's is
	c, err := LoadConfig(file)
	if c != nil {
		c.Settings.Previous, c.Settings.Progress = l.before, l.progress
		if l.feeds != "" {
			c.Settings.Feeds = l.feeds
		}
	}
	rs, token, err := c.complete(err)
	if c != nil {
		c.Settings.Previous, c.Settings.Progress = nil, nil // for this load only
	}
	return loaded{c, rs, token, began}, err
}

// steady tells which file was changed while it was read, if any: half of it may be
// old or missing. It loads again when it has come to rest.
func (l *loaded) steady() error {
	s := sourcesOf(l.config.File, l.config.Settings, l.rules, nil)
	if file := s.changedBetween(l.began, time.Now()); file != "" {
		return rules.Diagnostics{{File: file, Message: "has changed while it was read", Hint: "it loads when it comes to rest; write beside it and rename"}}
	}
	return nil
}

// Check takes what LoadConfig returned, finds what else would keep the daemon
// from loading it, and returns its rules when nothing would. The error of a
// configuration that can be read is a rules.Diagnostics with all that is wrong
// in it, with the token and in the rules.
func Check(c *Config, err error) (*rules.Ruleset, error) {
	rs, _, err := c.complete(err)
	return rs, err
}

// complete reads what c names, the token, the passwords and the rules, and adds what is wrong
// with them to the findings of LoadConfig. Rule tests run when nothing is.
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
		}
	}
	faults = append(append(faults, c.passwords()...), c.secrets()...)
	byPlace(faults)
	if len(c.Settings.Files) == 0 { // a finding already
		return nil, "", faults
	}
	rs, err := c.Compile()
	if err != nil {
		var more rules.Diagnostics
		errors.As(err, &more)
		faults = append(faults, more...)
	}
	if c.TestBeforeLoad && len(faults) == 0 {
		faults = c.test(rs, testLimit)
	}
	if len(faults) > 0 {
		return nil, "", faults
	}
	return rs, token, nil
}
