// Command bench measures ringfence against what it adds to: a bare HTTP handler,
// a Kamailio that asks one, a Kamailio that decides by itself. Each comparison is
// made side by side in one run; a ratio is the median of alternating pairs.
//
// It prints one figure a line, "NAME VALUE UNIT", after a line that names the
// machine; what else it says goes to stderr.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ringfence/integration/rig"
)

// plan is how long and how often each comparison runs.
type plan struct {
	pairs   int
	seconds float64
	only    string
	listed  int // numbers in the list of a reload
	numbers int // in the list that is measured by itself
	sockets int // calls on FreeSWITCH's socket that wait at once
	binary  string
	wait    time.Duration // for a decision, as a switch does
}

func (p plan) length() time.Duration { return time.Duration(p.seconds * float64(time.Second)) }

func main() {
	if len(os.Args) == 3 && os.Args[1] == bareVerb {
		if err := serveBare(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 4 && os.Args[1] == listVerb {
		if err := holdList(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var p plan
	flag.IntVar(&p.pairs, "pairs", 9, "alternating pairs of runs a ratio")
	flag.Float64Var(&p.seconds, "seconds", 3, "length of one run")
	flag.StringVar(&p.only, "only", "", "part to run: "+partNames()+" (default all)")
	flag.IntVar(&p.listed, "listed", 10_000_000, "numbers in the list of a reload, at most 20,000,000")
	flag.IntVar(&p.numbers, "numbers", 100_000_000, "numbers in the list that is measured by itself")
	flag.IntVar(&p.sockets, "sockets", 5_000, "calls on FreeSWITCH's socket that wait at once")
	flag.StringVar(&p.binary, "binary", filepath.Join(rig.Root(), "bin", "ringfence"), "the program under test")
	flag.DurationVar(&p.wait, "wait", time.Second, "how long to wait for a decision, whole seconds: as the Kamailio include does")
	profile := flag.String("profile", "", "measure nothing: write the profile that the compiler optimises the program for to this file")
	flag.Parse()
	measure := func() error { return run(p) }
	if *profile != "" {
		measure = func() error { return recordProfile(p, *profile) }
	}
	if err := measure(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parts are the comparisons in the order in which they run.
var parts = []struct {
	name string
	run  func(plan, string) error
}{
	{"engine", benchEngine},
	{"state", benchState},
	{"restart", benchRestart},
	{"http", benchHTTP},
	{"lists", benchLists},
	{"opa", benchOPA},
	{"reload", benchReload},
	{"kamailio", benchKamailio},
	{"freeswitch", benchFreeSWITCH},
}

func partNames() string {
	var names []string
	for _, part := range parts {
		names = append(names, part.name)
	}
	return strings.Join(names, ", ")
}

// run measures each part in its own directory and stops at the first fault: a
// figure beside a lost call would be worth nothing.
func run(p plan) error {
	fmt.Printf("machine %s\n", machine())
	known := p.only == ""
	for _, part := range parts {
		if p.only != "" && p.only != part.name {
			continue
		}
		known = true
		dir, err := os.MkdirTemp("", "ringfence-bench-")
		if err != nil {
			return err
		}
		err = part.run(p, dir)
		err = errors.Join(err, os.RemoveAll(dir))
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	if !known {
		return fmt.Errorf("no part %q: %s", p.only, partNames())
	}
	return nil
}

// figure prints one measured value.
func figure(name string, value float64, unit string) {
	fmt.Printf("%s %s %s\n", name, compact(value), unit)
}

// compact prints three significant digits or the whole integer part.
func compact(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.3f", v), ".000")
}

// machine names what the figures were measured on.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores", model, cores())
}
