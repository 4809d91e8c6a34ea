package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"ringfence/sidecar"
)

// recordProfile writes what the compiler optimises the program for: the processor
// profile of a daemon in this process with all packs, under the load of the http part.
func recordProfile(p plan, file string) (err error) {
	dir, err := os.MkdirTemp("", "ringfence-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	config, err := writePacks(dir)
	if err != nil {
		return err
	}
	text := "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstate: state\n" + config
	if err := os.WriteFile(filepath.Join(dir, "ringfence.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	daemon, err := sidecar.New(filepath.Join(dir, "ringfence.yaml"), sidecar.Options{Log: io.Discard})
	if err != nil {
		return err
	}
	if err := daemon.Start(); err != nil {
		return err
	}
	defer daemon.Stop()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	whom := &callers{}
	whom.count.Store(10_000_000)
	load := httpLoad{address: daemon.Addr().String(), conns: keepAlive, length: 10 * p.length(), callers: &callers{listed: 10}, callees: whom}
	_, err = load.run(func() (time.Duration, error) { return processorTime(os.Getpid()) })
	return err
}
