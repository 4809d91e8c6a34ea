package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"ringfence/rules"
)

// listVerb starts this program as a process that holds one list and nothing
// else: list FILE NUMBERS.
const listVerb = "list"

// nanpNumbers are those with area code and exchange from 200 to 999.
const nanpNumbers = 800 * 800 * 10_000

// nanpNumber is the i-th of them in an order that is as good as random and has
// each once: a Feistel network over 34 bits, walked until it is among them.
func nanpNumber(i uint64) uint64 {
	const half = 17
	for {
		left, right := i>>half, i&(1<<half-1)
		for round := range uint64(4) {
			left, right = right, left^((right+round+1)*0x9e3779b97f4a7c15>>(64-half))
		}
		if i = left<<half | right; i < nanpNumbers {
			break
		}
	}
	block := i / 10_000
	return 1_000_000_0000 + (200+block/800)*1_000_0000 + (200+block%800)*10_000 + i%10_000
}

// benchLists measures a list of random NANP numbers: how much memory a process
// needs that loads and holds it and does nothing else, at its peak, how long it
// loads from CSV and from the compiled form, and how long a look-up of a random
// number takes, every second one listed.
func benchLists(p plan, dir string) error {
	csv, compiled := filepath.Join(dir, "list.csv"), filepath.Join(dir, "list.rfl")
	if err := room(dir, uint64(p.numbers)*16); err != nil {
		return err
	}
	if err := writeNumbers(csv, uint64(p.numbers)); err != nil {
		return err
	}
	fromCSV, err := measureList(csv, p.numbers)
	if err != nil {
		return err
	}
	if out, err := exec.Command(p.binary, "list", "build", csv, "-o", compiled).CombinedOutput(); err != nil {
		return fmt.Errorf("list build: %w: %s", err, out)
	}
	fromCompiled, err := measureList(compiled, p.numbers)
	if err != nil {
		return err
	}
	peak := max(fromCSV.peak, fromCompiled.peak)
	figure("list_numbers", float64(p.numbers), "numbers")
	figure("list_rss_mb", peak/1e6, "MB")
	figure("list_bytes_per_number", peak/float64(p.numbers), "bytes")
	figure("list_load_s", fromCSV.seconds, "s")
	figure("list_compiled_load_s", fromCompiled.seconds, "s")
	figure("list_lookup_ns", fromCSV.lookup, "ns")
	return nil
}

// room is an error when dir has not that many bytes.
func room(dir string, bytes uint64) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if free := s.Bavail * uint64(s.Bsize); free < bytes {
		return fmt.Errorf("%s has %d MB free, lists need %d (set TMPDIR, or -numbers)", dir, free>>20, bytes>>20)
	}
	return nil
}

func writeNumbers(file string, n uint64) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	line := make([]byte, 0, 16)
	for i := range n {
		line = append(strconv.AppendUint(append(line[:0], '+'), nanpNumber(i), 10), '\n')
		if _, err := w.Write(line); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(w.Flush(), f.Close())
}

// listSample is what a process with one list has measured.
type listSample struct {
	seconds float64
	peak    float64 // bytes of resident memory
	lookup  float64 // ns
}

func measureList(file string, numbers int) (s listSample, err error) {
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	var said bytes.Buffer
	c := exec.Command(self, listVerb, file, strconv.Itoa(numbers))
	c.Stdout, c.Stderr = &said, os.Stderr
	if err := c.Run(); err != nil {
		return s, fmt.Errorf("load %s: %w", filepath.Base(file), err)
	}
	if _, err := fmt.Sscan(said.String(), &s.seconds, &s.peak, &s.lookup); err != nil {
		return s, fmt.Errorf("load %s: %q: %w", filepath.Base(file), said.String(), err)
	}
	return s, nil
}

// holdList is the process that measureList starts. It prints seconds, bytes and
// nanoseconds.
func holdList(file, numbers string) error {
	n, err := strconv.ParseUint(numbers, 10, 64)
	if err != nil {
		return err
	}
	began := time.Now()
	l, err := rules.ReadList(rules.ListSource{File: file})
	if err != nil {
		return err
	}
	took := time.Since(began)
	if l.Len() != int(n) {
		return fmt.Errorf("%d rows, want %d", l.Len(), n)
	}
	best, err := lookUp(l, n)
	if err != nil {
		return err
	}
	peak, err := memoryOf(os.Getpid(), "VmHWM")
	if err != nil {
		return err
	}
	fmt.Println(took.Seconds(), peak, float64(best.Nanoseconds()))
	return nil
}

// lookUp is how long a look-up takes, the least of some rounds: every second
// number is listed.
func lookUp(l *rules.List, n uint64) (least time.Duration, err error) {
	const asked, rounds = 1 << 18, 9
	numbers := make([]rules.Number, asked)
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Now()
	for round := range rounds {
		for i := range numbers {
			which := r.Uint64N(n)
			if i%2 == 1 {
				which += n
			}
			if numbers[i], err = rules.ParseNumber("+" + strconv.FormatUint(nanpNumber(which), 10)); err != nil {
				return 0, err
			}
		}
		hits := 0
		began := time.Now()
		for _, number := range numbers {
			if l.Find(number, at) != 0 {
				hits++
			}
		}
		took := time.Since(began) / asked
		if hits != asked/2 {
			return 0, fmt.Errorf("%d of %d numbers found, want half", hits, asked)
		}
		if round == 0 || took < least {
			least = took
		}
	}
	return least, nil
}
