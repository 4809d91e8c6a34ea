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
	cmd := exec.Command(program, "-pairs", "1", "-seconds", "0.3", "-wait", "1m", "-listed", "100000", "-sockets", "200", "-binary", ringfence)
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
	for _, want := range []string{"decide_cold_ns", "decide_cached_ns", "decide_flat", "decide_allocs", "number_facts_ns", "cache_hit_ratio", "state_update_ns", "state_read_ns", "state_bytes_per_key", "state_two_writers", "restart_keys", "restart_s", "http_vs_bare", "http_packs_vs_bare", "added_p50", "added_p99", "added_cpu_us", "kamailio_vs_noop", "kamailio_vs_native",
		"http_vs_opa", "opa_vs_bare", "engine_vs_opa", "reload_failed", "reload_p99_ratio", "reload_s", "fs_socket_p50_us", "fs_socket_allocs", "fs_socket_held_mb", "fs_events_per_s", "fs_events_dropped"} {
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

// Each edition of the reload's list has as many numbers as it says, none of them
// in the other one or among the callers that are on no list.
func TestEditions(t *testing.T) {
	const size = 20_000
	seen := map[uint64]bool{}
	for e := range edition(2) {
		for k := range uint64(size) {
			i := e.listedAt(k, size)
			if seen[i] || i%2 == 1 || i >= subscribers {
				t.Fatalf("edition %d: number %d has index %d", e, k, i)
			}
			seen[i] = true
		}
	}
}

// Both languages say as many rules, each with what the description has.
func TestPolicyLanguages(t *testing.T) {
	policy := opaPolicy(opaRules)
	ours, plain, rego := ringfenceRules(policy), regoRules(policy, true), regoRules(policy, false)
	tables := 0
	for _, r := range policy {
		if r.prefix != "" {
			tables++
		}
	}
	for _, c := range []struct {
		what, text, mark string
		want             int
	}{
		{"rules", ours, "  - id: ", opaRules},
		{"plain Rego", plain, "blocked contains ", opaRules},
		{"Rego", rego, "blocked contains ", opaRules - tables + 1},
		{"prefixes", ours, "startsWith", tables},
		{"prefixes in plain Rego", plain, "startswith", tables},
	} {
		if n := strings.Count(c.text, c.mark); n != c.want {
			t.Errorf("%s: %d, want %d", c.what, n, c.want)
		}
	}
}

// The load meets calls that a rule of each kind stops, and its inputs are read back.
func TestSample(t *testing.T) {
	policy := opaPolicy(opaRules)
	sample := sampleOf(policy)
	if len(sample) != 2*opaRules {
		t.Fatalf("%d calls, want %d", len(sample), 2*opaRules)
	}
	for i, r := range policy {
		c := sample[1_000+i]
		if r.callee != "" && c.Callee != r.callee || r.trunk != "" && (c.Trunk != r.trunk || c.Account != r.account) || !strings.HasPrefix(c.Caller, r.prefix) {
			t.Errorf("%+v does not match rule %d", c, i)
		}
	}
	for _, r := range requestsOf("127.0.0.1:1", opaCall.askOPA) {
		if len(r.at) != 1 {
			t.Errorf("%d marks in %q", len(r.at), r.text)
		}
	}
	for _, r := range requestsOf("127.0.0.1:1", opaCall.askRingfence) {
		if len(r.at) != 5 {
			t.Errorf("%d marks in %q", len(r.at), r.text)
		}
	}
}

// Callers do not repeat within a run, and those on the list are on the list.
func TestCallers(t *testing.T) {
	listed := map[string]bool{}
	for k := range uint64(listedNumbers) {
		area, exchange, line := national(listedAt(k, listedNumbers))
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

// The numbers of the measured list are those of the NANP, each once.
func TestNANPNumbers(t *testing.T) {
	seen := map[uint64]bool{}
	for i := range uint64(200_000) {
		n := nanpNumber(i)
		if area, exchange := n/1_000_0000%1000, n/10_000%1000; n/1_000_000_0000 != 1 || area < 200 || exchange < 200 {
			t.Fatalf("number %d is +%d", i, n)
		}
		if seen[n] {
			t.Fatalf("+%d is there twice", n)
		}
		seen[n] = true
	}
}
