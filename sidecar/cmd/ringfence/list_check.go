package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"ringfence/rules"
	"ringfence/sidecar"
)

type listCheck struct {
	located
	Lists []string `arg:"" optional:"" name:"list" help:"Lists by their names, and files that no rule file declares; all lists, when left out."`
	JSON  bool     `name:"json" help:"Print the findings as JSON."`
}

// Help is what --help adds.
func (listCheck) Help() string {
	return `Reads the files of lists, as the rule files declare them, and prints with file and line: malformed
rows; duplicates; rows that a wider row of the same list makes needless; rows that are in another list,
too, of which rules make something else, and which of the two counts; rows that have expired; and rows
that cover a whole calling code or more (+1*), or a network below /8 (IPv6: /16). No
daemon is asked, and live changes are not looked at. Lists may be larger than the memory: what is beyond
2 million numbers is sorted in temporary files (TMPDIR).

Exit codes: 0 nothing was found, 1 something was, or a list cannot be read.

Examples:
  ringfence list check
  ringfence list check spam friends
  ringfence list check import.csv spam --json`
}

// Run checks.
func (l listCheck) Run(t *terminal) error {
	settings, names, files, err := l.what()
	if err != nil {
		return err
	}
	bar := t.progress()
	report, err := rules.CheckLists(settings, names, files, rules.ListCheckOptions{Now: time.Now(), Progress: bar.show})
	bar.end()
	if err != nil {
		return err
	}
	if l.JSON {
		if err := printJSON(t.out, report); err != nil {
			return err
		}
		return finding(report)
	}
	for _, f := range report.Findings {
		colour := yellow
		if f.Kind == rules.ListMalformed {
			colour = red
		}
		_ = t.out.say(colour, f.Kind+": ", near(f.Diagnostic()).Error()) // the exit code tells, too
	}
	for _, note := range report.Notes {
		fmt.Fprintln(t.out, "note: "+note)
	}
	for _, c := range report.Lists {
		said := []string{counted(int(c.Rows), "row")}
		for _, kind := range []string{rules.ListMalformed, rules.ListDuplicate, rules.ListCovered, rules.ListOverruled, rules.ListExpired, rules.ListWide} {
			if n := c.Has[kind]; n > 0 {
				said = append(said, fmt.Sprintf("%d %s", n, kind))
			}
		}
		colour, mark := green, "ok: "
		if len(said) > 1 {
			colour, mark = red, "list "
		}
		_ = t.out.say(colour, mark, fmt.Sprintf("%s (%s): %s", nearName(c), short(c.File), strings.Join(said, ", "))) // as above
	}
	return finding(report)
}

// nearName is the name of a list, which is a path when none is declared.
func nearName(c rules.CheckedList) string { return short(c.Name) }

func finding(r *rules.ListReport) error {
	if len(r.Findings) > 0 {
		return errFinding
	}
	return nil
}

// what is to be checked: lists of the configuration by name, and other files.
func (l listCheck) what() (s rules.Settings, names, files []string, err error) {
	c, err := sidecar.LoadConfig(l.file())
	switch {
	case c != nil:
		s = c.Settings
	case errors.Is(err, fs.ErrNotExist) && l.Config == "" && len(l.Lists) > 0:
	default:
		return s, nil, nil, err
	}
	declared := rules.DeclaredLists(s.Files)
	if c != nil && len(l.Lists) == 0 && len(declared) == 0 {
		return s, nil, nil, errors.New("no rule file declares a list (name files to check)")
	}
	for _, name := range l.Lists {
		if _, ok := declared[name]; ok {
			names = append(names, name)
			continue
		}
		file, err := filepath.Abs(name)
		if err != nil {
			return s, nil, nil, err
		}
		files = append(files, file)
	}
	if len(names) == 0 && len(files) > 0 {
		s.Files = nil
	}
	return s, names, files, nil
}
