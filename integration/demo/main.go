// Command demo runs ringfence's main job: real SIP calls through a real Kamailio
// with the shipped include, the daemon with the example rules, and a carrier
// behind. It prints what came back on the wire, exits with 1 when anything
// differs from what it must be, and leaves nothing running.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"ringfence/integration/rig"
)

func main() {
	program := flag.String("program", filepath.Join(rig.Root(), "bin", "ringfence"), "the ringfence to run")
	example := flag.String("example", filepath.Join(rig.Root(), "docker", "ringfence"), "folder with the example's rules and lists")
	flag.Parse()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	if err := run(*program, *example, interrupted); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// scene is all that runs during the demo.
type scene struct {
	carrier  *rig.Carrier
	daemon   *rig.Ringfence
	kamailio *rig.Kamailio
	stops    []func() error
}

func (s *scene) stop() error {
	var errs []error
	for i := range s.stops {
		errs = append(errs, s.stops[len(s.stops)-1-i]())
	}
	return errors.Join(errs...)
}

func (s *scene) start(program, example string) (err error) {
	folder, err := configuration(example)
	if err != nil {
		return err
	}
	s.stops = append(s.stops, func() error { return os.RemoveAll(folder) })
	if s.carrier, err = rig.StartCarrier(answers); err != nil {
		return err
	}
	s.stops = append(s.stops, s.carrier.Stop)
	if s.daemon, err = rig.StartRingfence(program, folder); err != nil {
		return err
	}
	s.stops = append(s.stops, s.daemon.Stop)
	// On a busy machine a call would pass unasked now and then after the shipped second.
	patient := map[string]string{"RINGFENCE_TIMEOUT": "30", "RINGFENCE_STALL": "30000"}
	if s.kamailio, err = rig.StartKamailio(rig.KamailioOptions{Ringfence: s.daemon.Addr, Carrier: s.carrier.Addr, Defines: patient}); err != nil {
		return err
	}
	s.stops = append(s.stops, s.kamailio.Stop)
	return nil
}

// configuration is a folder with the example's rules and lists and the demo's trunks.
func configuration(example string) (folder string, err error) {
	folder, err = os.MkdirTemp("", "ringfence-demo-")
	if err != nil {
		return "", err
	}
	for _, part := range []string{"rules", "lists"} {
		if err := os.CopyFS(filepath.Join(folder, part), os.DirFS(filepath.Join(example, part))); err != nil {
			return "", errors.Join(err, os.RemoveAll(folder))
		}
	}
	text, err := os.ReadFile(filepath.Join(rig.Root(), "integration", "demo", "ringfence.yaml"))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "ringfence.yaml"), text, 0o600)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	return folder, nil
}

// run places the calls one after the other until a signal or the end.
func run(program, example string, interrupted <-chan os.Signal) (err error) {
	var s scene
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.start(program, example); err != nil {
		return err
	}
	// The first call over a new path pays for opening it, in any system; it is not shown.
	warm := call{name: "the path is open", source: outside, caller: "+13015557109", callee: "+12025557100", status: "SIP/2.0 200 OK", arrives: true}
	if _, err := s.place(warm, 0); err != nil {
		return err
	}
	fmt.Printf("%-33s %-15s %-28s %7s\n", "CALL", "RULE", "ANSWER ON THE WIRE", "µs")
	wrong := 0
	for i, c := range calls {
		select {
		case got := <-interrupted:
			return fmt.Errorf("ended by %s", got)
		default:
		}
		seen, err := s.place(c, i+1)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		rule := seen.rule
		if rule == "" {
			rule = "–"
		}
		fmt.Printf("%-33s %-15s %-28s %7d\n", c.name, rule, seen.status, seen.took.Microseconds())
		if seen.reason != "" {
			fmt.Printf("    Reason: %s\n", seen.reason)
		}
		for _, fault := range c.faults(seen) {
			wrong++
			fmt.Printf("    WRONG: %s\n", fault)
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of the above differ from what they must be", wrong)
	}
	fmt.Printf("\nAll %d calls were answered as they must be. µs: from the INVITE to its final answer, at the caller.\n", len(calls))
	return nil
}

// sight is what was seen of a call.
type sight struct {
	rule    string // by the journal of stopped calls
	status  string
	reason  string
	arrived bool
	took    time.Duration
}

// place makes a call and gathers what can be seen of it.
func (s *scene) place(c call, n int) (sight, error) {
	id := fmt.Sprintf("demo-%d-%d", os.Getpid(), n)
	request := rig.Request{
		URI:    "sip:" + c.callee + "@127.0.0.1",
		From:   "<sip:" + c.caller + "@127.0.0.1>",
		CallID: id,
	}
	r, err := rig.Place("udp", s.kamailio.Addr, request.Bytes(), rig.PlaceOptions{Source: c.source})
	if err != nil {
		return sight{}, err
	}
	seen := sight{status: r.Status, reason: r.Reason, took: r.Latency}
	for _, invite := range s.carrier.Requests("INVITE") {
		seen.arrived = seen.arrived || rig.Header(invite, "Call-ID") == id
	}
	if !seen.arrived {
		err := rig.Wait(rig.Patience, "the journal has the call", func() bool {
			seen.rule = s.decidedBy(id)
			return seen.rule != ""
		})
		return seen, err
	}
	if c.callee == deadNumber {
		// What the carrier said goes to the daemon a moment after the call.
		return seen, rig.Wait(rig.Patience, "the number is learned", func() bool {
			n, err := s.daemon.Metric("ringfence_learned_entries")
			return err == nil && n > 0
		})
	}
	return seen, nil
}

// decidedBy is the rule that the journal names for a stopped call, empty while
// the journal does not have it.
func (s *scene) decidedBy(callID string) string {
	text, err := os.ReadFile(filepath.Join(s.daemon.Dir, "state", "journal.jsonl"))
	if err != nil {
		return ""
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var line struct {
			CallID string `json:"call_id"`
			Rule   string `json:"rule"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.CallID == callID {
			return line.Rule
		}
	}
	return ""
}

// faults says what differs from what must be.
func (c call) faults(seen sight) (faults []string) {
	differs := func(what string, got, want any) {
		faults = append(faults, fmt.Sprintf("%s is %v, must be %v", what, got, want))
	}
	if seen.status != c.status {
		differs("the status line", seen.status, c.status)
	}
	if seen.rule != c.rule {
		differs("the rule", fmt.Sprintf("%q", seen.rule), fmt.Sprintf("%q", c.rule))
	}
	if seen.arrived != c.arrives {
		differs("reaching the carrier", seen.arrived, c.arrives)
	}
	if c.reason == nil && seen.reason != "" {
		differs("the Reason", seen.reason, "absent")
	}
	if c.reason != nil && !c.reason.MatchString(seen.reason) {
		differs("the Reason", seen.reason, c.reason)
	}
	return faults
}
