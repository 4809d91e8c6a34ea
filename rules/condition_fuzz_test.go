package rules

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzCondition: whatever the text of a condition is, it is refused with
// findings that point into it, or it can be asked.
func FuzzCondition(f *testing.F) {
	for _, s := range []string{
		`caller == "+12025550142"`, `callers in list("x") and not (withheld or trunk == "carrier-a")`, `country(caller) in ["US", "CA"]`,
		`local_time(callee) < "08:00" or weekday(callee) in ["sat", "sun"]`, `pattern(caller, "+1NXX555XXXX")`, `neighbour(caller, callee, 6)`,
		`cidr(source, "10.0.0.0/8") and source in list("x")`, `user_agent matches "(?i)^a{1,9}"`, `header("X-Y") contains "é"`,
		`withheld ? true : false`, `(((`, `"`, `not not withheld`, `caller in ["+1", 5]`, `trunk == 'a`, "withheld\nand\twithheld", `1..9`, `a.b?.c[0]`, `{"a": 1}`, "a ?? b", "let x = 1; x", "#", "\\",
	} {
		f.Add(s)
	}
	list := mustList(f, listSpec{Name: "x"}, "+12123340147", "192.0.2.0/24")
	e := running(f, Options{Pending: 64}, nil)
	f.Fuzz(func(t *testing.T, when string) {
		if !utf8.ValidString(when) || len(when) > 4096 || strings.TrimSpace(when) == "" { // the reader of the file refuses it
			return
		}
		doc := &document{file: "rules.yaml", data: []byte("when: |\n  " + strings.ReplaceAll(when, "\n", "\n  ") + "\n")}
		src := &source{files: []string{"rules.yaml"},
			lists: []listDecl{{name: "x", file: "x.csv"}}, load: func(listSpec) (*List, []Diagnostic) { return list, nil },
			rules: []ruleDecl{{rule: Rule{ID: "a", When: when, Action: Block, Why: DNO, Ends: true}, when: scalar{text: when, at: Position{"rules.yaml", 1, 7}, doc: doc, block: true}}}}
		began := time.Now()
		rs, err := compileSource(Settings{Redress: testRedress}, src)
		if took := time.Since(began); took > time.Minute {
			t.Fatalf("took %v", took)
		}
		if (rs == nil) == (err == nil) {
			t.Fatalf("ruleset %v, error %v", rs, err)
		}
		if err != nil {
			lines := strings.Count(when, "\n") + 3
			for _, d := range err.(Diagnostics) {
				if d.File != "rules.yaml" || d.Line < 1 || d.Line > lines || d.Column < 1 || d.Message == "" {
					t.Fatalf("finding %+v in %d lines", d, lines)
				}
			}
			return
		}
		e.Swap(rs)
		c := testCall("+12123340147", "+12025550123")
		c.At = noon
		var v Verdict
		e.Decide(c, &v)
		if x := e.Explain(c); x.Verdict.Action != v.Action.String() {
			t.Fatalf("decided %s, explained %s", v.Action, x.Verdict.Action)
		}
	})
}
