// Package docs holds the tests of what README.md and docs/ say: every YAML block
// loads, every command runs, every link leads somewhere.
package docs

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"ringfence/adapters/kamailio"
	"ringfence/integration/rig"
	"ringfence/rules"
	"ringfence/sidecar"
)

const root = "../.."

// block is a fenced block of a document.
type block struct {
	file string
	line int
	kind string // what follows the fence
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// documents are README.md and docs/*.md with their text.
func documents(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range append(files, filepath.Join(root, "README.md"), filepath.Join(root, "CHANGELOG.md")) {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, f)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	return all
}

func blocks(t *testing.T) (all []block) {
	t.Helper()
	for file, text := range documents(t) {
		var open *block
		for i, line := range strings.Split(text, "\n") {
			fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
			switch {
			case isFence && open == nil:
				open = &block{file: file, line: i + 1, kind: fence}
			case isFence:
				all = append(all, *open)
				open = nil
			case open != nil:
				open.text += line + "\n"
			}
		}
		if open != nil {
			t.Errorf("%s: the block is never closed", open)
		}
	}
	return all
}

// Every YAML block is a rule file or a configuration that loads as it stands.
func TestYAML(t *testing.T) {
	seen := 0
	var before *rules.Ruleset // the rule file above
	for _, b := range blocks(t) {
		if b.kind != "yaml" {
			continue
		}
		seen++
		t.Run(b.String(), func(t *testing.T) {
			dir := t.TempDir()
			makeNamedFiles(t, dir, b.text)
			file := filepath.Join(dir, "block.yaml")
			if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(b.text, "tests:") {
				runTests(t, file, before)
				return
			}
			if strings.HasPrefix(b.text, "source:") {
				loadCalendar(t, dir, b.text)
				return
			}
			if regexp.MustCompile(`(?m)^(rules:\s*$|lists:|learn:|calendars:)`).MatchString(b.text) {
				rs, err := rules.Compile(rules.Settings{
					Redress: rules.Redress{URL: "https://redress.example.com/calls", Location: "RLN"},
					Trunks:  []rules.Trunk{{Name: "carrier-a", Trusted: true}, {Name: "carrier-b"}, {Name: "pbx-acme"}, {Name: "phones"}},
					Files:   []string{file},
				})
				if err != nil {
					t.Errorf("as a rule file: %v", err)
				}
				before = rs
				return
			}
			c, err := sidecar.LoadConfig(file)
			if err != nil {
				t.Fatalf("as a configuration: %v", err)
			}
			if _, err := c.Compile(); err != nil {
				t.Errorf("as a configuration: %v", err)
			}
		})
	}
	if seen < 3 {
		t.Errorf("%d YAML blocks found, want at least 3", seen)
	}
}

// loadCalendar loads a block that is a calendar.
func loadCalendar(t *testing.T, dir, text string) {
	t.Helper()
	file := filepath.Join(dir, "rules.yaml")
	for name, text := range map[string]string{"block.calendar.yaml": text,
		"rules.yaml": "calendars: {x: {file: block.calendar.yaml}}\nrules:\n  - {id: a, when: 'not permitted(callee, \"x\")', block: hours}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := rules.Compile(rules.Settings{Country: "US", Files: []string{file}}); err != nil {
		t.Errorf("as a calendar: %v", err)
	}
}

// runTests runs a block of rule tests against the rule file above it.
func runTests(t *testing.T, file string, rs *rules.Ruleset) {
	t.Helper()
	s, err := rules.ReadSuite([]string{file}, kamailio.ReadCall)
	if err != nil {
		t.Fatalf("as rule tests: %v", err)
	}
	if _, err := s.Run(t.Context(), rs, func(r rules.TestResult) {
		for _, f := range r.Faults {
			t.Errorf("%v: %q", f, r.Because)
		}
	}); err != nil {
		t.Errorf("as rule tests: %v", err)
	}
}

// makeNamedFiles makes the files that a block names, so that it is tried as it stands.
func makeNamedFiles(t *testing.T, dir, text string) {
	t.Helper()
	for _, name := range regexp.MustCompile(`[\w./-]+\.(csv|txt|yaml|token)\b|rules/`).FindAllString(text, -1) {
		if filepath.IsAbs(name) {
			continue
		}
		path := filepath.Join(dir, name)
		if strings.HasPrefix(name, "packs/") {
			if _, err := os.Stat(path); err == nil {
				continue
			}
			if err := os.CopyFS(filepath.Join(dir, "packs"), os.DirFS(filepath.Join(root, "rules", "packs"))); err != nil {
				t.Fatal(err)
			}
			continue
		}
		content := "+12025557171\n"
		if strings.Contains(text, "per: callee}") && strings.Contains(name, "personal") {
			content = "number,subscriber\n+12025557171,+12025557100\n"
		}
		if name == "rules/" {
			path, name = filepath.Join(path, "main.yaml"), "main.yaml"
		}
		switch {
		case rules.IsCalendarFile(name):
			content = "source: a law\ndate: 2026-11-30\ncountries: US\nwindows: {mon-sun: 08:00-21:00}\n"
		case strings.HasSuffix(name, "holidays.csv"):
			content = "date,name\n2030-12-25,Christmas Day\n"
		case strings.HasSuffix(name, ".yaml"):
			content = "rules:\n  - id: all\n    when: withheld\n    label: Withheld\n"
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// elsewhere are the commands that other tests run, with the test that does; the
// file must hold the text.
var elsewhere = map[string]struct{ file, text string }{
	"make build": {"Makefile", "demo: build"},
	"make demo":  {"integration/demo_test.go", `"make", "demo"`},
	"make test":  {".ci/run", "make test"},
	"make bench": {"integration/bench/bench_test.go", "TestBench"},
	"bin/ringfence serve --config ringfence.yaml":                          {"integration/rig/ringfence.go", `"serve", "--config", "ringfence.yaml"`},
	"bin/ringfence test rules/packs":                                       {"rules/packs_test.go", "TestPacks"},
	"docker compose -f docker/compose.yml --profile freeswitch up --build": {"integration/docker_profile_test.go", `"--profile", "freeswitch", "config"`},
	"docker compose -f docker/compose.yml up --build":                      {"integration/docker_project_test.go", "compose.yml"},
}

// commands are those of a console block, the lines after "$ ", or of a sh block.
func (b block) commands() (all []string) {
	for line := range strings.Lines(b.text) {
		command, prompted := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		if prompted || b.kind == "sh" && command != "" {
			all = append(all, command)
		}
	}
	return all
}

// Every command of a console or sh block runs and exits with 0, in one folder
// with the example configuration, bin/ringfence on the PATH and a daemon running.
func TestCommands(t *testing.T) {
	daemon := startDaemon(t)
	id := stoppedCall(t, daemon)
	for name, content := range map[string][]byte{
		"invite.sip":   rig.Request{}.Bytes(),
		"outcomes.txt": []byte(id + " 404 192.0.2.7 0 40 0 1 - Not Found\n"),
	} {
		if err := os.WriteFile(filepath.Join(daemon.Dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	packs, err := filepath.Abs(filepath.Join(root, "rules", "packs"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, b := range blocks(t) {
		if b.kind != "console" && b.kind != "sh" {
			continue
		}
		for _, command := range b.commands() {
			seen++
			t.Run(b.String()+" "+command, func(t *testing.T) {
				if e, ok := elsewhere[command]; ok {
					text, err := os.ReadFile(filepath.Join(root, e.file))
					if err != nil || !strings.Contains(string(text), e.text) {
						t.Errorf("%s does not run it: %v", e.file, err)
					}
					return
				}
				command = strings.ReplaceAll(command, "bin/ringfence", "ringfence")
				command = strings.ReplaceAll(command, "DECISION-ID", id)
				command = strings.ReplaceAll(command, "rules/packs/", packs+"/")
				command = strings.ReplaceAll(command, "127.0.0.1:8088", daemon.Addr)
				cmd := exec.Command("bash", "-euo", "pipefail", "-c", "curl() { command curl -sS --fail-with-body \"$@\"; }\n"+command)
				cmd.Dir = daemon.Dir
				cmd.Env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
	if seen < 5 {
		t.Errorf("%d commands found, want at least 5", seen)
	}
}

// What a block shows of the Kamailio include's use stands in the minimal proxy that the tests run.
func TestKamailioBlocks(t *testing.T) {
	proxy, err := os.ReadFile(filepath.Join(root, "docker", "kamailio", "kamailio.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for line := range strings.Lines(string(proxy)) {
		known = append(known, strings.TrimSpace(line))
	}
	for _, b := range blocks(t) {
		if b.kind != "kamailio" {
			continue
		}
		for line := range strings.Lines(b.text) {
			if l := strings.TrimSpace(line); l != "" && !strings.HasPrefix(l, "#!define") && !slices.Contains(known, l) {
				t.Errorf("%s: %q is not in docker/kamailio/kamailio.cfg", b, l)
			}
		}
	}
}

// An XML block is a piece of a file that FreeSWITCH users copy, but for the
// indentation, and well-formed.
func TestXMLBlocks(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docker", "freeswitch", "*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var shipped []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		shipped = append(shipped, flat(string(text)))
	}
	seen := 0
	for _, b := range blocks(t) {
		if b.kind != "xml" {
			continue
		}
		seen++
		if !slices.ContainsFunc(shipped, func(text string) bool { return strings.Contains(text, flat(b.text)) }) {
			t.Errorf("%s: is no piece of docker/freeswitch/*.xml", b)
		}
		if err := xml.Unmarshal([]byte("<block>"+b.text+"</block>"), new(struct{})); err != nil {
			t.Errorf("%s: %v", b, err)
		}
	}
	if seen < 5 {
		t.Errorf("%d XML blocks found, want at least 5", seen)
	}
}

// flat is text without its indentation, each line ended.
func flat(text string) string {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		lines.WriteString(strings.TrimSpace(line) + "\n")
	}
	return "\n" + lines.String()
}

// Kinds of blocks that no test reads are few and known.
func TestKinds(t *testing.T) {
	known := []string{"yaml", "console", "python", "sh", "kamailio", "xml", "text", "json", "http", ""}
	for _, b := range blocks(t) {
		if !slices.Contains(known, b.kind) {
			t.Errorf("%s: a block of kind %q, which no test knows", b, b.kind)
		}
	}
}

// TestLinks holds that every link within the documents leads to a file, and to a
// heading of it.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]*)(#[^)]*)?\)`)
	all := documents(t)
	for file, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			to := file
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(file), m[1])
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			}
			if m[2] != "" && !slices.Contains(anchors(all[to]), m[2]) {
				t.Errorf("%s links to %s, which has no heading %s", file, to, m[2])
			}
		}
	}
}

// anchors are those of the headings of a document, as GitHub makes them.
func anchors(text string) (all []string) {
	code := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		}
		heading := strings.TrimLeft(line, "#")
		if code || heading == line || !strings.HasPrefix(heading, " ") {
			continue
		}
		all = append(all, "#"+strings.Map(func(c rune) rune {
			switch {
			case c == ' ':
				return '-'
			case c == '-', c == '_', unicode.IsLetter(c), unicode.IsDigit(c):
				return unicode.ToLower(c)
			}
			return -1
		}, strings.TrimSpace(heading)))
	}
	return all
}

// programs is the folder with the program that the commands use.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programs, err = os.MkdirTemp("", "ringfence-docs-"); err == nil {
			defer os.RemoveAll(programs)
			_, err = rig.BuildRingfence(programs)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// startDaemon starts the daemon with the example configuration, on loopback.
func startDaemon(t *testing.T) *rig.Ringfence {
	t.Helper()
	r, err := rig.StartRingfence(filepath.Join(programs, "ringfence"), filepath.Join(root, "docker", "ringfence"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// stoppedCall has the daemon stop a call and returns the decision id, once the
// journal has it.
func stoppedCall(t *testing.T, r *rig.Ringfence) (id string) {
	t.Helper()
	body := `{"src": "192.0.2.1", "port": 5060, "ruri": "sip:+12025557100@example.net", "call_id": "docs", "from": "<sip:+13035550260@example.net>"}`
	answer, err := http.Post("http://"+r.Addr+"/kamailio/call", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 4 || lines[0] != "1 block" {
		t.Fatalf("the call was answered %q, want a block", text)
	}
	if err := rig.Wait(rig.Patience, "the journal has the call", func() bool {
		n, err := r.Metric("ringfence_journal_written_total")
		return err == nil && n > 0
	}); err != nil {
		t.Fatal(err)
	}
	return lines[3]
}

// README shows what make demo prints, and docs/bench.md what make bench does.
func TestShown(t *testing.T) {
	for name, wants := range map[string][]string{
		"README.md": {"CALL                              RULE            ANSWER ON THE WIRE", "SIP/2.0 603 Network Blocked", "All 8 calls were answered as they must be"},
		"docs/bench.md": {
			"machine ", "http_vs_bare ", "http_packs_vs_bare ", "kamailio_vs_noop ", "kamailio_vs_native ", "added_p50 ", "added_p99 ", "added_cpu_us ", "decide_allocs ",
			"decide_flat ", "decide_cold_ns ", "decide_cached_ns ", "number_facts_ns ", "cache_hit_ratio ", "state_update_ns ", "state_read_ns ", "state_bytes_per_key ", "http_vs_opa ", "engine_vs_opa ",
			"list_load_s ", "list_lookup_ns ", "reload_p99_ratio ",
		},
	} {
		text, ok := documents(t)[name]
		if !ok {
			t.Errorf("there is no %s", name)
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not show %q", name, want)
			}
		}
	}
}
