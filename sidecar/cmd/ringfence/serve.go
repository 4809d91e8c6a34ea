package main

import (
	"context"

	"ringfence/sidecar"
)

type serve struct {
	located
}

// Help is what --help adds.
func (serve) Help() string {
	return `Decides calls on listen (default 127.0.0.1:8088) and answers operators on admin.listen
(default 127.0.0.1:8089). Does not start when the configuration or a rule does not load, and says
all that is wrong. SIGHUP and changed files reload; what does not load changes nothing.
SIGTERM and SIGINT stop: what is in flight is answered, what is queued is written.

Exit codes: 0 stopped by a signal, 1 could not start or a listener failed.

Examples:
  ringfence serve
  ringfence serve --config /etc/ringfence/ringfence.yaml`
}

// Run serves until a signal comes.
func (s serve) Run(t *terminal) error {
	bar := t.progress()
	p, err := sidecar.New(s.file(), sidecar.Options{Version: version, Progress: bar.show})
	bar.end()
	if err != nil {
		return err
	}
	return p.Run(context.Background())
}
