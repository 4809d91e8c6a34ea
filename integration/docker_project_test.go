package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringfence/integration/rig"
)

// The services of docker/compose.yml.
const (
	serviceRingfence = "ringfence"
	serviceKamailio  = "kamailio"
)

// project is one start of docker/compose.yml, under a name, a network and a
// published port of its own, with its own copy of docker/ringfence.
type project struct {
	t       *testing.T
	name    string
	config  string // folder with ringfence.yaml
	network string // first three numbers of its /24
	port    int    // published on loopback
}

// needDocker skips the test, or fails it in CI, where there is no Docker engine
// or no Compose.
func needDocker(t *testing.T) {
	t.Helper()
	missing := ""
	switch {
	case exec.Command("docker", "version").Run() != nil:
		missing = "no Docker engine answers"
	case len(composeForms()) == 0:
		missing = "neither docker compose nor docker-compose is here"
	default:
		return
	}
	rig.Missing(t, missing+": install docker.io and docker-compose")
}

// composeForms are the commands of the Compose versions that are here.
func composeForms() [][]string {
	var forms [][]string
	for _, form := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.Command(form[0], append(form[1:], "version")...).Run() == nil {
			forms = append(forms, form)
		}
	}
	return forms
}

// startProject makes the base images if need be, builds and starts the project.
// Its end takes everything down but the images.
func startProject(t *testing.T) *project {
	t.Helper()
	port, err := rig.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	p := &project{
		t:       t,
		name:    fmt.Sprintf("ringfence-test-%d", os.Getpid()),
		config:  t.TempDir(),
		network: freeNetwork(t),
		port:    port,
	}
	if err := os.CopyFS(p.config, os.DirFS("../docker/ringfence")); err != nil {
		t.Fatal(err)
	}
	// The daemon reads the copy as another user.
	if err := os.Chmod(p.config, 0o755); err != nil {
		t.Fatal(err)
	}
	p.edit("ringfence.yaml", func(s string) string { return strings.ReplaceAll(s, "10.253.88.", p.network+".") })

	p.run(10*time.Minute, "../docker/stand-in.sh")
	p.compose(25*time.Minute, "build") // what of it compiles takes a minute on an idle machine
	p.cleanUp()
	p.compose(5*time.Minute, "-f", p.patient(), "up", "-d")
	return p
}

// patient is a file for Compose that gives the daemon more time than the shipped
// second, which is over now and then on a busy machine: in a local.cfg of Kamailio's
// container, whose calls pass unasked then, and before its supervisor kills it.
func (p *project) patient() string {
	dir := p.t.TempDir()
	local, file := filepath.Join(dir, "local.cfg"), filepath.Join(dir, "patient.yml")
	for name, text := range map[string]string{
		local: fmt.Sprintf("#!define RINGFENCE_TIMEOUT %.0f\n#!define RINGFENCE_STALL 2000\n", slowCall.Seconds()),
		file: fmt.Sprintf("services:\n  %s: {volumes: [%q]}\n  %s: {command: [supervise, --watchdog, %s]}\n",
			serviceKamailio, local+":/etc/kamailio/local.cfg:ro", serviceRingfence, slowCall),
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	return file
}

// cleanUp takes the project down when the test ends, or when it is interrupted:
// the containers would start again for ever.
func (p *project) cleanUp() {
	down := func() (string, error) {
		return p.try(5*time.Minute, "../docker/compose.sh", "down", "--volumes", "--remove-orphans", "--timeout", "5")
	}
	interrupted, over := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer close(over)
		if _, ok := <-interrupted; ok {
			_, _ = down()
			os.Exit(1)
		}
	}()
	p.t.Cleanup(func() {
		signal.Stop(interrupted)
		close(interrupted)
		<-over
		if p.t.Failed() {
			logs, _ := p.try(time.Minute, "../docker/compose.sh", "logs", "--no-color", "--tail=60")
			p.t.Logf("logs of the containers:\n%s", logs)
		}
		if out, err := down(); err != nil {
			p.t.Errorf("taking the containers down: %v\n%s", err, out)
		}
	})
}

// run runs a command with the project's environment and returns what it wrote.
func (p *project) run(limit time.Duration, name string, arguments ...string) string {
	p.t.Helper()
	out, err := p.try(limit, name, arguments...)
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
	return out
}

func (p *project) try(limit time.Duration, name string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Env = append(os.Environ(),
		"COMPOSE_PROJECT_NAME="+p.name,
		"RINGFENCE_CONFIG="+p.config,
		"RINGFENCE_NET="+p.network,
		"RINGFENCE_SIP_PORT="+strconv.Itoa(p.port),
		"RINGFENCE_TAG=test",
		"VERSION=test",
	)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("took longer than %s", limit)
	}
	return out.String(), err
}

func (p *project) compose(limit time.Duration, arguments ...string) string {
	p.t.Helper()
	return p.run(limit, "../docker/compose.sh", arguments...)
}

func (p *project) docker(arguments ...string) string {
	p.t.Helper()
	return strings.TrimSpace(p.run(rig.Patience, "docker", arguments...))
}

// container is the id of a service's container, running or not.
func (p *project) container(service string) string {
	p.t.Helper()
	id := p.docker("ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project="+p.name, "--filter", "label=com.docker.compose.service="+service)
	if id == "" {
		p.t.Fatalf("no container of %s", service)
	}
	return id
}

// logs is what a service has written since it was first started.
func (p *project) logs(service string) string {
	p.t.Helper()
	return p.docker("logs", p.container(service))
}

// inspect reads the engine's description of an image or a container.
func (p *project) inspect(object string, into any) {
	p.t.Helper()
	var all []json.RawMessage
	if err := json.Unmarshal([]byte(p.docker("inspect", object)), &all); err != nil || len(all) != 1 {
		p.t.Fatalf("docker inspect %s: %d objects, %v", object, len(all), err)
	}
	if err := json.Unmarshal(all[0], into); err != nil {
		p.t.Fatal(err)
	}
}

// edit replaces a file of the configuration as an editor does: the new one is
// written beside it and renamed.
func (p *project) edit(name string, change func(string) string) {
	p.t.Helper()
	file := filepath.Join(p.config, name)
	data, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	text := change(string(data))
	if text == string(data) {
		p.t.Fatalf("%s: nothing to change", name)
	}
	if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		p.t.Fatal(err)
	}
}

// await waits until the condition holds.
func (p *project) await(what string, holds func() bool) {
	p.t.Helper()
	if err := rig.Wait(rig.Patience, what, holds); err != nil {
		p.t.Fatal(err)
	}
}

// freeNetwork is a /24, as its first three numbers, that no network of the
// engine overlaps.
func freeNetwork(t *testing.T) string {
	t.Helper()
	ids, err := exec.Command("docker", "network", "ls", "--quiet").Output()
	if err != nil {
		t.Fatal(err)
	}
	arguments := append([]string{"network", "inspect", "--format", "{{range .IPAM.Config}}{{.Subnet}} {{end}}"}, strings.Fields(string(ids))...)
	subnets, err := exec.Command("docker", arguments...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var taken []netip.Prefix
	for _, s := range strings.Fields(string(subnets)) {
		if n, err := netip.ParsePrefix(s); err == nil {
			taken = append(taken, n)
		}
	}
next:
	for i := range 100 {
		third := 100 + (os.Getpid()+i)%100
		n := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 253, byte(third), 0}), 24)
		for _, other := range taken {
			if n.Overlaps(other) {
				continue next
			}
		}
		return fmt.Sprintf("10.253.%d", third)
	}
	t.Fatal("no free network in 10.253.100.0 to 10.253.199.0")
	return ""
}
