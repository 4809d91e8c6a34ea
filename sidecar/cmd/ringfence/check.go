package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ringfence/rules"
	"ringfence/sidecar"
)

type check struct {
	located
	Verbose bool     `short:"v" help:"Name the rules that no index finds, and say why: they are asked for every call."`
	Files   []string `arg:"" optional:"" type:"path" help:"Rule files and folders to check instead of those of the configuration."`
}

// Help is what --help adds.
func (check) Help() string {
	return `Prints every error and warning with its place, file:line:column: of the configuration, the token
file and the rules, all that serve would refuse. Nothing that runs is touched.
Without a configuration file the files are checked with its defaults.

Exit codes: 0 all loads (there may be warnings), 1 something does not.

Examples:
  ringfence check
  ringfence check --config /etc/ringfence/ringfence.yaml
  ringfence check -v rules/spam.yaml`
}

// Run checks.
func (c check) Run(t *terminal) error {
	bar := t.progress()
	config, err := c.load()
	if config != nil {
		config.Settings.Progress = bar.show
	}
	rs, err := sidecar.Check(config, err)
	bar.end()
	if err == nil {
		return c.report(t, append(config.Warnings(rs), rs.Warnings()...), rs)
	}
	var faults rules.Diagnostics
	if !errors.As(err, &faults) {
		return err
	}
	for _, f := range faults {
		_ = t.out.say(red, "error: ", near(f).Error()) // what cannot be written shows with the last line
	}
	fmt.Fprintln(t.out, counted(len(faults), "error"))
	return errFinding
}

func (c check) load() (*sidecar.Config, error) {
	config, err := sidecar.LoadConfig(c.file())
	if errors.Is(err, fs.ErrNotExist) && c.Config == "" {
		if len(c.Files) == 0 {
			return nil, errors.New("nothing to check (name rule files, or a configuration with --config)")
		}
		config, err = sidecar.Defaults(), nil
	}
	if config != nil && len(c.Files) > 0 {
		config.Settings.Files = c.Files
	}
	return config, err
}

func (c check) report(t *terminal, warnings rules.Diagnostics, rs *rules.Ruleset) error {
	for _, w := range warnings {
		_ = t.out.say(yellow, "warning: ", near(w).Error()) // as above
	}
	if c.Verbose {
		for _, r := range rs.Rules() {
			if reasons := r.Unindexed(); len(reasons) > 0 {
				d := rules.Diagnostic{File: r.File, Line: r.Line, Column: r.Column, Subject: fmt.Sprintf("rule %q", r.ID), Message: "is asked for every call, no index finds it: " + strings.Join(reasons, "; ")}
				fmt.Fprintln(t.out, "note: "+near(d).Error())
			}
		}
	}
	rows := 0
	for _, l := range rs.Lists() {
		rows += l.Len()
	}
	summary := []string{counted(len(rs.Rules()), "rule"), counted(len(rs.Lists()), "list") + " of " + counted(rows, "row"),
		counted(len(rs.Learns()), "learned list"), counted(len(warnings), "warning")}
	return t.out.say(green, "ok: ", strings.Join(summary, ", "))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// near is d with a path from the working folder when the file is below it.
func near(d rules.Diagnostic) rules.Diagnostic {
	d.File = short(d.File)
	return d
}

func short(file string) string {
	folder, err := os.Getwd()
	if err != nil || file == "" {
		return file
	}
	if name, err := filepath.Rel(folder, file); err == nil && filepath.IsLocal(name) {
		return name
	}
	return file
}
