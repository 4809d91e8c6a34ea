package rules

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// benchRules is a file of n rules of the kinds that operators write, none of
// which matches the calls of benchCalls.
func benchRules(n int) string {
	var b strings.Builder
	b.WriteString("lists:\n  spam: {file: spam.csv, why: analytics}\n  dno: {file: dno.csv, why: dno}\nrules:\n")
	for i := range n {
		when, why := "", "subscriber"
		switch i % 5 {
		case 0:
			when = fmt.Sprintf(`trunk == "t%d" and callers startsWith "+1%d"`, i, 200+i%700)
		case 1:
			when = fmt.Sprintf(`callee == "+1202%07d"`, 3000000+i)
		case 2:
			when = fmt.Sprintf(`account == "a%d" and caller not in list("spam")`, i)
		case 3:
			when = fmt.Sprintf(`callers startsWith "+1303%d"`, 2000+i)
		case 4:
			why = "dno"
			when = fmt.Sprintf(`callers in list("dno") and domain == "d%d.example"`, i)
		}
		fmt.Fprintf(&b, "  - {id: r%d, when: '%s', block: %s}\n", i, when, why)
	}
	fmt.Fprintf(&b, "  - {id: dno, when: 'callers in list(\"dno\") or invalid(callers)', block: dno}\n")
	fmt.Fprintf(&b, "  - {id: spam, when: 'callers in list(\"spam\")', block: analytics}\n")
	return b.String()
}

// benchTrunks are those that the rules and calls name, as many as n rules do.
func benchTrunks(t testing.TB, n int) []Trunk {
	trunks := []Trunk{testTrunk(t, "carrier", "192.0.2.0/24", true)}
	for i := 0; i < n; i += 5 {
		trunks = append(trunks, Trunk{Name: fmt.Sprintf("t%d", i), Country: "US"})
	}
	return trunks
}

// benchLists are lists of n numbers each.
func benchLists(n int) []string {
	r := rand.New(rand.NewPCG(1, 2))
	var spam, dno strings.Builder
	for range n {
		fmt.Fprintf(&spam, "+1404%07d\n", 2000000+r.IntN(8000000))
		fmt.Fprintf(&dno, "+1405%07d\n", 2000000+r.IntN(8000000))
	}
	return []string{"spam.csv", spam.String(), "dno.csv", dno.String()}
}

// benchCall is a call as an adapter keeps it at hand, and what changes from one
// call to the next: the caller, the callee and the Call-ID. Callers repeat
// after 1<<15 calls, far more than candidates have classes.
type benchCall struct {
	Call
	callers, callees, ids []string
	i                     int
}

func newBenchCall() *benchCall {
	r := rand.New(rand.NewPCG(3, 4))
	b := &benchCall{Call: *testCall("", "+13052000000")}
	b.TrunkName, b.FromTag, b.CSeq = "carrier", "8f2a", 1
	for range 1 << 15 {
		b.callers = append(b.callers, fmt.Sprintf("+1%d%07d", 212+r.IntN(3)*100, 2000000+r.IntN(8000000)))
		b.callees = append(b.callees, fmt.Sprintf("+1305%07d", 2000000+r.IntN(8000000)))
		b.ids = append(b.ids, fmt.Sprintf("%x@192.0.2.1", r.Uint64()))
	}
	return b
}

// next makes the next call.
func (b *benchCall) next() *Call {
	i := b.i & (1<<15 - 1)
	b.i++
	b.From.User, b.RequestUser, b.CallID = b.callers[i], b.callees[i], b.ids[i]
	b.Asserted[0] = Identity{User: b.callers[i], Tel: true}
	return &b.Call
}

func BenchmarkDecide(b *testing.B) {
	c := newBenchCall()
	for _, n := range []int{10, 1_000, 10_000} {
		s := Settings{Trunks: benchTrunks(b, n)}
		rs := compiled(b, s, append([]string{"rules.yaml", benchRules(n)}, benchLists(10_000)...)...)
		for _, cache := range []int64{0, 16 << 20} {
			b.Run(fmt.Sprintf("rules=%d/cache=%t", n, cache > 0), func(b *testing.B) {
				e := running(b, Options{CacheBytes: cache}, rs)
				v := new(Verdict)
				for range 1000 {
					e.Decide(c.next(), v)
				}
				b.ReportAllocs()
				for b.Loop() {
					e.Decide(c.next(), v)
				}
				if v.Action != Allow {
					b.Fatalf("a call was stopped: %s", words(v))
				}
			})
		}
	}
}

