package sidecar

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"ringfence/rules"
	"ringfence/sidecar/health"
)

func TestBrokenConfigurations(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/state")
	corpus, err := txtar.ParseFile("testdata/config.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for _, f := range corpus.Files {
		_, err := parseConfig(f.Name, f.Data)
		var faults rules.Diagnostics
		if !errors.As(err, &faults) {
			t.Errorf("%s: error %v, want rules.Diagnostics", f.Name, err)
		}
		fmt.Fprintf(&said, "%v\n", err)
	}
	golden(t, "testdata/config.golden", said.String())
}

func TestDefaults(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/var/lib/ringfence:/other")
	got, err := parseConfig("/etc/ringfence/ringfence.yaml", []byte("rules: [rules]\nmode:\nlog: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.File = "/etc/ringfence/ringfence.yaml"
	want.Settings.Files = []string{"/etc/ringfence/rules"}
	want.Settings.Feeds = "/var/lib/ringfence/feeds"
	want.Journal.File = "/var/lib/ringfence/journal.jsonl"
	if diff := cmp.Diff(want, got, configOptions); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if want.State != "/var/lib/ringfence" {
		t.Errorf("state %q", want.State)
	}
}

var configOptions = cmp.Options{
	cmpopts.IgnoreUnexported(Config{}, SwitchConfig{}, rules.Trunk{}),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

const everyKey = `
listen: 10.0.0.1:9000
admin: {listen: "[::]:9001", token_file: token, hosts: [Ringfence]}
clients: [10.0.0.0/8, "2001:db8::1"]
socket: {listen: "10.0.0.1:9002", deadline: 80ms, connections: 70}
freeswitch:
  - {name: fs1, address: 127.0.0.1:8021, password_file: fs1.password}
  - {name: fs2, address: "[2001:db8::2]:8021", password_file: /etc/fs2.password}
mode: monitor
profile: us
redress: {url: https://r.example.net, tel: "+12025550100", email: r@example.net, location: LN}
answers: {dno: 403, administrative: 603}
emergency: [117, 000]
country: ca
trunks:
  - {name: carrier-a, networks: [192.0.2.0/24, 198.51.100.7], country: US, trusted: true, direction: inbound}
  - {name: pbx, networks: 203.0.113.1, extensions: [2XXX, 1XX]}
rules: [/etc/rules.yaml, more]
test_before_load: true
state: /srv/ringfence
journal: {file: calls.jsonl, max_size: 1.5GiB, keep: 3, queue: 10}
health: {window: 10m, min: 20, answer_rate_drop: 30%, block_share: 2.5%, short: 8s, short_share: 70%, slow_down: 20m}
alerts: {log: false, every: 1h, webhook: {url: "https://alerts.example.net/x?token=1", secret_file: alerts.secret}}
cache: off
pending: 1_000
max_call_age: 12h
state_memory: 1GiB
learned_max: 5
live_max: 6
max_body: 64KiB
timeouts: {idle: 1d, read: 500ms, write: 2s, stop: 1m}
log: {level: debug, format: json, numbers: full}
`

func TestEveryKey(t *testing.T) {
	got, err := parseConfig("/etc/ringfence/ringfence.yaml", []byte(everyKey))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		File:    "/etc/ringfence/ringfence.yaml",
		Listen:  "10.0.0.1:9000",
		Admin:   Admin{Listen: "[::]:9001", TokenFile: "/etc/ringfence/token", Hosts: []string{"ringfence"}},
		Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")},
		Socket:  SocketConfig{Listen: "10.0.0.1:9002", Deadline: 80 * time.Millisecond, Connections: 70},
		Switches: []SwitchConfig{
			{Name: "fs1", Address: "127.0.0.1:8021", PasswordFile: "/etc/ringfence/fs1.password"},
			{Name: "fs2", Address: "[2001:db8::2]:8021", PasswordFile: "/etc/fs2.password"},
		},
		Settings: rules.Settings{
			Mode: rules.Monitor, Profile: "us",
			Redress:   rules.Redress{URL: "https://r.example.net", Tel: "+12025550100", Email: "r@example.net", Location: "LN"},
			Answers:   map[rules.Why]int{rules.DNO: 403, rules.Administrative: 603},
			Emergency: []string{"117", "000"},
			Country:   "ca",
			Trunks: []rules.Trunk{
				{Name: "carrier-a", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.7/32")}, Country: "US", Trusted: true, Direction: rules.Inbound},
				{Name: "pbx", Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.1/32")}, Extensions: []string{"2XXX", "1XX"}},
			},
			Files: []string{"/etc/rules.yaml", "/etc/ringfence/more"}, Feeds: "/srv/ringfence/feeds",
		},
		TestBeforeLoad: true,
		State:          "/srv/ringfence",
		Journal:        JournalConfig{File: "/etc/ringfence/calls.jsonl", MaxSize: 3 << 29, Keep: 3, Queue: 10},
		Health: HealthConfig{
			Config:   health.Config{Window: 10 * time.Minute, Min: 20, AnswerRateDrop: 0.3, BlockShare: 0.025, Short: 8 * time.Second, ShortShare: 0.7},
			SlowDown: 20 * time.Minute,
		},
		Alerts:  AlertsConfig{Every: time.Hour, Webhook: &WebhookConfig{URL: "https://alerts.example.net/x?token=1", SecretFile: "/etc/ringfence/alerts.secret"}},
		Pending: 1000, MaxCallAge: 12 * time.Hour, Memory: 1 << 30, LearnedMax: 5, LiveMax: 6, MaxBody: 64 << 10,
		Timeouts: Timeouts{Idle: 24 * time.Hour, Read: 500 * time.Millisecond, Write: 2 * time.Second, Stop: time.Minute},
		Log:      LogConfig{Level: slog.LevelDebug, Format: "json", FullNumbers: true},
	}
	if diff := cmp.Diff(want, got, configOptions); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

// docs/operations.md shows every key.
func TestEveryKeyIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	text = regexp.MustCompile(`# (token_file|file|state|url|tel|listen): *`).ReplaceAllString(text, "$1: x ")
	text = regexp.MustCompile(`# (slow_down|webhook): *`).ReplaceAllString(text, "$1: ")
	documented, err := parseConfig("ringfence.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	entry := regexp.MustCompile(`\[\d+\]`)
	known := make(map[string]bool)
	for key := range documented.places {
		known[entry.ReplaceAllString(key, "")] = true
	}
	every, err := parseConfig("ringfence.yaml", []byte(everyKey))
	if err != nil {
		t.Fatal(err)
	}
	for key := range every.places {
		if !known[entry.ReplaceAllString(key, "")] {
			t.Errorf("%s is not documented", key)
		}
	}
}

// What only the compiler finds wrong with a setting has its place, too.
func TestSettingsAreLocated(t *testing.T) {
	dir := folder(t, map[string]string{"ringfence.yaml": "rules: [rules]\nredress:\n  location: XX\n  url: ftp://x\nprofile: rfc8688\n"})
	c, err := LoadConfig(filepath.Join(dir, "ringfence.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Compile()
	if err == nil {
		t.Fatal("it compiles")
	}
	for _, want := range []string{"ringfence.yaml:3:3: redress.location: ", "ringfence.yaml:4:3: redress.url: ", "ringfence.yaml:5:1: profile: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestWarningsAreLocated(t *testing.T) {
	dir := folder(t, map[string]string{"ringfence.yaml": "rules: [a.yaml]\ntrunks:\n  - name: a\n", "a.yaml": "rules:\n  - {id: a, when: withheld, block: anonymous}\n"})
	c, err := LoadConfig(filepath.Join(dir, "ringfence.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rs, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if w := rs.Warnings(); len(w) != 1 || !strings.Contains(w[0].Error(), "ringfence.yaml:2:1: trunks: no country for a: ") {
		t.Errorf("warnings: %v", w)
	}
}

// A configuration without a known state folder is a finding like any other.
func TestNoStateFolder(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "")
	_, err := parseConfig("ringfence.yaml", []byte("rules: [a]\n"))
	if want := "ringfence.yaml:1:1: state: no folder is known for what outlives a restart (set state:, or $STATE_DIRECTORY)"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// A faulty setting keeps no other fault from being told, and makes none up.
func TestCheckTellsAll(t *testing.T) {
	for _, c := range []struct {
		name, config, rules string
		want                []string
	}{
		{"all of three", "listn: x\nadmin: {token_file: none}\nrules: [rules]\nprofile: rfc8688\n", "rules:\n  - {id: a, when: 'calee == \"+12025550100\"', block: dno}\n",
			[]string{"ringfence.yaml:1:1: unknown key", "ringfence.yaml:2:9: admin.token_file: ", "ringfence.yaml:4:1: profile: ", "rules/a.yaml:2:20: "}},
		{"trunks", "rules: [rules]\ntrunks:\n  - {name: a, networks: [x]}\n  - {name: a}\n  - {name: b, networks: [192.0.2.1]}\n  - {name: c, networks: [192.0.2.1]}\n",
			"learn:\n  l: {from: callee, on: [404], upstream: [a, b, c], after: 1, for: 30d}\nrules:\n  - {id: a, when: 'callee in learned(\"l\")', block: not-found}\n",
			[]string{"ringfence.yaml:3:26: trunks[0].networks[0]: ", "ringfence.yaml:4:5: trunks[1].name: ", "ringfence.yaml:6:5: trunks[3].networks: "}},
		{"no YAML", "rules: [rules\n", "rulez: []\n", []string{"ringfence.yaml:1:8: "}},
		{"no rules named", "mode: enforce\n", "rulez: []\n", []string{"ringfence.yaml:1:1: rules: no rule file is named"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"ringfence.yaml": c.config, "rules/a.yaml": c.rules})
			_, err := Check(LoadConfig(filepath.Join(dir, "ringfence.yaml")))
			if err == nil {
				t.Fatal("it checks")
			}
			got := strings.Split(strings.ReplaceAll(err.Error(), dir+"/", ""), "\n")
			if len(got) != len(c.want) {
				t.Errorf("%d findings, want %d:\n%v", len(got), len(c.want), err)
			}
			for i := range min(len(got), len(c.want)) {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("finding %q, want %q", got[i], c.want[i])
				}
			}
			if _, started := load(filepath.Join(dir, "ringfence.yaml"), loading{}); started == nil || started.Error() != err.Error() {
				t.Errorf("a start says %v", started)
			}
		})
	}
}

func TestNetworks(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "192.0.2.0/24": "192.0.2.0/24", "2001:db8::/32": "2001:db8::/32", "::/0": "::/0",
		"::ffff:192.0.2.7": "192.0.2.7/32", "::ffff:127.0.0.0/104": "127.0.0.0/8", "::ffff:0:0/96": "0.0.0.0/0",
	} {
		if got, err := parseNetwork(in); err != nil || got.String() != want {
			t.Errorf("%q: %v, %v; want %s", in, got, err, want)
		}
	}
	c := newNetworks(nil)
	for in, want := range map[string]bool{"::ffff:127.0.0.0/104": true, "::ffff:192.0.2.0/120": false} {
		p, err := parseNetwork(in)
		if err != nil {
			t.Fatal(err)
		}
		c.set([]netip.Prefix{p})
		if got := c.allowed(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}); got != want {
			t.Errorf("%q allows 127.0.0.1: %v, want %v", in, got, want)
		}
	}
}

func TestSizesAndDurations(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "4096": 4096, "64MB": 64e6, "64mb": 64e6, "1 GiB": 1 << 30, "1.5KiB": 1536, "7B": 7} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("size %q: %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "MB", "1XB", "-1", "1..2", "1e3", "99999999999GB"} {
		if got, err := parseSize(in); err == nil {
			t.Errorf("size %q: %d, want an error", in, got)
		}
	}
	for in, want := range map[string]time.Duration{"0s": 0, "500ms": 500 * time.Millisecond, "1h30m": 90 * time.Minute, "30d": 720 * time.Hour} {
		if got, err := parseDuration(in); err != nil || got != want {
			t.Errorf("duration %q: %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "5", "-1s", "1.5d", "99999d", "d"} {
		if got, err := parseDuration(in); err == nil {
			t.Errorf("duration %q: %v, want an error", in, got)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{"": "", "+12025550142": "+1202•••142", "+49221234678": "+4922•••678", "2001": "•••", "110": "•••"} {
		if got := mask(in); got != want {
			t.Errorf("mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestStateFolder(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("XDG_STATE_HOME", "/xdg")
	if got := stateFolder(); got != "/xdg/ringfence" {
		t.Errorf("with XDG_STATE_HOME: %q", got)
	}
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "/home/u")
	if got := stateFolder(); got != "/home/u/.local/state/ringfence" {
		t.Errorf("with HOME: %q", got)
	}
	t.Setenv("HOME", "")
	if got := stateFolder(); got != "" {
		t.Errorf("with nothing: %q", got)
	}
}

func FuzzConfig(f *testing.F) {
	corpus, err := txtar.ParseFile("testdata/config.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range corpus.Files {
		f.Add(file.Data)
	}
	f.Add([]byte(configText))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig("ringfence.yaml", data)
		var faults rules.Diagnostics
		switch {
		case err == nil && (c == nil || len(c.Settings.Files) == 0):
			t.Error("accepted without rules")
		case err != nil && !errors.As(err, &faults):
			t.Errorf("error %v has no place", err)
		}
		for _, d := range faults {
			if d.Line < 1 || d.Column < 1 || d.Message == "" {
				t.Errorf("finding %+v has no place or no message", d)
			}
		}
	})
}

// What loads and is hardly meant is said with its place.
func TestConfigurationWarnings(t *testing.T) {
	dir := folder(t, map[string]string{"known": "ClueCon\n", "own": "gSUqLUDR\n",
		"plain.yaml": "rules: [{id: a, when: withheld, block: anonymous}]\n",
		"asks.yaml":  "rules: [{id: a, when: withheld and not slowed(account), block: anonymous}]\n",
		"off.yaml":   "rules: [{id: a, when: slowed(account), block: pacing, mode: off}]\n"})
	for _, c := range []struct{ text, want string }{
		{"socket: {deadline: 50ms}", ""},
		{"socket: {deadline: 40ms}", "ringfence.yaml:2:1: socket: is off, whatever else it says (set listen: 127.0.0.1:8084)"},
		{"socket: {deadline: 40ms, listen: 127.0.0.1:8084}", ""},
		{"freeswitch: [{name: fs1, address: a:1, password_file: own}]", ""},
		{"freeswitch: [{name: fs1, address: a:1, password_file: known}]", `ringfence.yaml:2:40: freeswitch: the password of switch "fs1" is FreeSWITCH's own, which everyone knows (who can use the event socket can run any program: set another in event_socket.conf.xml and here)`},
		{"health: {slow_down: 15m}", "ringfence.yaml:2:10: health.slow_down: slows nobody: no rule asks slowed(account) or slowed(trunk) (add a rule that does, as in the pack slow-down)"},
		{"health: {slow_down: 15m}\nrules: off.yaml", "ringfence.yaml:1:10: health.slow_down: slows nobody: no rule asks slowed(account) or slowed(trunk) (add a rule that does, as in the pack slow-down)"},
		{"health: {slow_down: 15m}\nrules: asks.yaml", ""},
		{"health: {min: 10}\nrules: asks.yaml", "ringfence.yaml:1:1: health.slow_down: a rule asks slowed(account) or slowed(trunk), and nobody is ever slowed down (set health.slow_down, as in 15m)"},
		{"health: off\nrules: asks.yaml", "ringfence.yaml:1:1: health.slow_down: a rule asks slowed(account) or slowed(trunk), and nobody is ever slowed down (set health.slow_down, as in 15m)"},
	} {
		text := "rules: [plain.yaml]\n" + c.text + "\n"
		if strings.Contains(c.text, "rules:") {
			text = c.text + "\n"
		}
		write(t, dir, map[string]string{"ringfence.yaml": text})
		config, err := LoadConfig(filepath.Join(dir, "ringfence.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		rs, err := config.Compile()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, w := range config.Warnings(rs) {
			got += strings.TrimPrefix(w.Error(), dir+"/")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}

// A listener whose address is taken says who can tell by whom.
func TestUnbound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = net.Listen("tcp", l.Addr().String())
	if got := unbound("socket.listen", err).Error(); !strings.HasPrefix(got, "socket.listen: ") || !strings.HasSuffix(got, "(ss -ltnp tells who has it; end that, or set another socket.listen)") {
		t.Errorf("%q", got)
	}
}

// A password file that the daemon could not use is found at the start, with its
// place and cure.
func TestPasswordFiles(t *testing.T) {
	dir := folder(t, map[string]string{"good": "ClueCon\n", "open": "ClueCon\n", "empty": "\n", "two": "one\ntwo\n"})
	if err := os.Chmod(filepath.Join(dir, "open"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, want string }{
		{"good", ""},
		{"missing", `ringfence.yaml:3:40: freeswitch: no password for switch "fs1": open DIR/missing: no such file or directory (write the password of event_socket.conf.xml into it)`},
		{"open", `ringfence.yaml:3:40: freeswitch: no password for switch "fs1": DIR/open is open to every user of this machine (chmod o= DIR/open)`},
		{"empty", `ringfence.yaml:3:40: freeswitch: no password for switch "fs1": DIR/empty is empty (write the password of event_socket.conf.xml into it)`},
		{"two", `ringfence.yaml:3:40: freeswitch: no password for switch "fs1": DIR/two has more than one line or a control character (write the password alone into it)`},
		{"rules", `ringfence.yaml:3:40: freeswitch: no password for switch "fs1": DIR/rules: not a regular file, name one`},
	} {
		write(t, dir, map[string]string{"ringfence.yaml": "rules: [rules]\nredress: {url: https://r.example.net, location: TN}\nfreeswitch: [{name: fs1, address: a:1, password_file: " + c.file + "}]\n" + "trunks: [{name: carrier-a}]\n"})
		config, err := LoadConfig(filepath.Join(dir, "ringfence.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if _, err = Check(config, nil); err != nil {
			got = strings.ReplaceAll(err.Error(), dir, "DIR")
		}
		if want := strings.Replace(c.want, "ringfence.yaml", "DIR/ringfence.yaml", 1); got != want {
			t.Errorf("%s: %s\nwant %s", c.file, got, want)
		}
	}
}
