package main

import (
	"fmt"
	"time"

	"ringfence/sidecar"
)

// misuse is an argument that cannot be read, which ends a verb with exit code 2.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

func misused(format string, a ...any) error { return misuse{fmt.Errorf(format, a...)} }

// period reads --since and --until, which is now unless given.
func period(since, until string, now time.Time) (from, to time.Time, err error) {
	if from, err = sidecar.ParseInstant(since, now); err != nil {
		return from, now, misused("--since: %w", err)
	}
	to, name := now, "now"
	if until != "" {
		if to, err = sidecar.ParseInstant(until, now); err != nil {
			return from, to, misused("--until: %w", err)
		}
		name = "--until " + until
	}
	if !from.Before(to) {
		return from, to, misused("%s (%s) lies before --since %s (%s): give the earlier time to --since", name, local(to), since, local(from))
	}
	return from, to, nil
}
