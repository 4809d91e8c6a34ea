package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"ringfence/integration/rig"
)

// benchOPA holds ringfence against Open Policy Agent: the same rules and list
// written from one description, the same calls, verdicts compared first. The two
// servers are asked over HTTP, the two engines in one process.
//
// OPA has its best case: its own release program, rules that it can index, the
// list as an object, the store kept for reading, no decision log, nothing but
// errors logged, kept connections and the shortest input that holds the call.
func benchOPA(p plan, dir string) (err error) {
	program, err := buildOPA(dir)
	if err != nil {
		return err
	}
	policy := opaPolicy(opaRules)
	if err := writePolicy(dir, policy); err != nil {
		return err
	}
	r, err := rig.StartRingfence(p.binary, filepath.Join(dir, "ringfence"))
	if err != nil {
		return err
	}
	ours := &server{r.Addr, func() (time.Duration, error) { return processorTime(r.PID()) }, r.Stop}
	defer func() { err = errors.Join(err, ours.stop()) }()
	theirs, err := startOPA(program, filepath.Join(dir, "rego"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.stop()) }()
	if err := sameVerdicts(sampleOf(policy), ours.address, theirs.address); err != nil {
		return err
	}
	if err := compareServers(p, ours, theirs); err != nil {
		return err
	}
	return compareEngines(p, program, dir)
}

// compareServers measures requests a second, OPA's against the bare server's, too.
func compareServers(p plan, ours, opa *server) (err error) {
	bare, err := startBare("allow")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	who := &callers{listed: 10, size: opaListed}
	load := func(s *server, ask func(opaCall, string) *http.Request, accept func([]byte) error) func() (sample, error) {
		return func() (sample, error) {
			return httpLoad{
				address: s.address, conns: keepAlive, length: p.length(), callers: who, accept: accept,
				requests: func() []request { return requestsOf(s.address, ask) },
			}.run(s.cpu)
		}
	}
	us := load(ours, opaCall.askRingfence, isDecision)
	them := load(opa, opaCall.askOPA, isResult)
	nobody := load(bare, opaCall.askOPA, isDecision)
	for _, warm := range []func() (sample, error){us, them, nobody} { // once, uncounted
		if _, err := warm(); err != nil {
			return err
		}
	}
	c, err := alternate(p.pairs, us, them)
	if err != nil {
		return err
	}
	figure("http_opa_requests", c.theirs.rate, "requests/s")
	c.faster.figures("http_vs_opa")
	figure("http_opa_cpu_us", c.theirs.cpu, "µs")
	c, err = alternate(max(1, p.pairs/3), them, nobody)
	if err != nil {
		return err
	}
	figure("opa_vs_bare", c.faster.median, "ratio")
	return nil
}

// compareEngines has the benchmark-only module decide in its own process; it
// prints the figures.
func compareEngines(p plan, program, dir string) error {
	cmd := exec.Command(program, "compare", dir, strconv.Itoa(p.pairs), (p.length() / 3).String())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	calls, err := callLines(opaCalls(1 << 16))
	if err != nil {
		return err
	}
	cmd.Stdin = bytes.NewReader(calls)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compare the engines: %w", err)
	}
	return nil
}

// buildOPA builds the program of the benchmark-only module, which is OPA's own
// command line and the comparison of the engines.
func buildOPA(dir string) (program string, err error) {
	program = filepath.Join(dir, "opa")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = filepath.Join(rig.Root(), "integration", "bench", "opa")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build Open Policy Agent in %s: %w:\n%s", build.Dir, err, out)
	}
	return program, nil
}

// startOPA starts OPA's server on loopback with a bundle and waits until it is ready.
func startOPA(program, bundle string) (*server, error) {
	port, err := rig.FreePort()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.Command(program, "run", "--server", "--addr", address, "--bundle", bundle,
		"--log-level", "error", "--optimize-store-for-read-speed", "--skip-version-check", "--shutdown-grace-period", "1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended, stopped := make(chan struct{}), errors.New("OPA ended by itself")
	go func() {
		if err := cmd.Wait(); err != nil {
			stopped = fmt.Errorf("OPA: %w", err)
		}
		close(ended)
	}()
	stop := func() error {
		select {
		case <-ended:
			return stopped
		default:
		}
		err := cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
			return err
		case <-time.After(5 * time.Second):
		}
		err = cmd.Process.Kill()
		<-ended
		return err
	}
	if err := rig.Wait(rig.Patience, "OPA is ready", func() bool { return healthy(address) }); err != nil {
		return nil, errors.Join(err, stop())
	}
	return &server{address, func() (time.Duration, error) { return processorTime(cmd.Process.Pid) }, stop}, nil
}

func healthy(address string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health?plugins", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
