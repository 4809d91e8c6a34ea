package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ringfence/integration/rig"
)

// keepAlive is how many connections ask at once, as Kamailio's workers would.
const keepAlive = 4

// server is one side of a comparison.
type server struct {
	address string
	cpu     func() (time.Duration, error)
	stop    func() error
}

// startOurs starts the daemon with the scenario's rules and list.
func startOurs(p plan, dir string) (*server, error) {
	if err := writeScenario(dir, benchRules); err != nil {
		return nil, err
	}
	return startDaemon(p, dir)
}

// startPacks starts the daemon with the whole starter pack behind the scenario's
// rules.
func startPacks(p plan, dir string) (*server, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	config, err := writePacks(dir)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "ringfence.yaml"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	return startDaemon(p, dir)
}

// writePacks writes the scenario into dir and returns the configuration that has
// the whole starter pack, too.
func writePacks(dir string) (config string, err error) {
	if err := writeScenario(dir, benchRules); err != nil {
		return "", err
	}
	// A pack has a list of that name, too.
	own := strings.NewReplacer("spam:", "feed:", `list("spam")`, `list("feed")`).Replace(ruleFile(benchRules))
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(own), 0o600); err != nil {
		return "", err
	}
	files := "rules: [rules.yaml"
	for _, pack := range []string{"dno", "own-numbers", "screening", "subscriber", "reputation", "robocall", "behaviour", "hours", "slow-down", "outbound"} {
		files += ", " + filepath.Join(rig.Root(), "rules", "packs", pack+".yaml")
	}
	return strings.Replace(scenarioConfig, "rules: [rules.yaml", files, 1), nil
}

func startDaemon(p plan, dir string) (*server, error) {
	r, err := rig.StartRingfence(p.binary, dir)
	if err != nil {
		return nil, err
	}
	return &server{r.Addr, func() (time.Duration, error) { return processorTime(r.PID()) }, r.Stop}, nil
}

// startBare starts the do-nothing server, with an answer of the given kind.
func startBare(kind string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, bareVerb, kind)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() error { return errors.Join(in.Close(), cmd.Wait()) }
	line, err := bufio.NewReader(io.LimitReader(out, 256)).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the bare server said no address: %w", err), stop())
	}
	address := strings.TrimSpace(line)
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, errors.Join(err, stop())
	}
	return &server{address, func() (time.Duration, error) { return processorTime(cmd.Process.Pid) }, stop}, nil
}

// benchHTTP holds the decision endpoint against a bare handler that reads the
// same body and writes the same answer.
func benchHTTP(p plan, dir string) (err error) {
	ours, err := startOurs(p, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	bare, err := startBare("allow")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()

	who := &callers{listed: 10}
	var whom *callers
	load := func(s *server, rate float64) func() (sample, error) {
		return func() (sample, error) {
			return httpLoad{address: s.address, conns: keepAlive, rate: rate, length: p.length(), callers: who, callees: whom}.run(s.cpu)
		}
	}
	for _, s := range []*server{ours, bare} { // once, uncounted
		if _, err := load(s, 0)(); err != nil {
			return err
		}
	}
	c, err := alternate(p.pairs, load(ours, 0), load(bare, 0))
	if err != nil {
		return err
	}
	packs, err := startPacks(p, filepath.Join(dir, "packs"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, packs.stop()) }()
	// Calls to different numbers: the pack behaviour would watch those to one as an attack.
	whom = &callers{}
	whom.count.Store(10_000_000)
	if _, err := load(packs, 0)(); err != nil {
		return err
	}
	with, err := alternate(p.pairs, load(packs, 0), load(bare, 0))
	if err != nil {
		return err
	}
	whom = nil
	figure("http_requests", c.ours.rate, "requests/s")
	figure("http_bare_requests", c.theirs.rate, "requests/s")
	c.faster.figures("http_vs_bare")
	with.faster.figures("http_packs_vs_bare")
	figure("http_packs_cpu_us", with.ours.cpu, "µs")
	figure("http_cpu_us", c.ours.cpu, "µs")
	figure("http_bare_cpu_us", c.theirs.cpu, "µs")
	figure("added_cpu_us", c.ours.cpu-c.theirs.cpu, "µs")

	half := c.ours.rate / 2
	c, err = alternate(p.pairs, load(ours, half), load(bare, half))
	if err != nil {
		return err
	}
	figure("http_p50", c.ours.p50, "µs")
	figure("http_p99", c.ours.p99, "µs")
	figure("added_p50", c.ours.p50-c.theirs.p50, "µs")
	figure("added_p99", c.ours.p99-c.theirs.p99, "µs")
	return nil
}
