package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ringfence/integration/rig"
)

// callRate is how many calls a second a FreeSWITCH gets, far from all that it can
// take: what is measured is how long one call takes.
const callRate = 200

// benchFreeSWITCHCalls holds a real FreeSWITCH that asks ringfence through its
// socket application, by the shipped dialplan, against one that asks a server
// that decides nothing by the same dialplan, and against a dialplan with a fixed
// answer. Every call is refused with 603 and the same headers.
func benchFreeSWITCHCalls(p plan, dir string) (err error) {
	program, err := rig.FindFreeSWITCH()
	if errors.Is(err, rig.ErrNoFreeSWITCH) {
		fmt.Fprintf(os.Stderr, "  no calls through FreeSWITCH: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	if err := writeScenario(dir, benchRules); err != nil {
		return err
	}
	r, err := rig.NewRingfence(p.binary, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	if err := r.Append("ringfence.yaml", "socket: {listen: "+r.Socket+", deadline: 10s}\n"); err != nil {
		return err
	}
	if err := r.Start(); err != nil {
		return err
	}
	trivial, err := startBare(socketKind)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trivial.stop()) }()

	// Whom to ask is global to a switch, so there are two.
	const mode, fixed = "socket_closed", "fixed"
	o := rig.FreeSWITCHOptions{
		Program: program, Quiet: true, Modes: []string{mode}, Contexts: []string{fixed},
		Dialplan: []string{filepath.Join(rig.Root(), "integration", "bench", "fixed.xml")}, Ringfence: r,
	}
	asks, err := rig.StartFreeSWITCH(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, asks.Stop()) }()
	o.Variables = map[string]string{"ringfence_socket": trivial.address}
	other, err := rig.StartFreeSWITCH(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.Stop()) }()

	who := &callers{listed: 1} // a few of whom are stopped by a rule before the list, with 603 Decline
	load := func(address string, pid int) func() (sample, error) {
		return func() (sample, error) {
			return sipLoad{address: address, workers: callsAtOnce, rate: callRate, length: p.length(), want: "SIP/2.0 603 ", offer: true, callers: who}.
				run(func() (time.Duration, error) { return processorTime(pid) })
		}
	}
	ours, theirs, none := load(asks.Addr[mode], asks.PID()), load(other.Addr[mode], other.PID()), load(asks.Addr[fixed], asks.PID())
	for _, warm := range []func() (sample, error){ours, theirs, none} { // once, uncounted
		if _, err := warm(); err != nil {
			return err
		}
	}
	c, err := alternate(p.pairs, ours, theirs)
	if err != nil {
		return err
	}
	figure("fs_call_p50", c.ours.p50, "µs")
	figure("fs_call_p99", c.ours.p99, "µs")
	figure("fs_call_trivial_p50", c.theirs.p50, "µs")
	figure("fs_call_trivial_p99", c.theirs.p99, "µs")
	c.slower.figures("fs_call_vs_trivial")
	figure("fs_call_cpu_us", c.ours.cpu, "µs")
	figure("fs_call_trivial_cpu_us", c.theirs.cpu, "µs")
	retries := c.ours.retries + c.theirs.retries

	c, err = alternate(p.pairs, ours, none)
	if err != nil {
		return err
	}
	figure("fs_call_fixed_p50", c.theirs.p50, "µs")
	figure("fs_call_fixed_p99", c.theirs.p99, "µs")
	c.slower.figures("fs_call_vs_fixed")
	figure("fs_call_retransmissions", float64(retries+c.ours.retries+c.theirs.retries), "INVITEs")
	return nil
}
