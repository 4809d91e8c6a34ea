package main

import (
	"fmt"
	"runtime"

	"ringfence/sidecar"
)

type release struct {
	JSON bool `name:"json" help:"Print it as JSON."`
}

// Help is what --help adds.
func (release) Help() string {
	return `Examples:
  ringfence version
  ringfence version --json`
}

// Run prints the version.
func (r release) Run(t *terminal) error {
	if r.JSON {
		return printJSON(t.out, released{named(version), runtime.Version(), runtime.GOOS, runtime.GOARCH})
	}
	_, err := fmt.Fprintf(t.out, "ringfence %s %s %s/%s\n", named(version), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// released is what --json prints.
type released struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func named(linked string) string {
	if linked != "" {
		return linked
	}
	return sidecar.Version()
}
