package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"ringfence/integration/rig"
)

// The scenario of the reload.
const (
	reloadRules  = 10_000
	reloadRounds = 3
	reloadLimit  = 2 * time.Minute // of one reload
)

// edition is one of the two contents between which reloads change, 0 and 1.
type edition int

// benchReload measures what calls notice of a reload of 10,000 rules and 10,000,000
// listed numbers, all of which are others than before: the 99th percentile of the
// decision endpoint while it loads over that before, at half the rate that the
// endpoint can answer, and how many decisions failed.
func benchReload(p plan, dir string) (err error) {
	if err := writeScenario(dir, benchRules); err != nil {
		return err
	}
	r, err := rig.StartRingfence(p.binary, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	for e := range edition(2) {
		if err := e.write(dir, uint64(p.listed)); err != nil {
			return err
		}
	}
	load := reload{daemon: r, dir: dir, listed: uint64(p.listed)}
	if _, err := load.to(1); err != nil { // the first one only grows what the others change; it started with the rules of 0
		return err
	}
	cpu := func() (time.Duration, error) { return processorTime(r.PID()) }
	who := &callers{listed: 10, size: uint64(p.listed)}
	most, err := httpLoad{address: r.Addr, conns: keepAlive, length: p.length(), callers: who}.run(cpu)
	if err != nil {
		return err
	}

	var took, ratios, before, during []float64
	lost := 0
	for i := range reloadRounds {
		measured := func(work func() error) (sample, error) {
			var ended atomic.Bool
			worked := make(chan error, 1)
			go func() {
				defer ended.Store(true)
				worked <- work()
			}()
			s, err := openLoad{address: r.Addr, conns: keepAlive, rate: most.rate / 2, callers: who, wait: p.wait, ended: &ended}.run(cpu)
			lost += s.lost
			return s, errors.Join(err, <-worked)
		}
		quiet, err := measured(func() error { time.Sleep(p.length()); return nil })
		if err != nil {
			return err
		}
		busy, err := measured(func() error {
			d, err := load.to(edition(i % 2))
			took = append(took, d.Seconds())
			return err
		})
		if err != nil {
			return err
		}
		before, during, ratios = append(before, quiet.p99), append(during, busy.p99), append(ratios, busy.p99/quiet.p99)
		fmt.Fprintf(os.Stderr, "  reload %d of %d: %.1f s, p99 %.0f µs before and %.0f µs during, ratio %.3f\n",
			i+1, reloadRounds, took[i], quiet.p99, busy.p99, ratios[i])
	}
	figure("reload_failed", float64(lost), "calls")
	figure("reload_s", median(took), "s")
	figure("reload_rate", most.rate/2, "requests/s")
	figure("reload_p99_before", median(before), "µs")
	figure("reload_p99", median(during), "µs")
	figure("reload_p99_ratio", median(ratios), "ratio")
	figure("reload_p99_ratio_least", slices.Min(ratios), "ratio")
	figure("reload_p99_ratio_most", slices.Max(ratios), "ratio")
	if lost > 0 {
		return fmt.Errorf("%d decisions failed or took more than %s", lost, p.wait)
	}
	return nil
}

// listedAt is the k-th number's index in a list of so many. No number is in both
// editions, and none of the odd ones is in any.
func (e edition) listedAt(k, size uint64) uint64 { return listedAt(k, size) + 2*uint64(e) }

// callee is one that a rule of this edition alone names.
func (e edition) callee() string { return fmt.Sprintf("+1216%d0001", 557+e) }

// write writes the rules and the list of this edition into dir.
func (e edition) write(dir string, size uint64) error {
	list, err := os.Create(filepath.Join(dir, e.name("spam.csv")))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(list, 1<<20)
	line := []byte("+1" + callerMark + "\n")
	for k := range size {
		area, exchange, number := national(e.listedAt(k, size))
		appendNational(line[:2], area, exchange, number)
		if _, err := w.Write(line); err != nil {
			return errors.Join(err, list.Close())
		}
	}
	if err := errors.Join(w.Flush(), list.Close()); err != nil {
		return err
	}
	rules := strings.ReplaceAll(ruleFile(reloadRules), "+1216557", fmt.Sprintf("+1216%d", 557+e))
	return os.WriteFile(filepath.Join(dir, e.name("rules.yaml")), []byte(rules), 0o600)
}

func (e edition) name(file string) string { return fmt.Sprintf("%s.%d", file, e) }

// reload changes what a daemon has loaded.
type reload struct {
	daemon *rig.Ringfence
	dir    string // of the editions
	listed uint64
}

// to puts an edition in place, has the daemon load it, and waits until calls are
// decided by it: by its rules and its list, and by nothing of the other one.
func (r reload) to(e edition) (time.Duration, error) {
	for _, file := range []string{"spam.csv", "rules.yaml"} {
		place := filepath.Join(r.daemon.Dir, file)
		if err := errors.Join(os.Link(filepath.Join(r.dir, e.name(file)), place+".next"), os.Rename(place+".next", place)); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	if err := r.daemon.Signal(syscall.SIGHUP); err != nil {
		return 0, err
	}
	for {
		now, err := r.decides(e)
		if err != nil {
			return 0, err
		}
		if now {
			break
		}
		if time.Since(start) > reloadLimit {
			return 0, fmt.Errorf("the daemon did not load within %s:\n%s", reloadLimit, r.daemon.Log())
		}
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(start)
	other := 1 - e
	for _, c := range []struct {
		call opaCall
		want string
	}{
		{opaCall{Caller: number(e.listedAt(7, r.listed)), Callee: "+12125557100"}, "block 603 Network Blocked"},
		{opaCall{Caller: number(other.listedAt(7, r.listed)), Callee: "+12125557100"}, "allow"},
		{opaCall{Caller: number(1), Callee: other.callee()}, "allow"},
	} {
		got, err := verdictOf(c.call.askRingfence(r.daemon.Addr), readLines)
		if err != nil {
			return 0, err
		}
		if got != c.want {
			return 0, fmt.Errorf("after the reload %+v is answered %q, want %q", c.call, got, c.want)
		}
	}
	return took, nil
}

// decides tells whether a rule of the edition stops a call.
func (r reload) decides(e edition) (bool, error) {
	got, err := verdictOf(opaCall{Caller: number(1), Callee: e.callee()}.askRingfence(r.daemon.Addr), readLines)
	return got == "block 603 Decline", err
}