// BenchmarkDecideFlat compares engines side by side: in turns of a few
// thousand calls, of which the quickest counts for each.
func BenchmarkDecideFlat(b *testing.B) {
	type side struct {
		name string
		e    *Engine
		c    *benchCall
		best time.Duration
	}
	var sides []*side
	for _, n := range []int{10, 1_000, 10_000} {
		s := Settings{Trunks: benchTrunks(b, n)}
		files := append([]string{"rules.yaml", benchRules(n)}, benchLists(10_000)...)
		for _, cache := range []int64{0, 16 << 20} {
			name := fmt.Sprintf("%d-rules", n)
			if cache > 0 {
				name += "-cached"
			}
			sides = append(sides, &side{name, running(b, Options{CacheBytes: cache}, compiled(b, s, files...)), newBenchCall(), time.Hour})
		}
	}
	const turn = 2_000
	v := new(Verdict)
	for b.Loop() {
		for _, s := range sides {
			start := time.Now()
			for range turn {
				s.e.Decide(s.c.next(), v)
			}
			s.best = min(s.best, time.Since(start))
		}
	}
	ns := map[string]float64{}
	for _, s := range sides {
		ns[s.name] = float64(s.best.Nanoseconds()) / turn
		b.ReportMetric(ns[s.name], "ns/"+s.name)
	}
	b.ReportMetric(ns["10000-rules"]/ns["10-rules"], "flat")
	b.ReportMetric(ns["10000-rules-cached"]/ns["10-rules-cached"], "flat-cached")
	b.ReportMetric(0, "ns/op")
}

// overlapping is a file of rules that every call of newBenchCall is a candidate
// for by several of its values, and that differ in what no index finds.
func overlapping(n int) string {
	values := []string{`trunk == "carrier"`, `domain == "example.net"`, `callee startsWith "+1305"`, `callers startsWith "+1"`,
		`country(caller) == "US"`, `country(callee) == "US"`, `valid(callee)`, `network startsWith "+1"`}
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {id: r%d, when: '%s and user_agent contains \"bot-%d\"', block: subscriber}\n", i, values[i%len(values)], i)
	}
	return b.String()
}

// BenchmarkCandidates shows what the cache of candidates is for.
func BenchmarkCandidates(b *testing.B) {
	for _, n := range []int{8, 80, 800} {
		rs := compiled(b, Settings{Trunks: []Trunk{testTrunk(b, "carrier", "192.0.2.0/24", true)}}, "rules.yaml", overlapping(n))
		for _, cache := range []int64{0, 16 << 20} {
			b.Run(fmt.Sprintf("candidates=%d/cache=%t", n, cache > 0), func(b *testing.B) {
				e, c, v := running(b, Options{CacheBytes: cache}, rs), newBenchCall(), new(Verdict)
				b.ReportAllocs()
				for b.Loop() {
					e.Decide(c.next(), v)
				}
			})
		}
	}
}

// BenchmarkDecideSignals is what the pack behaviour costs beside rules that ask
// nothing of what calls did.
func BenchmarkDecideSignals(b *testing.B) {
	pack, err := os.ReadFile("packs/behaviour.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{"without": benchRules(10), "with": benchRules(10) + string(pack[bytes.Index(pack, []byte("\nrules:\n"))+8:])} {
		s := Settings{Trunks: benchTrunks(b, 10)}
		rs := compiled(b, s, append([]string{"rules.yaml", text}, benchLists(10_000)...)...)
		b.Run(name, func(b *testing.B) {
			e := running(b, Options{CacheBytes: 16 << 20, StateBytes: 1 << 30}, rs)
			c := newBenchCall()
			v := new(Verdict)
			at := c.At
			for i := range 1 << 16 {
				call := c.next()
				call.At, call.CSeq = at.Add(time.Duration(i)*time.Millisecond), uint32(i)
				e.Decide(call, v)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				call := c.next()
				call.At, call.CSeq = at.Add(time.Minute+time.Duration(i)*time.Millisecond), uint32(1<<16+i)
				e.Decide(call, v)
			}
		})
	}
}
