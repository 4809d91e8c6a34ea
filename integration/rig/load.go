package rig

import (
	"bytes"
	"embed"
	"encoding/csv"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed testdata/answered.xml testdata/refused.xml
var scenarios embed.FS

// LoadOptions says what load sipp makes.
type LoadOptions struct {
	Scenario string   // "answered" or "refused", what every call must come to
	To       string   // host:port of the switch
	Callee   string   // called number
	Callers  []string // calling numbers, used in turn
	Rate     int      // calls a second
	Calls    int      // how many in all
	AtOnce   int      // calls under way at once at most; 0: 3 seconds' worth
}

// Report is what became of the load.
type Report struct {
	Succeeded   int // calls that went through the whole scenario
	Failed      int
	Why         string // what sipp says of the first ones that failed
	Retransmits int
	Took        time.Duration
	Latency     []time.Duration // of each call's final response, ascending
}

// Slower is how many calls got their final response later than d.
func (r *Report) Slower(d time.Duration) int {
	i, _ := slices.BinarySearch(r.Latency, d+1)
	return len(r.Latency) - i
}

// Quantile is the latency that a share q of the calls did not exceed.
func (r *Report) Quantile(q float64) time.Duration {
	if len(r.Latency) == 0 {
		return 0
	}
	return r.Latency[min(len(r.Latency)-1, int(q*float64(len(r.Latency))))]
}

// Load is a sipp at work.
type Load struct {
	*Process
	dir   string
	began time.Time
}

// StartLoad starts sipp.
func StartLoad(o LoadOptions) (*Load, error) {
	dir, err := os.MkdirTemp("", "ringfence-sipp-")
	if err != nil {
		return nil, fmt.Errorf("sipp: %w", err)
	}
	l, err := startLoad(dir, o)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return l, nil
}

func startLoad(dir string, o LoadOptions) (*Load, error) {
	scenario, err := scenarios.ReadFile("testdata/" + o.Scenario + ".xml")
	if err != nil {
		return nil, fmt.Errorf("sipp: scenario %q: %w", o.Scenario, err)
	}
	var callers bytes.Buffer
	callers.WriteString("SEQUENTIAL\n")
	for _, c := range o.Callers {
		callers.WriteString(c + "\n")
	}
	for name, content := range map[string][]byte{"call.xml": scenario, "callers.csv": callers.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("sipp: %w", err)
		}
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(o.To)
	if err != nil {
		return nil, fmt.Errorf("sipp: %w", err)
	}
	if o.AtOnce == 0 {
		o.AtOnce = 3*o.Rate + 10
	}
	args := []string{
		o.To, "-sf", "call.xml", "-inf", "callers.csv", "-s", o.Callee,
		"-i", host, "-p", strconv.Itoa(port), "-r", strconv.Itoa(o.Rate), "-m", strconv.Itoa(o.Calls), "-l", strconv.Itoa(o.AtOnce),
		"-trace_stat", "-fd", "1", "-stf", "stat.csv", "-trace_rtt", "-rtt_freq", "100", "-trace_err",
		"-recv_timeout", "60000", "-nostdin",
	}
	p, err := start(dir, "sipp", "sipp", args...)
	if err != nil {
		return nil, err
	}
	return &Load{Process: p, dir: dir, began: time.Now()}, nil
}

// Wait waits until sipp has made its calls, which take half a minute at most on an
// idle machine, and says what became of them.
func (l *Load) Wait() (*Report, error) {
	const limit = time.Minute + Patience
	defer os.RemoveAll(l.dir)
	select {
	case <-l.Done():
	case <-time.After(limit):
		_ = l.Kill()
		return nil, fmt.Errorf("sipp: not done within %s", limit)
	}
	r := &Report{Took: time.Since(l.began)}
	if err := r.readStat(filepath.Join(l.dir, "stat.csv")); err != nil {
		return nil, fmt.Errorf("sipp: %w:\n%s", err, l.tail())
	}
	r.readErrors(l.dir)
	if err := r.readRTT(l.dir); err != nil {
		return nil, fmt.Errorf("sipp: %w", err)
	}
	return r, nil
}

// readStat reads the counts of the last line of sipp's statistics.
func (r *Report) readStat(file string) error {
	rows, err := readCSV(file)
	if err != nil || len(rows) < 2 {
		return fmt.Errorf("no statistics: %w", err)
	}
	last := rows[len(rows)-1]
	for i, name := range rows[0] {
		if i >= len(last) {
			break
		}
		n, _ := strconv.Atoi(last[i])
		switch name {
		case "SuccessfulCall(C)":
			r.Succeeded = n
		case "FailedCall(C)":
			r.Failed = n
		case "Retransmissions(C)":
			r.Retransmits = n
		}
	}
	return nil
}

// readErrors reads what sipp says of calls that failed, if any did.
func (r *Report) readErrors(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*_errors.log")) // the pattern is good
	for _, file := range files {
		text, _ := os.ReadFile(file) // without it the counts tell enough
		r.Why += string(text[:min(len(text), 2000)])
	}
}

// readRTT reads the response times, one a call: date; milliseconds; name.
func (r *Report) readRTT(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*_rtt.csv"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no response times: %w", err)
	}
	rows, err := readCSV(files[0])
	if err != nil {
		return fmt.Errorf("response times: %w", err)
	}
	for _, row := range rows[1:] {
		if len(row) < 2 {
			continue
		}
		ms, err := strconv.ParseFloat(strings.TrimSpace(row[1]), 64)
		if err != nil {
			continue
		}
		r.Latency = append(r.Latency, time.Duration(ms*float64(time.Millisecond)))
	}
	slices.Sort(r.Latency)
	return nil
}

func readCSV(file string) ([][]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.Comma, in.FieldsPerRecord, in.LazyQuotes = ';', -1, true
	return in.ReadAll()
}
