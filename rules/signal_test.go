package rules

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

// signalRules ask about everything that is counted, so that explanations tell it.
const signalRules = `rules:
  - {id: caller, mode: monitor, block: subscriber, when: 'rate(caller, "1m") < 0 or calls(caller, "1h") < 0 or concurrent(caller) < 0 or answer_ratio(caller, "1h", 5) < 0 or short_ratio(caller, "1h", "6s", 5) < 0 or cancel_ratio(caller, "1h", "8s", 5) < 0 or average_duration(caller, "1h", 5) < 0 or distinct(caller, callee, "10m") < 0 or sequential(caller, "10m") < 0 or responses(caller, "1d", 607, 486) < 0 or first_seen(caller) < 0 or idle(caller) < 0'}
  - {id: others, mode: monitor, block: subscriber, when: 'redials(caller, callee, "10m") < 0 or distinct(callee, caller, "1m") < 0 or rate(trunk, "1s") < 0 or rate(source, "1m") < 0 or rate(prefix(callee, 10), "1h") < 0 or distinct(trunk, account, "30d") < 0 or rate([account, trunk], "5m") < 0 or concurrent(trunk) < 0'}
  - {id: blocks, block: dno, when: 'user_agent == "bad"'}
`

// told is what signals say of c, by their source.
func signalsOf(e *Engine, c *Call) map[string]string {
	all := map[string]string{}
	for _, r := range e.Explain(c).Rules {
		for _, read := range r.Reads {
			all[read.Name] = read.Value
		}
	}
	return all
}

// event is a call in the plain history that signals are held against.
type event struct {
	at, over                               time.Time
	caller, callee, trunk, account, source string
	code                                   int
	ring, talk                             time.Duration
	passed, ended, rang                    bool
}

// What signals say is what a plain history says, within the error that counts
// have: before a call is decided, when it is foreseen, and after.
func TestSignalsAgainstAPlainHistory(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	s := designSettings(t)
	e := running(t, Options{}, compiled(t, s, "rules.yaml", signalRules))
	callers := []string{"+12122000000", "+12122000001", "+12122000002", "anonymous"}
	trunks, accounts := []string{"carrier-a", "pbx-acme", ""}, []string{"alice", "bob", ""}
	sources := []string{"203.0.113.7", "203.0.113.8"}
	var history []*event
	ids := map[*event]ID{}
	at := testTime
	for i := range 6_000 {
		at = at.Add(time.Duration(r.ExpFloat64() * float64(3*time.Second)))
		if open := history[max(0, len(history)-40):]; r.IntN(2) == 0 && len(open) > 0 {
			h := pick(r, open)
			if !h.passed || h.ended {
				continue
			}
			h.ended, h.over = true, at
			h.code = pick(r, []int{200, 200, 486, 487, 404, 607})
			h.rang = r.IntN(4) > 0
			h.ring = time.Duration(r.IntN(12_000)) * time.Millisecond
			if h.code == 200 {
				h.talk = time.Duration(r.IntN(20_000)) * time.Millisecond
			}
			o := Outcome{ID: ids[h], At: at, Code: h.code, Rang: h.rang, Ring: h.ring, Talk: h.talk, Ended: true}
			if got := e.Observe(&o); got != Counted {
				t.Fatalf("outcome of call %d: %v", i, got)
			}
			continue
		}
		h := &event{at: at, caller: pick(r, callers), callee: fmt.Sprintf("+1202334%04d", r.IntN(60)*2), trunk: pick(r, trunks), account: pick(r, accounts), source: pick(r, sources)}
		c := testCall(h.caller, h.callee)
		c.At, c.CallID, c.TrunkName, c.Account = at, fmt.Sprint(i), h.trunk, h.account
		c.Source = netip.MustParseAddr(h.source)
		if r.IntN(5) == 0 {
			c.UserAgent = "bad"
		}
		foreseen := signalsOf(e, c)
		v := decided(e, c)
		again := decided(e, c) // asked about twice, counted once
		h.passed, ids[h] = v.Action == Allow, again.ID
		told := signalsOf(e, c)
		history = append(history, h)
		if i%7 == 0 {
			compareSignals(t, history, h, told)
		}
		for name, value := range told {
			// Two buckets that become one may reach an event further back.
			before, _ := strconv.ParseFloat(foreseen[name], 64)
			after, err := strconv.ParseFloat(value, 64)
			if foreseen[name] != value && (err != nil || after < before || after > before*(1+1./40)+1) {
				t.Fatalf("call %d: %s was foreseen to be %q and is %q", i, name, foreseen[name], value)
			}
		}
	}
}

