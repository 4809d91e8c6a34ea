package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// Every figure is printed, in the form that a script can read. The runs are too
// short to mean anything.
func TestBench(t *testing.T) {
	rig.Need(t, "kamailio")
	dir := t.TempDir()
	ringfence, err := rig.BuildRingfence(dir)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "bench")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(program, "-pairs", "1", "-seconds", "0.3", "-binary", ringfence)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	first, rest, _ := strings.Cut(string(out), "\n")
	if !strings.HasPrefix(first, "machine ") {
		t.Errorf("the first line is %q, want the machine", first)
	}
	line := regexp.MustCompile(`^[a-z0-9_]+ -?[0-9]+(\.[0-9]+)? \S+$`)
	names := map[string]bool{}
	for l := range strings.SplitSeq(strings.TrimSpace(rest), "\n") {
		if !line.MatchString(l) {
			t.Errorf("%q is not NAME VALUE UNIT", l)
		}
		name, _, _ := strings.Cut(l, " ")
		names[name] = true
	}
	for _, want := range []string{"decide_allocs", "http_vs_bare", "added_p50", "added_p99", "added_cpu_us", "kamailio_vs_noop", "kamailio_vs_native"} {
		if !names[want] {
			t.Errorf("no figure %s in\n%s", want, out)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}} {
		if got := median(c.in); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}

// Callers do not repeat within a run, and those on the list are on the list.
func TestCallers(t *testing.T) {
	listed := map[string]bool{}
	for k := range uint64(listedNumbers) {
		area, exchange, line := national(listedAt(k))
		listed[string(appendNational(nil, area, exchange, line))] = true
	}
	if len(listed) != listedNumbers {
		t.Fatalf("%d listed numbers, want %d", len(listed), listedNumbers)
	}
	who := callers{listed: 10}
	seen := make(map[string]bool)
	digits, hits := []byte(callerMark), 0
	for i := range 1_000_000 {
		who.next(digits, []int{0})
		if seen[string(digits)] {
			t.Fatalf("caller %s comes again after %d", digits, i)
		}
		seen[string(digits)] = true
		if listed[string(digits)] {
			hits++
		}
	}
	if hits != 100_000 {
		t.Errorf("%d of 1,000,000 callers are listed, want every tenth", hits)
	}
}

func TestInviteLength(t *testing.T) {
	if n := len(invite700("127.0.0.9:5060")); n < 690 || n > 710 {
		t.Errorf("the INVITE has %d bytes, want about 700", n)
	}
}
