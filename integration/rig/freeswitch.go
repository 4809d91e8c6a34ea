package rig

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"ringfence/adapters/esl"
)

// FreeSWITCHVariable names the program where it is not "freeswitch" on PATH.
const FreeSWITCHVariable = "RINGFENCE_FREESWITCH"

// NeedFreeSWITCH is the FreeSWITCH of this machine. Without one it skips the
// test, and says so, in CI too: nothing here installs a FreeSWITCH.
func NeedFreeSWITCH(t testing.TB) (program string) {
	t.Helper()
	program, err := FindFreeSWITCH()
	switch {
	case errors.Is(err, ErrNoFreeSWITCH):
		t.Skip("skipped: " + err.Error())
	case err != nil:
		t.Fatal(err)
	}
	return program
}

// ErrNoFreeSWITCH says that this machine has no FreeSWITCH.
var ErrNoFreeSWITCH = errors.New("no freeswitch on PATH and " + FreeSWITCHVariable + " is not set")

// FindFreeSWITCH is the path of the program, or ErrNoFreeSWITCH. A program that
// the environment names and that can't be run is another error.
func FindFreeSWITCH() (string, error) {
	if named := os.Getenv(FreeSWITCHVariable); named != "" {
		program, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("%s: %w", FreeSWITCHVariable, err)
		}
		return filepath.Abs(program)
	}
	program, err := exec.LookPath("freeswitch")
	if err != nil {
		return "", ErrNoFreeSWITCH
	}
	return filepath.Abs(program)
}

// FreeSWITCHOptions says which FreeSWITCH to start.
type FreeSWITCHOptions struct {
	Program   string            // of FindFreeSWITCH
	Modes     []string          // ways to ask, as "socket_open": each has a SIP profile and a dialplan context of its own
	Contexts  []string          // more contexts that have a SIP profile, defined by Dialplan
	Dialplan  []string          // more files of the dialplan, by their whole paths
	Shipped   bool              // the shipped freeswitch.xml, whose one profile is ""; no Modes, Contexts, Dialplan, Modules
	Ringfence *Ringfence        // the daemon to ask, started or not
	Carrier   string            // host:port of the carrier
	Variables map[string]string // more global ones: NAME to what $${NAME} reads
	Modules   []string          // more than calls need, as mod_curl
	Quiet     bool              // the log has warnings only
}

// FreeSWITCH is a running FreeSWITCH.
type FreeSWITCH struct {
	*Process
	Addr     map[string]string // of the profile of each mode and context: host:port, UDP and TCP
	ESL      string            // host:port of its event socket
	Password string            // of its event socket

	dir     string
	options FreeSWITCHOptions
}

// modules are what calls through the shipped dialplan need; with the last one the
// switch takes calls.
var modules = []string{"mod_logfile", "mod_event_socket", "mod_commands", "mod_dptools", "mod_dialplan_xml", "mod_sofia"}

//go:embed testdata/freeswitch.xml
var freeswitchXML string

// Ports of RTP are between those of FreePort and those that the system gives out
// by itself; each switch has some of its own.
const (
	rtpFirst = 30_000
	rtpLast  = 32_700
	rtpEach  = 300
)

var nextRTP atomic.Uint32

// StartFreeSWITCH starts FreeSWITCH with a minimal configuration around the
// shipped dialplan, all of it on loopback and in a folder of its own, and waits
// until it answers.
func StartFreeSWITCH(o FreeSWITCHOptions) (*FreeSWITCH, error) {
	dir, err := os.MkdirTemp("", "ringfence-freeswitch-")
	if err != nil {
		return nil, fmt.Errorf("freeswitch: %w", err)
	}
	f := &FreeSWITCH{Addr: map[string]string{}, Password: token(), dir: dir, options: o}
	if err = f.configure(); err == nil {
		err = f.Start()
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return f, nil
}

// configure chooses the ports and writes the configuration: the shipped files
// with local.xml and, unless the shipped one is wanted, a freeswitch.xml that has
// more than one way in.
func (f *FreeSWITCH) configure() error {
	for _, name := range folders {
		if err := os.Mkdir(filepath.Join(f.dir, name), 0o700); err != nil {
			return fmt.Errorf("freeswitch: %w", err)
		}
	}
	conf := filepath.Join(f.dir, "conf")
	if err := os.CopyFS(conf, os.DirFS(filepath.Join(Root(), "docker", "freeswitch"))); err != nil {
		return fmt.Errorf("freeswitch: %w", err)
	}
	variables := map[string]string{"esl_ip": "127.0.0.1", "esl_client": "127.0.0.1/32", "esl_password": f.Password, "carrier": f.options.Carrier}
	if r := f.options.Ringfence; r != nil {
		variables["ringfence_socket"], variables["ringfence_http"] = r.Socket, r.Addr
	}
	maps.Copy(variables, f.options.Variables)
	address := func(port string) (string, error) {
		free, err := FreePort()
		variables[port] = strconv.Itoa(free)
		return net.JoinHostPort("127.0.0.1", variables[port]), err
	}
	var err error
	if f.ESL, err = address("esl_port"); err != nil {
		return err
	}
	if f.options.Shipped {
		if f.Addr[""], err = address("sip_port"); err != nil {
			return err
		}
	}
	for _, name := range slices.Concat(f.options.Modes, f.options.Contexts) {
		if f.Addr[name], err = address("sip_port_" + name); err != nil {
			return err
		}
	}
	var local bytes.Buffer
	local.WriteString("<include>\n")
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		fmt.Fprintf(&local, " <X-PRE-PROCESS cmd=\"set\" data=\"%s=%s\"/>\n", name, variables[name])
	}
	local.WriteString("</include>\n")
	if err := os.WriteFile(filepath.Join(conf, "local.xml"), local.Bytes(), 0o600); err != nil || f.options.Shipped {
		return err
	}
	return f.main(filepath.Join(conf, "freeswitch.xml"))
}

