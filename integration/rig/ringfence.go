package rig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Ringfence is the daemon on loopback with a folder of its own.
type Ringfence struct {
	*Process        // nil until Start
	Addr     string // decision listener, host:port
	Admin    string // admin listener, host:port
	Socket   string // listener for FreeSWITCH's outbound sockets, host:port; closed unless the configuration has socket
	Dir      string // its copy of the configuration, and its state

	program string
}

// BuildRingfence builds the program into dir.
func BuildRingfence(dir string) (program string, err error) {
	program = filepath.Join(dir, "ringfence")
	build := exec.Command("go", "build", "-pgo=off", "-o", program, "./sidecar/cmd/ringfence")
	build.Dir = Root()
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ringfence: %w:\n%s", err, out)
	}
	return program, nil
}

// StartRingfence starts the program with a copy of the folder config, which
// holds a ringfence.yaml, and waits until it is ready. The copy listens on free
// ports of loopback and keeps its state beside it.
func StartRingfence(program, config string) (*Ringfence, error) {
	r, err := NewRingfence(program, config)
	if err != nil {
		return nil, err
	}
	if err := r.Start(); err != nil {
		os.RemoveAll(r.Dir)
		return nil, err
	}
	return r, nil
}

// NewRingfence is a daemon with its copy of the folder, not started yet.
func NewRingfence(program, config string) (*Ringfence, error) {
	dir, err := os.MkdirTemp("", "ringfence-daemon-")
	if err != nil {
		return nil, fmt.Errorf("ringfence: %w", err)
	}
	r := &Ringfence{Dir: dir, program: program}
	if err := r.configure(config); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return r, nil
}

// Append adds text to a file of its configuration, which need not be there.
func (r *Ringfence) Append(file, text string) error {
	f, err := os.OpenFile(filepath.Join(r.Dir, file), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("ringfence: %w", err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// configure copies the folder and puts its own addresses into the copy.
func (r *Ringfence) configure(config string) error {
	if err := os.CopyFS(r.Dir, os.DirFS(config)); err != nil {
		return fmt.Errorf("ringfence: %w", err)
	}
	for _, addr := range []*string{&r.Addr, &r.Admin, &r.Socket} {
		port, err := FreePort()
		if err != nil {
			return err
		}
		*addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	file := filepath.Join(r.Dir, "ringfence.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("ringfence: %w", err)
	}
	var own bytes.Buffer
	if err := os.WriteFile(filepath.Join(r.Dir, "ringfence.token"), []byte("integration\n"), 0o600); err != nil {
		return fmt.Errorf("ringfence: %w", err)
	}
	fmt.Fprintf(&own, "listen: %s\nadmin: {listen: %s, token_file: ringfence.token}\nstate: state\n", r.Addr, r.Admin)
	for line := range strings.Lines(string(text)) {
		switch key, _, _ := strings.Cut(line, ":"); key {
		case "listen", "admin", "state", "clients", "socket":
		default:
			own.WriteString(line)
		}
	}
	if err := os.WriteFile(file, own.Bytes(), 0o600); err != nil {
		return fmt.Errorf("ringfence: %w", err)
	}
	return nil
}

// Start starts the daemon, or again after Kill, at the same addresses.
func (r *Ringfence) Start() error { return r.run("serve", "--config", "ringfence.yaml") }

// Supervise does what Start does, under the program's own supervisor, which is
// then the Process.
func (r *Ringfence) Supervise() error { return r.run("supervise", "--config", "ringfence.yaml") }

// run starts the program and waits until the daemon is ready.
func (r *Ringfence) run(args ...string) error {
	p, err := start(r.Dir, "ringfence", r.program, args...)
	if err != nil {
		return err
	}
	r.Process = p
	err = Wait(Patience, "ringfence is ready", func() bool {
		select {
		case <-p.Done():
			return true
		default:
		}
		answer, err := http.Get("http://" + r.Addr + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	select {
	case <-p.Done():
		err = fmt.Errorf("ringfence ended")
	default:
	}
	if err != nil {
		err = fmt.Errorf("%w:\n%s", err, p.tail())
		_ = p.Stop()
	}
	return err
}

// Stop ends the daemon and removes its folder.
func (r *Ringfence) Stop() error {
	defer os.RemoveAll(r.Dir)
	if r.Process == nil {
		return nil
	}
	return r.Process.Stop()
}

// Metric is the sum of all samples of a metric whose line starts so, as
// `ringfence_calls_total{adapter="kamailio",action="block"}`, or without labels.
func (r *Ringfence) Metric(start string) (float64, error) {
	answer, err := http.Get("http://" + r.Admin + "/metrics")
	if err != nil {
		return 0, fmt.Errorf("metrics: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, fmt.Errorf("metrics: %w", err)
	}
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, start)
		if !ok || (rest[0] != ' ' && rest[0] != '{') {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(strings.TrimSpace(line), ' ')+1:]), 64)
		if err != nil {
			return 0, fmt.Errorf("metrics: %w", err)
		}
		sum += v
	}
	return sum, nil
}
