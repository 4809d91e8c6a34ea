//go:build !race

package rules

import "testing"

func TestDecideDoesNotAllocate(t *testing.T) {
	s := Settings{Trunks: benchTrunks(t, 100)}
	files := append([]string{"rules.yaml", benchRules(100) +
		"  - {id: ua, when: 'user_agent matches \"scan(ner)?\" or header(\"X-A\") == \"b\" or caller endsWith \"77\" or country(callers) == \"CU\"', block: subscriber}\n" +
		"  - {id: asks, when: 'attestation == \"A\" or neighbour(callers, callee, 10) or direction == \"outbound\" or pattern(callee, \"+NXX2*\")', block: subscriber}\n" +
		"  - {id: clock, when: 'local_time(callee) < \"00:00\" or weekday(callers) == \"sun\" and user_agent contains \"x\"', block: hours}\n" +
		"  - {id: signals, when: 'rate(caller, \"1m\") > 1000000 or answer_ratio(caller, \"1h\", 3) > 1 or sequential(caller, \"1h\") > 1000000 or distinct([trunk, source], header(\"X-A\"), \"1d\") > 9 or concurrent(prefix(callee, 5)) > 1000000', block: pacing}\n" +
		"  - {id: said, when: 'reports(callers, \"30d\") > 1 or blocked_upstream(caller, \"7d\") > 1', label: said}\n" +
		"  - {id: scored, when: 'callee startsWith \"+1\"', score: 10, reason: test}\n" +
		"  - {id: part, when: 'score > 5 and cidr(source, \"192.0.2.0/24\")', block: dno, rollout: 0.1%}\n" +
		"  - {id: limited, when: 'score > 5 and cidr(source, \"192.0.2.0/24\")', block: dno, limit: 1 per 1m}\n" +
		"  - {id: limited-share, when: 'score > 5 and cidr(source, \"192.0.2.0/24\")', block: dno, limit: 1% of trunk per 1m}\n" +
		"  - {id: stopped, when: 'callee == \"+12025550199\"', block: analytics}\n" +
		"  - {id: watched, when: 'cidr(source, \"192.0.2.0/24\")', block: dno, mode: monitor}\n"}, benchLists(100)...)
	rs := compiled(t, s, files...)
	for _, size := range []int64{0, 1 << 20} {
		e := running(t, Options{CacheBytes: size, StateBytes: 256 << 20}, rs)
		passed, stopped := newBenchCall(), testCall("+12122000000", "+12025550199")
		passed.Headers = testHeaders{}
		e.RestoreBlock(global(t, "+13035550260"), testTime, testTime)
		e.RestoreReport(UserReport{Number: global(t, "+13035550260"), By: "2001", At: testTime}, testTime)
		v := new(Verdict)
		e.warm(func() {
			for range 1000 {
				e.Decide(passed.next(), v)
				e.Decide(stopped, v)
			}
		})
		if n := testing.AllocsPerRun(2000, func() { e.Decide(passed.next(), v) }); n != 0 || v.Action != Allow {
			t.Errorf("cache of %d: %v allocations in a call that passes (%s)", size, n, words(v))
		}
		if n := testing.AllocsPerRun(2000, func() { e.Decide(stopped, v) }); n != 0 || v.Action != Block {
			t.Errorf("cache of %d: %v allocations in a call that is stopped (%s)", size, n, words(v))
		}
	}
}