// main writes freeswitch.xml.
func (f *FreeSWITCH) main(file string) error {
	first := rtpFirst + nextRTP.Add(1)%((rtpLast-rtpFirst)/rtpEach)*rtpEach
	data := struct {
		FreeSWITCHOptions
		Dir, Level        string
		RTPFirst, RTPLast uint32
		Load, Profiles    []string
	}{
		f.options, f.dir, "debug", first, first + rtpEach - 1,
		slices.Concat(f.options.Modules, modules), slices.Concat(f.options.Modes, f.options.Contexts),
	}
	if f.options.Quiet {
		data.Level = "warning"
	}
	var xml bytes.Buffer
	if err := template.Must(template.New("freeswitch.xml").Parse(freeswitchXML)).Execute(&xml, data); err != nil {
		return fmt.Errorf("freeswitch: %w", err)
	}
	return os.WriteFile(file, xml.Bytes(), 0o600)
}

// folders are all that FreeSWITCH may write to: an installed one has its own
// where its package put them, and here it needs no right to them.
var folders = []string{"conf", "log", "db", "run", "temp", "certs", "storage", "cache", "recordings", "scripts", "htdocs", "grammar"}

// Start starts the switch again after Kill, at the same addresses.
func (f *FreeSWITCH) Start() error {
	args := []string{"-nonat", "-nf", "-nc"}
	for _, name := range folders {
		args = append(args, "-"+name, filepath.Join(f.dir, name))
	}
	p, err := start(f.dir, "freeswitch", f.options.Program, args...)
	if err != nil {
		return err
	}
	f.Process = p
	if err := f.ready(Patience); err != nil {
		err = fmt.Errorf("%w:\n%s", err, f.tail())
		_ = f.Kill()
		return err
	}
	return nil
}

// Stop ends the switch and removes what it wrote. Nothing of it is wanted, so it
// is not asked first: it takes some seconds to end by itself.
func (f *FreeSWITCH) Stop() error {
	var err error
	select {
	case <-f.Done():
		err = errors.New("freeswitch ended by itself")
	default:
		err = f.Kill()
	}
	os.RemoveAll(f.dir)
	return err
}

// ready waits until every profile answers OPTIONS and the event socket is open.
func (f *FreeSWITCH) ready(limit time.Duration) error {
	deadline := time.Now().Add(limit)
	until := func(what string, ok func() bool) error {
		for !ok() {
			select {
			case <-f.Done():
				return errors.New("freeswitch ended")
			case <-time.After(20 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("freeswitch: %s not up within %s", what, limit)
			}
		}
		return nil
	}
	for name, addr := range f.Addr {
		if err := until("profile "+name, func() bool {
			r, err := Place("udp", addr, Request{Method: "OPTIONS"}.Bytes(), PlaceOptions{Limit: time.Second})
			return err == nil && r.Code > 0
		}); err != nil {
			return err
		}
	}
	return until("event socket", func() bool {
		c, err := net.DialTimeout("tcp", f.ESL, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// Command asks the switch by its event socket, as fs_cli does, and is what it says.
func (f *FreeSWITCH) Command(command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	c, err := esl.Dial(ctx, f.ESL, esl.Options{Password: f.Password})
	if err != nil {
		return "", fmt.Errorf("freeswitch: %w", err)
	}
	defer c.Close()
	e, err := c.Send(ctx, "api "+command)
	if err != nil {
		return "", fmt.Errorf("freeswitch: %s: %w", command, err)
	}
	return strings.TrimSpace(e.Body()), nil
}

// Has tells whether a module is loaded.
func (f *FreeSWITCH) Has(module string) (bool, error) {
	answer, err := f.Command("module_exists " + module)
	return answer == "true", err
}

// Version is what the program says of itself, as "1.10.12" or "1.11.1".
func (f *FreeSWITCH) Version() (string, error) {
	out, err := exec.Command(f.options.Program, "-version").Output()
	if err != nil {
		return "", fmt.Errorf("freeswitch: %w", err)
	}
	_, v, ok := strings.Cut(string(out), "version: ")
	if !ok {
		return "", fmt.Errorf("freeswitch: -version says %q", out)
	}
	return v[:len(v)-len(strings.TrimLeft(v, "0123456789."))], nil
}
