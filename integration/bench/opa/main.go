// Command opa is Open Policy Agent's own command line, for the benchmark to hold
// ringfence against, and the verb compare, which holds engine against engine in
// one process. It is a module of its own, so that ringfence does not depend on OPA.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/open-policy-agent/opa/cmd"
)

func main() {
	if len(os.Args) == 5 && os.Args[1] == "compare" {
		if err := compare(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fmt.Fprintln(os.Stderr, "opa compare:", err)
			os.Exit(1)
		}
		return
	}
	if err := cmd.RootCommand.Execute(); err != nil {
		if exit, ok := errors.AsType[*cmd.ExitError](err); ok {
			os.Exit(exit.Exit)
		}
		os.Exit(1)
	}
}
