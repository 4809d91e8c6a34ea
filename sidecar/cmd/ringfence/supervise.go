package main

import (
	"fmt"
	"os"
	"time"

	"ringfence/sidecar/supervisor"
)

type supervise struct {
	serve
	Watchdog time.Duration `default:"1s" placeholder:"TIME" help:"Kill the daemon when no beat comes for so long (default: 1s)."`
}

// Help is what --help adds.
func (supervise) Help() string {
	return `Runs ringfence serve with the same flags, for Docker and other places without systemd. The daemon
beats four times in --watchdog as long as it decides calls. When no beat comes it is killed, so that
connections are refused and calls go on at once, where a daemon that hangs would hold them; then it
is started again: at once, and when that does not last, after pauses that grow to 10 s. A daemon
that ends by itself is started again in the same way.

SIGTERM, SIGINT and SIGHUP are handed on to the daemon. It never outlives this process.

Exit codes: 0 stopped by a signal, that of serve when it could not start, 2 wrong usage.

Examples:
  ringfence supervise
  ringfence supervise --config /etc/ringfence/ringfence.yaml
  ringfence supervise --watchdog 5s`
}

// The least and the most that --watchdog can be: below it a busy machine kills
// a good daemon, beyond it nothing is left of the bound.
const (
	watchdogMin = 100 * time.Millisecond
	watchdogMax = time.Minute
)

// Validate refuses a watchdog that makes no sense; kong asks.
func (s supervise) Validate() error {
	if s.Watchdog < watchdogMin || s.Watchdog > watchdogMax {
		return fmt.Errorf("--watchdog %s is out of bounds (take %s to %s)", s.Watchdog, watchdogMin, watchdogMax)
	}
	return nil
}

// Run supervises until a signal ends it.
func (s supervise) Run(t *terminal) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("own program: %w", err)
	}
	arguments := []string{program, "serve"}
	if s.Config != "" {
		arguments = append(arguments, "--config", s.Config)
	}
	code, err := supervisor.Run(supervisor.Options{Program: program, Arguments: arguments, Watchdog: s.Watchdog, Log: t.err})
	if err != nil {
		return err
	}
	if code != 0 {
		return exitCode(code)
	}
	return nil
}
