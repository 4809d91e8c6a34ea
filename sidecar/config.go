package sidecar

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ringfence/rules"
)

// Config is what ringfence.yaml says, with every default filled in and every
// path made absolute. Relative paths in the file are relative to its folder.
type Config struct {
	File           string         // the file itself
	Listen         string         // decision listener, host:port
	Admin          Admin          // admin listener
	Clients        []netip.Prefix // networks that the decision listeners answer
	Socket         SocketConfig   // listener for FreeSWITCH's socket application
	Switches       []SwitchConfig // whose events are read
	Settings       rules.Settings // what the rules are compiled with
	State          string         // folder of what outlives a restart
	Journal        JournalConfig
	Cache          int64         // bytes, 0 for none
	Pending        int           // decisions whose outcome is awaited
	Memory         int64         // bytes of what calls did
	MaxCallAge     time.Duration // after which a call is over of which no switch says that it goes on
	LearnedMax     int           // numbers in one learned list
	LiveMax        int           // live rows of one list
	TestBeforeLoad bool          // rule tests must pass before rules load
	MaxBody        int           // bytes of a request to the decision listener
	Health         HealthConfig
	Alerts         AlertsConfig
	Timeouts       Timeouts
	Log            LogConfig

	places map[string]rules.Position // of its keys
}

// Admin configures the admin listener.
type Admin struct {
	Listen    string   // host:port
	TokenFile string   // file with the bearer token; empty: no change by HTTP
	Hosts     []string // further names that a Host header may carry
}

// SocketConfig configures the listener that FreeSWITCH's socket application
// connects to.
type SocketConfig struct {
	Listen      string        // host:port; empty: there is none
	Deadline    time.Duration // of one call, from its connection to the answer; beyond it the call goes on
	Connections int           // open at once; those beyond are closed, and their calls go on
}

// JournalConfig bounds the journal of stopped calls: at most MaxSize × (Keep+1)
// bytes on disk and Queue entries in memory.
type JournalConfig struct {
	File    string
	MaxSize int64 // bytes of one file
	Keep    int   // rotated files beside the current one
	Queue   int   // entries
}

// Timeouts of the decision listener's connections, and of a stop.
type Timeouts struct {
	Idle  time.Duration // between two requests of one connection
	Read  time.Duration // of one request
	Write time.Duration // of one answer
	Stop  time.Duration // for what is in flight when the daemon stops
}

// LogConfig says what the log tells.
type LogConfig struct {
	Level       slog.Level
	Format      string // text or json
	FullNumbers bool   // telephone numbers unmasked
}

// LoadConfig reads a configuration file. The error of a file that can be read
// is a rules.Diagnostics with all that is wrong in it; beside it comes what the
// rest of the file says, which is good enough to ask a daemon that runs.
func LoadConfig(path string) (*Config, error) {
	data, err := readBounded(path, configLimit)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w (name it with --config; docs/operations.md has all that it can say)", err)
		}
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return parseConfig(path, data)
}

func parseConfig(path string, data []byte) (*Config, error) {
	c := Defaults()
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c.File = absolute
	r := configReader{document: document{file: path}, config: c}
	r.read(data)
	c.places = r.places
	if c.Journal.File == "" && c.State != "" {
		c.Journal.File = filepath.Join(c.State, journalName)
	}
	if c.State != "" {
		c.Settings.Feeds = filepath.Join(c.State, feedsName)
	}
	if len(r.faults) > 0 {
		byPlace(r.faults)
		return c, r.faults
	}
	return c, nil
}

// byPlace sorts findings of one file.
func byPlace(d rules.Diagnostics) {
	slices.SortStableFunc(d, func(a, b rules.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, _, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readOpen(f, limit)
}

// openRegular opens a regular file to read, and nothing that would have its
// reader wait. The status is that of what is open, whatever path leads to by
// now.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe without a writer opens at once
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file, name one", path)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// readOpen reads all of an open file of at most limit bytes.
func readOpen(f *os.File, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: larger than %d bytes", f.Name(), limit)
	}
	return data, nil
}

// path makes a path of the file absolute.
func (c *Config) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(c.File), p)
}

// Compile makes a ruleset of what c says. An error is a rules.Diagnostics; what
// is wrong with a setting, or likely so, carries its place in the configuration
// file.
func (c *Config) Compile() (*rules.Ruleset, error) {
	rs, err := rules.Compile(c.Settings)
	var faults rules.Diagnostics
	if errors.As(err, &faults) {
		for i := range faults {
			c.locate(&faults[i])
		}
	}
	if err == nil {
		warnings := rs.Warnings()
		for i := range warnings {
			c.locate(&warnings[i])
		}
	}
	return rs, err
}

// locate gives a finding about a setting the place of the key that set it, or
// of the nearest key around it.
func (c *Config) locate(d *rules.Diagnostic) {
	if d.File != "" {
		return
	}
	d.File = c.File
	for path := d.Subject; path != ""; {
		if p, ok := c.places[path]; ok {
			d.File, d.Line, d.Column = p.File, p.Line, p.Column
			return
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// restarts names the keys whose change next brings only at the next start.
func (c *Config) restarts(next *Config) []string {
	var keys []string
	for _, k := range []struct {
		key      string
		old, new any
	}{
		{"listen", c.Listen, next.Listen},
		{"socket", c.Socket, next.Socket},
		{"admin.listen", c.Admin.Listen, next.Admin.Listen},
		{"admin.hosts", c.Admin.Hosts, next.Admin.Hosts},
		{"state", c.State, next.State},
		{"journal", c.Journal, next.Journal},
		{"cache", c.Cache, next.Cache},
		{"pending", c.Pending, next.Pending},
		{"max_call_age", c.MaxCallAge, next.MaxCallAge},
		{"state_memory", c.Memory, next.Memory},
		{"learned_max", c.LearnedMax, next.LearnedMax},
		{"live_max", c.LiveMax, next.LiveMax},
		{"max_body", c.MaxBody, next.MaxBody},
		{"timeouts", c.Timeouts, next.Timeouts},
		{"log.format", c.Log.Format, next.Log.Format},
	} {
		if !reflect.DeepEqual(k.old, k.new) {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// checkAddress tells what is wrong with a listen address.
func checkAddress(s, example string) error {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return hinted{fmt.Sprintf("%q is no address to listen on", s), fmt.Sprintf("write %q", example)}
	}
	return nil
}

// onLoopback tells whether a listen address is reached from this machine alone.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// parseNetwork reads a network as rules.ParseNetwork does, without bits behind
// its length.
func parseNetwork(s string) (netip.Prefix, error) {
	p, ok := rules.ParseNetwork(s)
	if !ok {
		return p, hinted{fmt.Sprintf("%q is no network", s), `write "192.0.2.0/24" or "192.0.2.7"`}
	}
	if p != p.Masked() {
		return p, hinted{fmt.Sprintf("%q has address bits behind its length", s), fmt.Sprintf("write %q", p.Masked())}
	}
	return p, nil
}
