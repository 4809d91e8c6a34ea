package main

import (
	"fmt"
	"runtime"

	"ringfence/sidecar"
)

type release struct{}

// Help is what --help adds.
func (release) Help() string {
	return `Examples:
  ringfence version`
}

// Run prints the version.
func (release) Run(t *terminal) error {
	_, err := fmt.Fprintf(t.out, "ringfence %s %s %s/%s\n", named(version), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func named(linked string) string {
	if linked != "" {
		return linked
	}
	return sidecar.Version()
}