// compareSignals holds what was told of the newest call against the history.
func compareSignals(t *testing.T, history []*event, now *event, told map[string]string) {
	t.Helper()
	count := func(window time.Duration, is func(*event) bool) float64 {
		n := 0.0
		for _, h := range history {
			if now.at.Sub(h.at) <= window && is(h) {
				n++
			}
		}
		return n
	}
	caller := func(h *event) bool { return h.caller == now.caller }
	known := now.caller != "anonymous"
	number := func(name string) (float64, bool) {
		text, ok := told[name]
		if !ok {
			t.Fatalf("nothing is told of %s", name)
		}
		if d, err := time.ParseDuration(text); err == nil {
			return d.Seconds(), true
		}
		v, err := strconv.ParseFloat(text, 64)
		return v, err == nil
	}
	about := func(name string, want, above, below float64, isKnown bool) {
		t.Helper()
		got, ok := number(name)
		if ok != isKnown || ok && (got < want-below || got > want+above) {
			t.Fatalf("%s is %v (known: %v) of %s, want %v (known: %v)", name, got, ok, now.caller, want, isKnown)
		}
	}
	exactly := func(name string, want float64, isKnown bool) { t.Helper(); about(name, want, 0.0006, 0.0006, isKnown) }
	// The edge of a window is known to a tick; a count is never too low.
	roughly := func(name string, window time.Duration, is func(*event) bool, isKnown bool) {
		t.Helper()
		least, most := count(window, is), count(window+tick, is)
		about(name, least, most*(1+1./40)-least, 0, isKnown)
	}
	roughly(`rate(caller, "1m")`, time.Minute, caller, known)
	callees := map[string]bool{}
	exactly(`distinct(caller, callee, "10m")`, count(10*time.Minute, func(h *event) bool { // 10 ms are no tick: none lies at the edge
		fresh := caller(h) && !callees[h.callee]
		callees[h.callee] = callees[h.callee] || caller(h)
		return fresh
	}), known)
	roughly(`redials(caller, callee, "10m")`, 10*time.Minute, func(h *event) bool { return caller(h) && h.callee == now.callee }, known)
	if now.trunk != "" {
		roughly(`rate(trunk, "1s")`, time.Second, func(h *event) bool { return h.trunk == now.trunk }, true)
	}
	roughly(`rate(prefix(callee, 10), "1h")`, time.Hour, func(h *event) bool { return h.callee[:11] == now.callee[:11] }, true)
	roughly(`rate([account, trunk], "5m")`, 5*time.Minute, func(h *event) bool { return h.account == now.account && h.trunk == now.trunk }, now.account != "" && now.trunk != "")

	var over, answered, short, cancelled, refused, talk, going float64
	for _, h := range history {
		if !caller(h) {
			continue
		}
		if h.passed && !h.ended {
			going++
		}
		if !h.ended || now.at.Sub(h.over) > time.Hour+tick {
			continue
		}
		over++
		switch {
		case h.code == 200:
			answered++
			talk += h.talk.Seconds()
			if h.talk < 6*time.Second {
				short++
			}
		case h.code == 487 && h.rang && h.ring < 8*time.Second:
			cancelled++
		case h.code == 607, h.code == 486:
			refused++
		}
	}
	if !now.passed {
		going++ // the call itself
	}
	exactly("concurrent(caller)", going, known)
	least := count(time.Hour, func(h *event) bool { return caller(h) && h.passed })
	if !now.passed {
		least++ // the call itself
	}
	about(`calls(caller, "1h")`, least, count(time.Hour, caller)/40+1, 0, known)
	about(`responses(caller, "1d", 607, 486)`, refused, 1e9, 0, known)
	// Ratios are of the calls that are counted, of which one in forty may be older.
	share := func(name string, of, all float64) {
		t.Helper()
		if all < 5 || all > 7 {
			about(name, of/max(all, 1), 0.15, 0.15, known && all >= 5)
		}
	}
	share(`answer_ratio(caller, "1h", 5)`, answered, over)
	share(`cancel_ratio(caller, "1h", "8s", 5)`, cancelled, over)
	share(`short_ratio(caller, "1h", "6s", 5)`, short, answered)
	if answered < 5 || answered > 7 {
		about(`average_duration(caller, "1h", 5)`, talk/max(answered, 1), 2.5, 2.5, known && answered >= 5)
	}
}

// tick is how exactly the edge of a window is known.
const tick = time.Second / 16

// What decided is told with the verdict: the figures that the rules read which
// stopped the call or would have.
func TestMeasured(t *testing.T) {
	e := running(t, Options{}, compiled(t, Settings{}, "rules.yaml", rulesOf(
		`{id: watched, when: 'rate(caller, "1m") > 1 and first_seen(caller) < "1h"', block: subscriber, mode: monitor}`,
		`{id: burst, when: 'rate(caller, "1m") > 2 and idle(callee) >= 0 and (rate(callee, "1h") > 9 or user_agent == "")', block: subscriber}`)))
	for i, want := range []string{
		"[]",
		`[{rate(caller, "1m") 2} {first_seen(caller) 1}]`,
		`[{rate(caller, "1m") 3} {first_seen(caller) 2} {idle(callee) 1} {rate(callee, "1h") 3}]`,
	} {
		c := testCall("+12122000000", "+12023340148")
		c.At, c.CallID = testTime.Add(time.Duration(i)*time.Second), fmt.Sprint(i)
		if got := fmt.Sprint(decided(e, c).Measured); got != want {
			t.Errorf("call %d: %s, want %s", i+1, got, want)
		}
	}
}

