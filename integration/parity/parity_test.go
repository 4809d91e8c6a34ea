package parity

import (
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ringfence/adapters/freeswitch"
	"ringfence/adapters/kamailio"
	"ringfence/integration/rig"
	"ringfence/rules"
)

var update = flag.Bool("update", false, "record the calls on the FreeSWITCH of this machine, and write the documentation")

// settings are those that the calls are decided by.
var settings = rules.Settings{
	Country: "US",
	Redress: rules.Redress{URL: "https://redress.example.net", Location: "TN"},
	Trunks: []rules.Trunk{
		{Name: "carrier-a", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Trusted: true, Direction: rules.Inbound},
		{Name: "peer", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}},
		{Name: "pbx-acme", Extensions: []string{"2XXX"}, Direction: rules.Outbound},
	},
	Files: []string{"testdata/rules.yaml"},
}

func newEngine(t *testing.T) *rules.Engine {
	t.Helper()
	set, err := rules.Compile(settings)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := rules.NewEngine(rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine.Swap(set)
	return engine
}

// What a switch says of the calls beside the message.
var (
	source = netip.MustParseAddr("127.0.0.1")
	port   = uint16(5062)
	at     = time.Date(2026, 3, 3, 17, 0, 0, 0, time.UTC)
)

// fromKamailio is a call as Kamailio shows it.
func fromKamailio(t *testing.T, c call) *rules.Call {
	t.Helper()
	var k rules.Call
	if err := kamailio.ReadCall(c.request(), &k); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	k.Source, k.SourcePort = source, port
	if c.named {
		k.TrunkName, k.Account, k.Upstream = "pbx-acme", "alice", "carrier-a"
	}
	return &k
}

func fromFreeSWITCH(ch channel) *rules.Call {
	var f rules.Call
	freeswitch.ReadCall(ch, &f)
	return &f
}

// differences are what the calls of two switches differ in: by name the values of
// the fields of rules.Call, of the headers of the INVITE, of the attributes that
// rules ask for, and of the verdict, from a trusted and from an unknown peer.
func differences(engine *rules.Engine, c call, k, f *rules.Call) map[string]string {
	diff := map[string]string{}
	hold := func(name string, k, f any) {
		if !reflect.DeepEqual(k, f) {
			diff[name] = fmt.Sprintf("%q, not %q", fmt.Sprint(f), fmt.Sprint(k))
		}
	}
	kv, fv := reflect.ValueOf(*k), reflect.ValueOf(*f)
	for _, field := range reflect.VisibleFields(kv.Type()) {
		if field.IsExported() && field.Name != "Headers" {
			hold(field.Name, kv.FieldByIndex(field.Index).Interface(), fv.FieldByIndex(field.Index).Interface())
		}
	}
	for _, name := range headerNames(c) {
		kh, kok := k.Headers.Header(name)
		fh, fok := f.Headers.Header(name)
		hold("header "+name, fmt.Sprint(kh, kok), fmt.Sprint(fh, fok))
	}
	for _, from := range []netip.Addr{source, netip.MustParseAddr("127.0.0.2")} {
		k, f := *k, *f
		k.At, f.At, k.Source, f.Source = at, at, from, from
		kx, fx := engine.Explain(&k), engine.Explain(&f)
		for i := range kx.Call {
			hold(kx.Call[i].Name, kx.Call[i].Value, fx.Call[i].Value)
		}
		hold("guard", kx.Guard, fx.Guard)
		hold("verdict", kx.Verdict, fx.Verdict)
	}
	return diff
}

// headerNames are those of the call's headers, and some that it has not.
func headerNames(c call) []string {
	names := []string{"Identity", "y", "P-Asserted-Identity", "Remote-Party-ID", "X-Campaign", "Attestation-Info", "User-Agent", "Privacy", "Call-ID", "To", "From", "Authorization"}
	for _, line := range c.headers {
		name, _, _ := strings.Cut(line, ":")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// TestParity holds that both switches show the same calls, but for the
// exceptions, and that each of those is one.
func TestParity(t *testing.T) {
	if *update {
		record(t).write(t)
	}
	hold(t, readRecording(t))
}

// TestParityOnARealSwitch holds the same of the FreeSWITCH of this machine.
func TestParityOnARealSwitch(t *testing.T) { hold(t, record(t)) }

// hold compares every call.
func hold(t *testing.T, recorded recording) {
	t.Helper()
	engine := newEngine(t)
	verdicts := map[string]bool{}
	for _, c := range calls {
		ch, ok := recorded[c.name]
		if !ok {
			t.Errorf("%s: not recorded, run go test ./integration/parity -update with %s set", c.name, rig.FreeSWITCHVariable)
			continue
		}
		k := fromKamailio(t, c)
		diff := differences(engine, c, k, fromFreeSWITCH(ch))
		want := expected(c.name)
		for _, name := range slices.Sorted(maps.Keys(diff)) {
			if !slices.Contains(want, name) {
				t.Errorf("%s: %s is %s", c.name, name, diff[name])
			}
		}
		for _, name := range want {
			if _, ok := diff[name]; !ok {
				t.Errorf("%s: %s is no exception any more", c.name, name)
			}
		}
		k.At = at
		v := engine.Explain(k).Verdict
		verdicts[v.Action+v.Why+v.Label+fmt.Sprint(v.Withhold)] = true
	}
	if len(recorded) != len(calls) {
		t.Errorf("%d calls recorded, want %d", len(recorded), len(calls))
	}
	if len(calls) < 40 || len(verdicts) < 10 {
		t.Errorf("%d calls and %d different verdicts show too little", len(calls), len(verdicts))
	}
}

// expected are the names that a call differs in.
func expected(name string) []string {
	var all []string
	for _, e := range exceptions {
		all = append(all, e.calls[name]...)
	}
	return all
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
