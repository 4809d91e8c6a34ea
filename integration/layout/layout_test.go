// Package layout holds the tests of the repository's own shape.
package layout

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The import directions of docs/architecture.md: what each part may import of
// this module, by longest prefix, and what it may never import from outside.
var directions = []struct {
	part   string
	may    []string
	mayNot []string
}{
	{"ringfence/rules", nil, []string{"net/http", "database/sql", "github.com/valyala/fasthttp", "github.com/prometheus/client_golang"}},
	{"ringfence/adapters/sip", nil, []string{"net/http", "database/sql", "github.com/valyala/fasthttp"}},
	{"ringfence/adapters/kamailio", []string{"ringfence/rules", "ringfence/adapters/sip", "ringfence/adapters/panics"}, []string{"database/sql"}},
	{"ringfence/adapters/esl", nil, []string{"net/http", "database/sql"}},
	{"ringfence/adapters/freeswitch", []string{"ringfence/rules", "ringfence/adapters/sip", "ringfence/adapters/esl", "ringfence/adapters/panics"}, []string{"database/sql"}},
	{"ringfence/adapters/panics", nil, []string{"net/http", "database/sql", "github.com/valyala/fasthttp"}},
	{"ringfence/sidecar", []string{"ringfence/rules", "ringfence/adapters", "ringfence/sidecar"}, nil},
	{"ringfence/sidecar/health", []string{"ringfence/rules"}, []string{"net/http"}},
	{"ringfence/sidecar/alert", nil, []string{"github.com/valyala/fasthttp"}},
	{"ringfence/integration", []string{"ringfence/rules", "ringfence/adapters", "ringfence/sidecar", "ringfence/integration"}, nil},
}

type listed struct {
	ImportPath string
	Imports    []string
}

// modules are ringfence and the one that only its benchmark builds.
var modules = []string{"../..", "../bench/opa"}

// packages lists a module's packages with what their non-test files import.
func packages(t *testing.T, module string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-pgo=off", "-json=ImportPath,Imports", "./...")
	cmd.Dir = module
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

func within(pkg, part string) bool { return pkg == part || strings.HasPrefix(pkg, part+"/") }

// forbidden returns the imports of p that its part may not have.
func forbidden(p listed) []string {
	best := -1
	for i, d := range directions {
		if within(p.ImportPath, d.part) && (best < 0 || len(d.part) > len(directions[best].part)) {
			best = i
		}
	}
	if best < 0 {
		return []string{"(the package is in no part of the layout)"}
	}
	d := directions[best]
	var bad []string
	for _, imp := range p.Imports {
		own := within(imp, "ringfence")
		allowed := within(imp, d.part) || slices.ContainsFunc(d.may, func(m string) bool { return within(imp, m) })
		if own && !allowed || slices.ContainsFunc(d.mayNot, func(m string) bool { return within(imp, m) }) {
			bad = append(bad, imp)
		}
	}
	return bad
}

func TestImports(t *testing.T) {
	var all []listed
	for _, m := range modules {
		all = append(all, packages(t, m)...)
	}
	if len(all) < len(directions)+len(modules)-1 {
		t.Fatalf("go list shows %d packages, want at least %d", len(all), len(directions))
	}
	for _, p := range all {
		for _, imp := range forbidden(p) {
			t.Errorf("%s imports %s, which the layout forbids", p.ImportPath, imp)
		}
	}
}

// What ringfence is compared with is no dependency of it.
func TestImportsLeaveOPAToTheBenchmark(t *testing.T) {
	const opa = "github.com/open-policy-agent/opa"
	for i, m := range modules {
		text, err := os.ReadFile(m + "/go.mod")
		if err != nil {
			t.Fatal(err)
		}
		if has := strings.Contains(string(text), opa); has != (i > 0) {
			t.Errorf("%s/go.mod requires %s: %v, want %v", m, opa, has, i > 0)
		}
	}
}

func TestImportsCatchesAWrongDirection(t *testing.T) {
	for _, p := range []listed{
		{"ringfence/rules", []string{"ringfence/adapters/sip"}},
		{"ringfence/rules/deep", []string{"net/http"}},
		{"ringfence/adapters/sip", []string{"ringfence/rules"}},
		{"ringfence/adapters/kamailio", []string{"ringfence/sidecar"}},
		{"ringfence/elsewhere", nil},
	} {
		if len(forbidden(p)) == 0 {
			t.Errorf("%s with %v passes, want it refused", p.ImportPath, p.Imports)
		}
	}
}

// The top level of the repository is fixed.
func TestTopLevel(t *testing.T) {
	want := []string{"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "adapters", "docker", "docs", "go.mod", "go.sum", "integration", "rules", "sidecar"}
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var have []string
	for _, f := range strings.Fields(string(out)) {
		top, _, _ := strings.Cut(f, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(have, top) {
			have = append(have, top)
		}
	}
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("top level is %v, want %v", have, want)
	}
}
