package sidecar

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringfence/adapters/kamailio"
	"ringfence/rules"
)

// testLimit bounds the rule tests of one load: calls wait for no load, but
// whoever changed a rule does.
const testLimit = 30 * time.Second

// NoTestsError says that there are no rule tests where they were looked for.
type NoTestsError struct{ Paths []string }

func (e NoTestsError) Error() string {
	return fmt.Sprintf("no rule tests in %s (write them into NAME.test.yaml beside NAME.yaml)", strings.Join(e.Paths, ", "))
}

// RuleTests reads the rule tests of files and folders: test files themselves,
// those beside rule files, and all below folders. The error is a NoTestsError,
// or a rules.Diagnostics with all that is wrong in them.
func RuleTests(paths []string) (*rules.Suite, error) {
	files, err := rules.TestFiles(paths)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, NoTestsError{paths}
	}
	return rules.ReadSuite(files, kamailio.ReadCall)
}

// test runs the rule tests beside the rules of c against rs and tells what
// keeps it from loading.
func (c *Config) test(rs *rules.Ruleset, limit time.Duration) rules.Diagnostics {
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("they may take %s", limit))
	defer cancel()
	var faults rules.Diagnostics
	s, err := RuleTests(c.Settings.Files)
	if err == nil {
		_, err = s.Run(ctx, rs, func(t rules.TestResult) {
			for _, f := range t.Faults {
				f.Hint = "ringfence test shows why"
				faults = append(faults, f)
			}
		})
	}
	var found rules.Diagnostics
	switch {
	case errors.As(err, &found):
		return append(faults, found...)
	case err != nil:
		d := rules.Diagnostic{Subject: "test_before_load", Message: err.Error()}
		c.locate(&d)
		faults = append(faults, d)
	}
	return faults
}
