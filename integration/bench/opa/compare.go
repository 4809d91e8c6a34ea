package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"ringfence/rules"
	"ringfence/sidecar"
)

// input is one call as the benchmark describes it.
type input struct {
	Caller  string `json:"caller"`
	Callee  string `json:"callee"`
	Trunk   string `json:"trunk"`
	Account string `json:"account"`
}

// parts is in how many each run is cut, so that both sides meet what else the
// machine does.
const parts = 5

// repeated is how many of the calls come again and again where they repeat, so
// that what caches hold is met.
const repeated = 1_000

// compare measures decisions one after the other, by the rules in dir on the
// calls of standard input, in pairs of runs that alternate. OPA's queries are
// prepared and their inputs parsed ahead; so are our calls.
func compare(dir, pairs, seconds string) error {
	n, err := strconv.Atoi(pairs)
	if err != nil {
		return err
	}
	length, err := time.ParseDuration(seconds)
	if err != nil {
		return err
	}
	inputs, err := read(os.Stdin)
	if err != nil {
		return err
	}
	us, err := newOurs(filepath.Join(dir, "ringfence"), inputs)
	if err != nil {
		return err
	}
	defer us.engine.Close()
	for _, c := range []struct {
		name, bundle string
		calls, pairs int
	}{
		{"engine_vs_opa", "rego", len(inputs), n},
		{"engine_vs_opa_repeated", "rego", repeated, n},
		{"engine_vs_opa_plain", "plain", len(inputs), max(1, n/3)},
	} {
		them, err := newTheirs(filepath.Join(dir, c.bundle), inputs)
		if err != nil {
			return err
		}
		if err := same(us, them, inputs); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if err := measure(c.name, c.pairs, length, c.calls, us, them); err != nil {
			return err
		}
	}
	return nil
}

func read(r io.Reader) (all []input, err error) {
	for d := json.NewDecoder(r); ; {
		var c input
		if err := d.Decode(&c); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
}

// side decides the i-th call and names the rule that stopped it, "" for none.
type side interface {
	decide(i int) (string, error)
}

// ours is ringfence's engine, with the rules as its daemon loads them.
type ours struct {
	engine  *rules.Engine
	calls   []rules.Call
	verdict rules.Verdict
}

func newOurs(dir string, inputs []input) (*ours, error) {
	config, err := sidecar.LoadConfig(filepath.Join(dir, "ringfence.yaml"))
	if err != nil {
		return nil, err
	}
	set, err := config.Compile()
	if err != nil {
		return nil, err
	}
	engine, err := rules.NewEngine(rules.Options{CacheBytes: 64 << 20, Pending: 1 << 18})
	if err != nil {
		return nil, err
	}
	engine.Swap(set)
	o := &ours{engine: engine, calls: make([]rules.Call, len(inputs))}
	at := time.Now()
	for i, c := range inputs {
		id := rules.Identity{User: c.Caller, Host: "sip.example.net", Display: "Example Caller"}
		o.calls[i] = rules.Call{
			At: at, CallID: "bench-" + strconv.Itoa(i), FromTag: "a" + strconv.Itoa(i), CSeq: 1,
			Source: netip.AddrFrom4([4]byte{127, 0, 0, 9}), TrunkName: c.Trunk, Account: c.Account,
			RequestURI: "sip:" + c.Callee + "@127.0.0.1", RequestUser: c.Callee, Domain: "127.0.0.1",
			From: id, Asserted: [2]rules.Identity{id},
		}
	}
	return o, nil
}

func (o *ours) decide(i int) (string, error) {
	o.engine.Decide(&o.calls[i], &o.verdict)
	if o.verdict.Rule == nil {
		return "", nil
	}
	return o.verdict.Rule.ID, nil
}

// theirs is OPA's engine: one prepared query on a store kept for reading, in one
// open transaction.
type theirs struct {
	query  rego.PreparedEvalQuery
	txn    storage.Transaction
	inputs []ast.Value
}

func newTheirs(dir string, inputs []input) (*theirs, error) {
	ctx := context.Background()
	b, err := bundle.NewCustomReader(bundle.NewDirectoryLoader(dir)).WithSkipBundleVerification(true).Read()
	if err != nil {
		return nil, err
	}
	store := inmem.NewFromObjectWithOpts(b.Data, inmem.OptReturnASTValuesOnRead(true))
	t := &theirs{inputs: make([]ast.Value, len(inputs))}
	if t.txn, err = store.NewTransaction(ctx); err != nil {
		return nil, err
	}
	options := []func(*rego.Rego){rego.Query("data.ringfence.decision"), rego.Store(store), rego.Transaction(t.txn)}
	for _, m := range b.Modules {
		options = append(options, rego.ParsedModule(m.Parsed))
	}
	if t.query, err = rego.New(options...).PrepareForEval(ctx); err != nil {
		return nil, err
	}
	for i, c := range inputs {
		if t.inputs[i], err = ast.InterfaceToValue(c); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *theirs) decide(i int) (string, error) {
	results, err := t.query.Eval(context.Background(), rego.EvalParsedInput(t.inputs[i]), rego.EvalTransaction(t.txn))
	if err != nil {
		return "", err
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return "", fmt.Errorf("OPA gave %d results", len(results))
	}
	decision, ok := results[0].Expressions[0].Value.(map[string]any)
	if !ok {
		return "", fmt.Errorf("OPA gave %v", results[0].Expressions[0].Value)
	}
	rule, _ := decision["rule"].(string)
	return rule, nil
}

// same fails when a verdict differs, or when no call is stopped.
func same(us, them side, inputs []input) error {
	stopped := 0
	for i := range min(len(inputs), 10_000) {
		a, err := us.decide(i)
		if err != nil {
			return err
		}
		b, err := them.decide(i)
		if err != nil {
			return err
		}
		if a != b {
			return fmt.Errorf("%+v: ringfence stops it by %q, OPA by %q", inputs[i], a, b)
		}
		if a != "" {
			stopped++
		}
	}
	if stopped == 0 {
		return errors.New("no call is stopped")
	}
	return nil
}

// measure prints the ratio of OPA's time to ours.
func measure(name string, pairs int, length time.Duration, calls int, us, them side) error {
	var a, b, ratios []float64
	for i := range pairs * parts {
		order := []side{us, them}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		took := make(map[side]float64)
		for _, s := range order {
			ns, err := run(s, calls, length/parts)
			if err != nil {
				return err
			}
			took[s] = ns
		}
		a, b, ratios = append(a, took[us]), append(b, took[them]), append(ratios, took[them]/took[us])
	}
	figure := func(name string, v []float64, of func([]float64) float64, unit string) {
		fmt.Printf("%s %.1f %s\n", name, of(v), unit)
	}
	figure(name, ratios, median, "ratio")
	figure(name+"_least", ratios, slices.Min[[]float64], "ratio")
	figure(name+"_most", ratios, slices.Max[[]float64], "ratio")
	figure(name+"_ours", a, median, "ns")
	figure(name+"_theirs", b, median, "ns")
	return nil
}

// run decides the calls in turn for so long and returns ns a decision.
func run(s side, calls int, length time.Duration) (float64, error) {
	runtime.GC() // of the other side's garbage
	start := time.Now()
	for n := 0; ; n++ {
		if n&63 == 0 && n > 0 {
			if took := time.Since(start); took >= length {
				return float64(took.Nanoseconds()) / float64(n), nil
			}
		}
		if _, err := s.decide(n % calls); err != nil {
			return 0, err
		}
	}
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
