package rules

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	s := designSettings(t)
	rs := compiled(t, s, append([]string{"rules.yaml", designRules +
		"  - {id: watch, when: callee startsWith \"+1202\", block: subscriber, mode: monitor}\n" +
		"  - {id: aside, when: true, block: subscriber, mode: off}\n"}, designLists...)...)
	dir := filepath.Dir(rs.rules[0].File)
	e := running(t, Options{}, rs)
	spam := testCall("+12123340147", "+12025550123")
	spam.TrunkName = "carrier-a"
	spam.Asserted[0] = Identity{User: "2122000000", Host: "x.example"}
	withheld := testCall("anonymous", "+12025550199")
	withheld.TrunkName = "nobody"
	for name, c := range map[string]*Call{"spam": spam, "withheld": withheld, "emergency": testCall("+12123340147", "911")} {
		x := e.Explain(c)
		if again := decided(e, c); again.Action.String() != x.Verdict.Action || again.Code != 0 && status(again.Code, again.Phrase) != x.Verdict.Status {
			t.Errorf("%s: decided %s, explained %+v", name, words(again), x.Verdict)
		}
		text := strings.ReplaceAll(x.String(), dir+"/", "")
		golden(t, "testdata/explain-"+name+".golden", text)
		if _, ok := ParseID(x.Verdict.ID); ok || len(x.Verdict.ID) != len(ID{}) {
			t.Errorf("%s: %s can be taken for a decision, or is not as long", name, x.Verdict.ID)
		}
		if name != "spam" {
			continue
		}
		j, err := json.MarshalIndent(x, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/explain-spam.json.golden", strings.ReplaceAll(string(j), dir+"/", "")+"\n")
	}
}

// A probe is decided like a call and leaves no trace but in the caches.
func TestProbe(t *testing.T) {
	rs := compiled(t, Settings{}, "rules.yaml", rulesOf("{id: m, when: true, block: dno, mode: monitor}", "{id: a, when: true, block: subscriber}"))
	e := running(t, Options{CacheBytes: 1 << 20}, rs)
	c := testCall("+12122000000", "+12025550123")
	c.CallID, c.TrunkName = "x", "nobody"
	var v Verdict
	for range 2 {
		if e.Probe(c, &v); v.Action != Block || v.Rule != rs.rules[1] || len(v.Monitored) != 1 {
			t.Errorf("verdict %+v", v)
		}
	}
	s := e.Stats()
	if m, a := rs.rules[0].Counts.Monitored.Load(), rs.rules[1].Counts.Matched.Load(); m != 0 || a != 0 || s.UnknownTrunks != 0 {
		t.Errorf("monitored %d, matched %d, calls of unknown trunks %d", m, a, s.UnknownTrunks)
	}
	if decided(e, c); rs.rules[1].Counts.Matched.Load() != 1 {
		t.Error("the decision after a probe is not counted")
	}
	passed := testCall("+12122000000", "911")
	before := e.Stats().Pending
	if e.Probe(passed, &v); v.Guard != Emergency || e.Stats().Pending != before {
		t.Errorf("guard %v, %d decisions wait for an outcome, %d before", v.Guard, e.Stats().Pending, before)
	}
}

// An explanation leaves no trace.
func TestExplainRecordsNothing(t *testing.T) {
	rs := compiled(t, Settings{}, "rules.yaml", rulesOf("{id: m, when: true, block: dno, mode: monitor}", "{id: a, when: true, block: subscriber}"))
	e := running(t, Options{CacheBytes: 1 << 20}, rs)
	c := testCall("+12122000000", "+12025550123")
	c.CallID, c.TrunkName = "x", "nobody"
	before := e.Stats()
	e.Explain(c)
	after := e.Stats()
	if m, a := rs.rules[0].Counts.Monitored.Load(), rs.rules[1].Counts.Matched.Load(); m != 0 || a != 0 {
		t.Errorf("monitored %d, matched %d", m, a)
	}
	if before.UnknownTrunks != after.UnknownTrunks || before.Pending != after.Pending || before.Cache != after.Cache {
		t.Errorf("stats %+v, before %+v", after, before)
	}
	if decided(e, c); rs.rules[1].Counts.Matched.Load() != 1 {
		t.Error("the decision after an explanation is not counted")
	}
}
