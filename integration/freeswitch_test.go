package integration

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// freeswitchModes are the ways to ask that one FreeSWITCH can have side by side,
// each with the policy for a call that nobody decides. mod_xml_curl is asked about
// every call of a switch, so it has one of its own.
var (
	freeswitchModes = []string{"socket_open", "socket_closed", "window_open", "window_closed", "park_open", "park_closed", "curl_open", "curl_closed"}
	xmlCurlModes    = []string{"xml_curl_open", "xml_curl_closed"}
)

// moduleOf is the module that a mode needs and that not every FreeSWITCH has.
var moduleOf = map[string]string{"curl": "mod_curl", "xml_curl": "mod_xml_curl"}

// freeswitchOptions says which FreeSWITCH and which daemon to start. The zero
// value has every one of freeswitchModes.
type freeswitchOptions struct {
	modes     []string
	shipped   bool                  // the shipped freeswitch.xml instead, whose one mode is ""
	config    string                // more of ringfence.yaml
	socket    string                // of ringfence.yaml, beside its address
	rules     string                // one more file of rules, the last
	contexts  []string              // more that have a profile, defined by dialplan
	dialplan  string                // more of it
	others    int                   // switches more
	answers   map[string]rig.Answer // of the carrier
	variables map[string]string     // of the dialplan, beside patient
}

// patient are the limits of tests that are not about limits: no machine is so
// slow that a call of theirs goes on undecided. Calls to urn:service:sos go on in
// the context of the one mode that doesn't say where.
var patient = map[string]string{"ringfence_window": "20000", "ringfence_park": "20", "ringfence_curl": "20", "ringfence_context": xmlCurlModes[0]}

// withFreeSWITCH is a FreeSWITCH on this machine, the daemon that it asks and a
// carrier behind it.
type withFreeSWITCH struct {
	*rig.FreeSWITCH
	daemon  *rig.Ringfence
	carrier *rig.Carrier
	others  []withFreeSWITCH // with the same daemon and carrier
}

// startFreeSWITCH starts all three. The daemon has testdata/native, and reads the
// switch's events when this returns.
func startFreeSWITCH(t testing.TB, o freeswitchOptions) withFreeSWITCH {
	t.Helper()
	s := prepareFreeSWITCH(t, o)
	if err := s.daemon.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitEvents(t)
	return s
}

// prepareFreeSWITCH does the same and leaves the daemon to be started.
func prepareFreeSWITCH(t testing.TB, o freeswitchOptions) withFreeSWITCH {
	t.Helper()
	program := rig.NeedFreeSWITCH(t)
	c, err := rig.StartCarrier(o.answers)
	if err != nil {
		t.Fatal(err)
	}
	stops(t, "carrier", c.Stop)
	d := newDaemon(t)
	if o.modes == nil && !o.shipped {
		o.modes = freeswitchModes
	}
	modules := map[string]bool{}
	for _, mode := range o.modes {
		if module := moduleOf[way(mode)]; module != "" {
			modules[module] = true
		}
	}
	variables := maps.Clone(patient)
	maps.Copy(variables, o.variables)
	if o.socket == "" {
		o.socket = "deadline: 10s"
	}
	var dialplan []string
	if o.dialplan != "" {
		dialplan = []string{filepath.Join(t.TempDir(), "dialplan.xml")}
		if err := os.WriteFile(dialplan[0], []byte("<include>\n"+o.dialplan+"</include>\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := o.config + "socket: {listen: " + d.Socket + ", " + o.socket + "}\nfreeswitch:\n"
	var all []withFreeSWITCH
	for i := range 1 + o.others {
		f := startSwitch(t, rig.FreeSWITCHOptions{
			Program: program, Modes: o.modes, Contexts: o.contexts, Dialplan: dialplan, Shipped: o.shipped,
			Modules: slices.Sorted(maps.Keys(modules)), Ringfence: d, Carrier: c.Addr, Variables: variables,
		})
		all = append(all, withFreeSWITCH{FreeSWITCH: f, daemon: d, carrier: c})
		name := fmt.Sprintf("fs%d", i+1)
		appendTo(t, d, name+".password", f.Password+"\n")
		config += fmt.Sprintf("  - {name: %s, address: %s, password_file: %s.password}\n", name, f.ESL, name)
	}
	appendTo(t, d, "ringfence.yaml", config)
	if o.rules != "" {
		appendTo(t, d, "rules/zz.yaml", o.rules)
	}
	s := all[0]
	s.others = all[1:]
	return s
}

// eachMode runs a test in every mode, on as many switches as that takes, and
// skips, visibly, those that a FreeSWITCH has no module for.
func eachMode(t *testing.T, o freeswitchOptions, test func(t *testing.T, s withFreeSWITCH, mode string)) {
	t.Helper()
	for _, modes := range [][]string{freeswitchModes, xmlCurlModes} {
		o.modes = modes
		s := startFreeSWITCH(t, o)
		s.eachMode(t, modes, func(t *testing.T, mode string) { test(t, s, mode) })
	}
}

// eachMode runs a test in some modes of a switch.
func (s withFreeSWITCH) eachMode(t *testing.T, modes []string, test func(t *testing.T, mode string)) {
	t.Helper()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			if !s.knows(t, mode) {
				t.Skip("skipped: this FreeSWITCH has no " + moduleOf[way(mode)])
			}
			test(t, mode)
		})
	}
}