// Calls that were over before a rule asked for a ratio are not in it.
func TestRatiosOverAReload(t *testing.T) {
	s := designSettings(t)
	e := running(t, Options{}, compiled(t, s, "rules.yaml", `rules:
  - {id: a, label: x, when: 'answer_ratio(caller, "1h", 5) < 0'}
`))
	calls := func(n int) *Call {
		for range n {
			v := decided(e, testCall("+12122000000", "+12023340000"))
			e.Observe(&Outcome{At: testTime, ID: v.ID, Code: 200, Ended: true, Talk: time.Minute})
		}
		return testCall("+12122000000", "+12023340000")
	}
	calls(20)
	e.Swap(compiled(t, s, "rules.yaml", `rules:
  - {id: a, label: x, when: 'answer_ratio(caller, "1h", 5) < 0 or average_duration(caller, "1h", 5) < 0 or short_ratio(caller, "1h", "2m", 5) < 0 or cancel_ratio(caller, "1h", "8s", 5) < 0'}
`))
	for _, step := range []struct {
		calls                      int
		duration, short, cancelled string
	}{{4, "", "", ""}, {1, "1m0s", "1.000", "0.000"}, {500, "1m0s", "1.000", "0.000"}} {
		told := signalsOf(e, calls(step.calls))
		if told[`answer_ratio(caller, "1h", 5)`] != "1.000" || told[`average_duration(caller, "1h", 5)`] != step.duration ||
			told[`short_ratio(caller, "1h", "2m", 5)`] != step.short || told[`cancel_ratio(caller, "1h", "8s", 5)`] != step.cancelled {
			t.Errorf("after %d more: %v", step.calls, told)
		}
	}
}

// A subject for which no number is left is counted while a call goes on, and no
// call is counted as one of another.
func TestMoreSubjectsThanNumbers(t *testing.T) {
	s := designSettings(t)
	rs := compiled(t, s, "rules.yaml", `rules:
  - {id: a, label: x, when: 'answer_ratio(caller, "1h", 1) < 0'}
  - {id: b, label: x, when: 'answer_ratio(callee, "1h", 1) < 0 or concurrent(callee) < 0'}
`)
	e := running(t, Options{Pending: 64}, nil)
	e.subject("caller")
	for i := range noSubject - 1 {
		e.subject(strconv.Itoa(i))
	}
	e.Swap(rs)
	c := testCall("+12122000000", "+12023340000")
	v := decided(e, c)
	if err := e.SavePending(io.Discard); err != nil {
		t.Fatal(err)
	}
	e.Observe(&Outcome{At: testTime, ID: v.ID, Code: 200, Ended: true})
	told := signalsOf(e, c)
	if told[`answer_ratio(caller, "1h", 1)`] != "1.000" || told[`answer_ratio(callee, "1h", 1)`] != "" || told["concurrent(callee)"] != "1" {
		t.Error(told)
	}
	if e.subject("callee") != noSubject || e.subject("7") == noSubject {
		t.Error("numbers are given out anew")
	}
}

// A call that is asked about again when it is over, as by a request that comes
// late, is not another one.
func TestAskedAgainWhenOver(t *testing.T) {
	for _, first := range []Outcome{{Code: 200}, {Code: 200, Ended: true}, {Code: 503, Ended: true}} {
		ended := 0
		e := running(t, Options{OnEnded: func(*Ended) { ended++ }}, compiled(t, designSettings(t), "rules.yaml", signalRules))
		c := testCall("+12122000000", "+12023340000")
		c.CallID = "once"
		one := decided(e, c)
		for range 3 {
			first.ID, first.At = one.ID, testTime
			e.Observe(&first)
			again := decided(e, c)
			e.Observe(&Outcome{ID: again.ID, At: testTime, Code: 200, Ended: true})
			again = decided(e, c)
			e.Observe(&Outcome{ID: again.ID, At: testTime, Code: 486, Ended: true})
		}
		e.Observe(&Outcome{ID: one.ID, At: testTime, Code: first.Code, Ended: true})
		c.CallID = "another"
		told := signalsOf(e, c)
		if ended != 1 || told[`calls(caller, "1h")`] != "2" || told["concurrent(caller)"] != "1" || told[`responses(caller, "1d", 607, 486)`] != "0" || told[`rate(caller, "1m")`] != "2" {
			t.Errorf("after %d: %d are told of, %v", first.Code, ended, told)
		}
	}
}
