package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ringfence/integration/rig"
)

// restartKeys is what a daemon knows before it is killed, at least: each call
// counts for its caller, its callee and both together.
const restartKeys = 1_000_000

// benchRestart kills a daemon that has counted calls by so many keys, and measures
// how long the next one takes until it answers.
func benchRestart(p plan, dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "ringfence.yaml"), []byte(
		fmt.Sprintf("rules: [%q]\nstate_memory: 1GB\ncountry: US\nredress: {url: \"https://redress.example.com/calls\", location: TN}\ntrunks:\n  - {name: carrier-a, networks: [127.0.0.0/8], trusted: true}\n",
			filepath.Join(rig.Root(), "rules", "packs", "behaviour.yaml"))), 0o600); err != nil {
		return err
	}
	daemon, err := rig.StartRingfence(p.binary, dir)
	if err != nil {
		return err
	}
	defer func() { _ = daemon.Stop() }()
	who, whom := &callers{}, &callers{}
	whom.count.Store(10_000_000)
	cpu := func() (time.Duration, error) { return processorTime(daemon.PID()) }
	for began := time.Now(); who.count.Load() < restartKeys/3+1; {
		if time.Since(began) > 5*time.Minute {
			return fmt.Errorf("%d calls in %s are too few for the restart", who.count.Load(), time.Since(began))
		}
		if _, err := (httpLoad{address: daemon.Addr, conns: keepAlive, length: time.Second, callers: who, callees: whom}).run(cpu); err != nil {
			return err
		}
	}
	keys, err := daemon.Metric("ringfence_state_entries")
	if err != nil {
		return err
	}
	since := time.Now()
	if err := rig.Wait(rig.Patience, "what was counted is saved", func() bool {
		age, err := daemon.Metric("ringfence_state_saved_age_seconds")
		return err == nil && age < time.Since(since).Seconds()
	}); err != nil {
		return err
	}
	if err := daemon.Kill(); err != nil {
		return err
	}
	start := time.Now()
	if err := daemon.Start(); err != nil {
		return err
	}
	took := time.Since(start)
	after, err := daemon.Metric("ringfence_state_entries")
	if err == nil && after < keys {
		err = fmt.Errorf("%v of %v keys are back after a restart", after, keys)
	}
	figure("restart_keys", after, "keys")
	figure("restart_s", took.Seconds(), "s")
	return err
}