// knows tells whether the switch has the module that a mode needs.
func (s withFreeSWITCH) knows(t testing.TB, mode string) bool {
	t.Helper()
	module := moduleOf[way(mode)]
	if module == "" {
		return true
	}
	has, err := s.Has(module)
	if err != nil {
		t.Fatal(err)
	}
	return has
}

// startSwitch starts a FreeSWITCH and, when the test fails, shows its log.
func startSwitch(t testing.TB, o rig.FreeSWITCHOptions) *rig.FreeSWITCH {
	t.Helper()
	f, err := rig.StartFreeSWITCH(o)
	if err != nil {
		t.Fatal(err)
	}
	stops(t, "freeswitch", func() error {
		if t.Failed() {
			t.Logf("freeswitch:\n%s", f.Log())
		}
		return f.Stop()
	})
	return f
}

func appendTo(t testing.TB, d *rig.Ringfence, file, text string) {
	t.Helper()
	if err := d.Append(file, text); err != nil {
		t.Fatal(err)
	}
}

// awaitEvents waits until the daemon reads the events of the switch.
func (s withFreeSWITCH) awaitEvents(t testing.TB) {
	t.Helper()
	s.metric(t, `ringfence_freeswitch_state{state="ready",switch="fs1"}`, 1)
}

// metric waits until a metric of the daemon has that value.
func (s withFreeSWITCH) metric(t testing.TB, name string, want float64) {
	t.Helper()
	var got float64
	err := rig.Wait(rig.Patience, name, func() bool {
		var err error
		got, err = s.daemon.Metric(name)
		return err == nil && got == want
	})
	if err != nil {
		t.Fatalf("%v: it is %v, want %v", err, got, want)
	}
}

// place places a call to the profile of a mode and fails the test when it gets
// no final response.
func (s withFreeSWITCH) place(t testing.TB, mode string, r rig.Request, o rig.PlaceOptions) *rig.Result {
	t.Helper()
	if o.Source == "" {
		o.Source = outside
	}
	result, err := rig.Place("udp", s.Addr[mode], r.Bytes(), o)
	if err != nil {
		t.Fatalf("%s: %v", mode, err)
	}
	return result
}

// way is the mode without its policy.
func way(mode string) string {
	return strings.TrimSuffix(strings.TrimSuffix(mode, "_open"), "_closed")
}

// closed tells whether calls that nobody decides are refused in this mode.
func closed(mode string) bool { return strings.HasSuffix(mode, "_closed") }

// older tells whether the switch is older than a version.
func (s withFreeSWITCH) older(t testing.TB, version ...int) bool {
	t.Helper()
	text, err := s.Version()
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatalf("version %q: %v", text, err)
		}
		if i < len(version) && n != version[i] {
			return n < version[i]
		}
	}
	return false
}
