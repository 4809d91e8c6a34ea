//go:build !race

package rules

import (
	"testing"
	"time"
)

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
	files[1] += "  - {id: slow, when: slowed(account) or slowed(trunk), block: pacing}\n"
	rs := compiled(t, s, files...)
	for _, size := range []int64{0, 1 << 20} {
		e := running(t, Options{CacheBytes: size, StateBytes: 256 << 20}, rs)
		passed, stopped := newBenchCall(), testCall("+12122000000", "+12025550199")
		passed.Headers = testHeaders{}
		e.RestoreBlock(global(t, "+13035550260"), testTime, testTime)
		e.RestoreReport(UserReport{Number: global(t, "+13035550260"), By: "2001", At: testTime}, testTime)
		v := new(Verdict)
		e.Slow(Slowed{"account", "alice", passed.At.Add(time.Hour)}, passed.At)
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

func TestCalendarsDoNotAllocate(t *testing.T) {
	rs := compiled(t, Settings{Country: "US"}, "rules.yaml", "calendars: {us: {file: us.calendar.yaml}}\n"+rulesOf(
		`{id: a, when: 'account startsWith "campaign-" and not permitted(callee, "us")', block: hours}`,
		`{id: b, when: 'not permitted(caller, "us") and account == "x"', block: hours}`),
		"us.calendar.yaml", testCalendar+"holidays: [{date: 2026-12-25, name: Christmas}]\nregions: {DC: {prefixes: [+1202], windows: {mon-sun: 10:00-20:00}}}\n")
	e := running(t, Options{CacheBytes: 1 << 20}, rs)
	for callee, want := range map[string]Action{"+12122000001": Allow, "+12023340148": Allow, "+13102000001": Block, "+12089990100": Block, "+16792345678": Block, "+33142345678": Allow, "+18003340100": Allow} {
		c, v := testCall("+12122000000", callee), new(Verdict)
		c.Account = "campaign-spring"
		e.warm(func() {
			for range 1000 {
				e.Decide(c, v)
			}
		})
		if n := testing.AllocsPerRun(2000, func() { e.Decide(c, v) }); n != 0 || v.Action != want || (v.Retry > 0) != (want == Block) {
			t.Errorf("%s: %v allocations (%s, Retry-After %s)", callee, n, words(v), v.Retry)
		}
	}
}
