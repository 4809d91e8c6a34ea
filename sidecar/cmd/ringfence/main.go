// Command ringfence decides for a SIP switch which calls to stop, and answers
// them correctly for why.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"ringfence/rules"
	"ringfence/sidecar"
)

// version is set by the linker.
var version = ""

// Exit codes of every verb.
const (
	exitOK      = 0
	exitFailure = 1 // a finding, or it failed
	exitUsage   = 2
)

// commands is the command line: one verb a field, one file a verb.
type commands struct {
	Serve     serve     `cmd:"" help:"Run the daemon."`
	Supervise supervise `cmd:"" help:"Run the daemon, and run it again when it hangs or ends."`
	Check     check     `cmd:"" help:"Check configuration, rules and lists."`
	Test      test      `cmd:"" help:"Run rule tests."`
	Schema    schema    `cmd:"" help:"Print the JSON Schema of rule files, tests or the configuration."`
	Explain   explain   `cmd:"" help:"Say what would be decided about a call, and why."`
	Rule      rule      `cmd:"" help:"Work with single rules."`
	List      list      `cmd:"" help:"Work with lists."`
	Report    reports   `cmd:"" help:"Report what carriers and users say of numbers, and what rules in monitor would have stopped."`
	Journal   journal   `cmd:"" help:"Look up a stopped call by its decision id."`
	Status    status    `cmd:"" help:"Say how the running daemon is."`
	Reload    reload    `cmd:"" help:"Have the running daemon load its configuration and rules again."`
	Help      help      `cmd:"" help:"Show a page of the manual."`
	Version   release   `cmd:"" help:"Print the version."`
}

// terminal is where a verb writes.
type terminal struct {
	out, err text
}

// errFinding ends a verb with exit code 1 and says nothing more: the verb has
// said it all.
var errFinding = errors.New("finding")

// exitCode ends a verb with that of the program it ran, which has said it all.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	var c commands
	out, err := text{stdout, colourful(stdout)}, text{stderr, colourful(stderr)}
	parser, fault := kong.New(&c,
		kong.Name("ringfence"),
		kong.Description("Decides for a SIP switch which calls to stop, and answers them correctly for why.\n\nExit codes: 0 ok, 1 a finding or a failure, 2 wrong usage."),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if fault != nil {
		fmt.Fprintln(err, "ringfence:", fault)
		return exitFailure
	}
	context, fault := parser.Parse(spelled(args))
	if fault != nil {
		fmt.Fprintf(err, "ringfence: %v (see ringfence --help)\n", fault)
		return exitUsage
	}
	fault = context.Run(&terminal{out, err})
	switch {
	case fault == nil:
		return exitOK
	case errors.Is(fault, errFinding):
		return exitFailure
	}
	var ended exitCode
	if errors.As(fault, &ended) {
		return int(ended)
	}
	report(err, fault)
	if errors.As(fault, new(misuse)) {
		return exitUsage
	}
	return exitFailure
}

// spelled are the arguments with what other programs call so in our words: help,
// help VERB and --version.
func spelled(args []string) []string {
	switch {
	case len(args) == 0, len(args) == 1 && args[0] == "help":
		return []string{"--help"}
	case args[0] == "--version":
		return append([]string{"version"}, args[1:]...)
	case args[0] == "help" && args[1] != "rules" && !strings.HasPrefix(args[1], "-"):
		return append(slices.Clone(args[1:]), "--help")
	}
	return args
}

// report prints an error, or each finding of a load on a line of its own.
func report(w io.Writer, err error) {
	var d rules.Diagnostics
	if !errors.As(err, &d) {
		fmt.Fprintln(w, "ringfence:", err)
		return
	}
	for _, f := range d {
		fmt.Fprintln(w, near(f).Error())
	}
}

// colourful tells whether w is a terminal whose user wants colours
// (no-color.org).
func colourful(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// located is the flag that names the configuration file.
type located struct {
	Config string `short:"c" type:"path" placeholder:"FILE" help:"Configuration file (default: ./ringfence.yaml, then ringfence/ringfence.yaml in $$XDG_CONFIG_HOME, then /etc/ringfence/ringfence.yaml)."`
}

func (l located) file() string {
	if l.Config != "" {
		return l.Config
	}
	return sidecar.FindConfig()
}
