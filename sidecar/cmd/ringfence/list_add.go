package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"

	"ringfence/rules"
	"ringfence/sidecar"
)

// listChange are the arguments of the verbs that change a list live.
type listChange struct {
	located
	List       string   `arg:"" help:"Name of the list in the rule files."`
	Entries    []string `arg:"" name:"entry" help:"Number, prefix, pattern, range, address or network, as in a list's file; - reads them from standard input, one a line."`
	Subscriber string   `placeholder:"NUMBER" help:"Whose rows they are, in a list declared with per: callee."`
	JSON       bool     `name:"json" help:"Print what was done as JSON."`
}

type listAdd struct {
	listChange
	For    string `placeholder:"TIME" xor:"end" help:"How long the rows last: 12h, 7d."`
	Until  string `placeholder:"DATE" xor:"end" help:"Last day of the rows, 2026-12-31 in UTC, or a time, 2026-12-31T18:00:00Z."`
	Wide   bool   `help:"Add also what covers a whole calling code or more, as +1*, or a network below /8 (IPv6: /16)."`
	Why    string `placeholder:"WHY" help:"Why the numbers are listed, where the list declares no why or rules say block: listed."`
	Source string `placeholder:"TEXT" help:"Where they come from."`
	Note   string `placeholder:"TEXT" help:"For whoever reads the explanation of a call."`
}

// Help is what --help adds.
func (listAdd) Help() string {
	return `Asks the running daemon, at its admin listener and with the token of admin.token_file. The rows
count for the next call, stay over reloads and restarts, and win over rows of the list's file for the
same number. Adding what was removed undoes the removal. All entries are added, or none.

Exit codes: 0 added, 1 nothing was: an entry is at fault, or no answer.

Examples:
  ringfence list add spam +13035550260
  ringfence list add spam +13035550260 '+1404555*' --for 7d --note 'complaint 4711'
  ringfence list add hosts 198.51.100.0/24 --until 2026-12-31
  ringfence list add personal +13035550260 --subscriber +12025557100
  ringfence list add spam - --source import < numbers.txt`
}

// Run adds.
func (l listAdd) Run(t *terminal) error {
	ch := sidecar.ListChange{For: l.For}
	ch.Action, ch.Source, ch.Note, ch.Wide = rules.LiveAdd, l.Source, l.Note, l.Wide
	if l.Why != "" {
		var ok bool
		if ch.Why, ok = rules.ParseWhy(l.Why); !ok {
			return fmt.Errorf("--why: unknown why %q (%s)", l.Why, rules.Suggest(l.Why, rules.Whys()))
		}
	}
	if l.Until != "" {
		var ok bool
		if ch.Expires, ok = rules.ParseExpiry(l.Until); !ok {
			return fmt.Errorf("--until: %q is no time (write 2006-01-02 or 2006-01-02T15:04:05Z)", l.Until)
		}
	}
	return l.change(t, ch, "added to")
}

// change has the daemon make ch and tells what was done.
func (l listChange) change(t *terminal, ch sidecar.ListChange, done string) error {
	var err error
	if ch.Entries, err = l.entries(); err != nil {
		return err
	}
	ch.List, ch.Subscriber, ch.By = l.List, l.Subscriber, operator()
	client, err := l.client()
	if err != nil {
		return err
	}
	made, err := client.ChangeList(context.Background(), ch)
	var refused sidecar.Refusal
	switch {
	case errors.As(err, &refused):
		if l.JSON {
			return errors.Join(printJSON(t.out, sidecar.ListChanged{Errors: refused}), errFinding)
		}
		for _, line := range refused {
			_ = t.out.say(red, "error: ", line) // the exit code tells, too
		}
		fmt.Fprintln(t.out, "nothing was changed")
		return errFinding
	case err != nil:
		return err
	case l.JSON:
		return printJSON(t.out, sidecar.ListChanged{OK: true, Change: &made})
	}
	what := made.Entries[0]
	if len(made.Entries) > 1 {
		what = fmt.Sprintf("%d entries", len(made.Entries))
	}
	until := ""
	if !made.Expires.IsZero() {
		until = " until " + local(made.Expires)
	}
	return t.out.say(green, "ok: ", fmt.Sprintf("%s %s %s%s", what, done, made.List, until))
}

// client is one of the daemon, also when something in its configuration is
// wrong by now.
func (l located) client() (*sidecar.Client, error) {
	c, err := sidecar.LoadConfig(l.file())
	if c == nil {
		return nil, err
	}
	return sidecar.NewClient(c)
}

// entries are those of the command line, with the lines of standard input in
// place of "-".
func (l listChange) entries() ([]string, error) {
	var all []string
	for _, e := range l.Entries {
		if e != "-" {
			all = append(all, e)
			continue
		}
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			line, _, _ := strings.Cut(strings.TrimPrefix(in.Text(), "\ufeff"), "#")
			if line = strings.TrimSpace(line); line != "" {
				all = append(all, line)
			}
		}
		if err := in.Err(); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
	}
	return all, nil
}

// operator is who runs the command, for the record.
func operator() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}
