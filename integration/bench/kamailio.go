package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ringfence/integration/rig"
)

// callsAtOnce is how many calls are on the way at a time, more than Kamailio has
// workers: the switch is what limits.
const callsAtOnce = 16

// benchKamailio holds a Kamailio that asks ringfence against one that asks the
// do-nothing server, by the same include and only another URL, and against one
// that decides from its own htable. Every call is from a listed number and is
// refused with 603.
func benchKamailio(p plan, dir string) (err error) {
	ours, err := startOurs(p, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	noop, err := startBare("block")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, noop.stop()) }()

	asking := func(s *server) (*rig.Kamailio, error) {
		o := rig.KamailioOptions{Ringfence: s.address, Workers: keepAlive}
		if p.wait > time.Second { // else as shipped
			o.Defines = map[string]string{"RINGFENCE_TIMEOUT": fmt.Sprintf("%.0f", p.wait.Seconds()), "RINGFENCE_STALL": fmt.Sprint(p.wait.Milliseconds())}
		}
		return rig.StartKamailio(o)
	}
	who := &callers{listed: 1}
	load := func(k *rig.Kamailio, s *server) func() (sample, error) {
		return func() (sample, error) {
			return sipLoad{address: k.Addr, workers: callsAtOnce, length: p.length(), want: "SIP/2.0 603 ", callers: who}.run(s.cpu)
		}
	}
	with, err := asking(ours)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, with.Stop()) }()
	without, err := asking(noop)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, without.Stop()) }()
	native, err := rig.StartKamailio(rig.KamailioOptions{Config: filepath.Join(rig.Root(), "integration", "bench", "native.cfg"), Workers: keepAlive})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, native.Stop()) }()
	nobody := &server{cpu: func() (time.Duration, error) { return 0, nil }}

	for _, warm := range []func() (sample, error){load(with, ours), load(without, noop), load(native, nobody)} { // once, uncounted
		if _, err := warm(); err != nil {
			return err
		}
	}
	c, err := alternate(p.pairs, load(with, ours), load(without, noop))
	if err != nil {
		return err
	}
	figure("kamailio_calls", c.ours.rate, "calls/s")
	figure("kamailio_noop_calls", c.theirs.rate, "calls/s")
	c.faster.figures("kamailio_vs_noop")
	figure("kamailio_cpu_us", c.ours.cpu, "µs")
	figure("kamailio_noop_cpu_us", c.theirs.cpu, "µs")
	figure("kamailio_call_p50", c.ours.p50, "µs")
	figure("kamailio_call_p99", c.ours.p99, "µs")
	figure("kamailio_retransmissions", float64(c.ours.retries+c.theirs.retries), "INVITEs")

	c, err = alternate(p.pairs, load(with, ours), load(native, nobody))
	if err != nil {
		return err
	}
	figure("kamailio_native_calls", c.theirs.rate, "calls/s")
	c.faster.figures("kamailio_vs_native")
	return nil
}
