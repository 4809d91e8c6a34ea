package rules

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"
)

func callFrom(n uint64) *Call {
	c := testCall(fmt.Sprintf("+%d", 12122000000+n), "+12025550123")
	c.CallID = ""
	return c
}

// Of many callers the stated share is in, and who is in stays in as it grows.
func TestRolloutShare(t *testing.T) {
	const callers = 50_000
	in := map[uint64]bool{}
	for _, share := range []Share{1, 10, 100, 105, 333, 500, 999, 1000} {
		e := running(t, Options{}, compiled(t, Settings{}, "rules.yaml", rulesOf("{id: a, when: true, block: subscriber, rollout: "+share.String()+"}")))
		n := 0
		for i := range uint64(callers) {
			v := decided(e, callFrom(i))
			stopped := v.Action == Block
			if stopped {
				n++
			} else if len(v.Monitored) != 1 {
				t.Fatalf("%s: caller %d: %s", share, i, words(v))
			}
			if in[i] && !stopped {
				t.Fatalf("%s: caller %d was in a smaller share", share, i)
			}
			in[i] = stopped
		}
		want := callers * float64(share) / 1000
		if off := math.Abs(float64(n) - want); off > 4*math.Sqrt(want*(1-float64(share)/1000))+1e-9 {
			t.Errorf("%s: %d of %d callers", share, n, callers)
		}
	}
}

// The same callers are in after a restart and on another node, whatever the call
// is otherwise; rules choose apart from each other.
func TestRolloutIsSticky(t *testing.T) {
	const text = "rules:\n  - {id: a, when: true, label: A, rollout: 50%}\n  - {id: b, when: true, withhold: true, rollout: 50%}\n"
	one, two := running(t, Options{}, compiled(t, Settings{}, "rules.yaml", text)), running(t, Options{CacheBytes: 1 << 20}, compiled(t, Settings{}, "rules.yaml", text))
	var both, neither int
	fingerprint := uint64(0)
	for i := range uint64(2000) {
		c, other := callFrom(i), callFrom(i)
		other.RequestUser, other.Account, other.Source, other.At = "+442079460000", "x", netip.MustParseAddr("198.51.100.1"), testTime.AddDate(0, 1, 0)
		v, w := decided(one, c), decided(two, other)
		if words(v) != words(w) {
			t.Fatalf("caller %d: %q and %q", i, words(v), words(w))
		}
		switch {
		case v.Label != "" && v.Withhold:
			both++
		case v.Label == "" && !v.Withhold:
			neither++
		}
		if v.Label != "" {
			fingerprint = fingerprint*31 + i
		}
	}
	if both < 430 || both > 570 || neither < 430 || neither > 570 {
		t.Errorf("two halves share %d callers and leave %d out", both, neither)
	}
	if fingerprint != 0x1851f98331d95e30 { // of this release and of all that come
		t.Errorf("other callers are in than were: %#x", fingerprint)
	}
}

func TestRolloutWithoutCaller(t *testing.T) {
	e := running(t, Options{}, compiled(t, Settings{}, "rules.yaml", rulesOf("{id: a, when: true, block: subscriber, rollout: 50%}")))
	of := func(edit func(c *Call, i int)) (in int) {
		for i := range 1000 {
			c := testCall("anonymous", "+12025550123")
			edit(c, i)
			first := decided(e, c).Action
			c.RequestUser = "+12025550124"
			if again := decided(e, c).Action; again != first {
				t.Fatalf("%d is not sticky", i)
			}
			if first == Block {
				in++
			}
		}
		return in
	}
	for name, n := range map[string]int{
		"accounts": of(func(c *Call, i int) { c.Account = fmt.Sprint("account", i) }),
		"sources":  of(func(c *Call, i int) { c.Source = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }),
	} {
		if n < 430 || n > 570 {
			t.Errorf("%s: %d of 1000 are in", name, n)
		}
	}
}

func TestTrunkInMonitor(t *testing.T) {
	watched := testTrunk(t, "watched", "192.0.2.0/24", false)
	watched.Mode = Monitor
	s := Settings{Trunks: []Trunk{watched, testTrunk(t, "open", "198.51.100.0/24", false)}}
	e := running(t, Options{}, compiled(t, s, "rules.yaml", rulesOf("{id: l, when: true, label: X}", "{id: a, when: true, block: subscriber, limit: 1 per 1m}", "{id: b, when: true, block: dno}")))
	// The calls of the trunk in monitor do not count against the limit.
	for _, tt := range []struct{ trunk, want string }{{"watched", "allow ~a"}, {"watched", "allow ~a"}, {"open", "block a 607 Unwanted"}, {"", "block a 607 Unwanted"}} {
		c := testCall("+12122000000", "+12025550123")
		c.TrunkName = tt.trunk
		if got := words(decided(e, c)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.trunk, got, tt.want)
		}
		if x := e.Explain(c); (x.Mode == Monitor) != (tt.trunk == "watched") {
			t.Errorf("%q: explained in mode %s", tt.trunk, x.Mode)
		}
	}
	if g := e.Guarded(); g != nil {
		t.Errorf("guarded: %v", g)
	}
}

func TestKnownGood(t *testing.T) {
	const text = `lists:
  friends: {file: friends.csv}
  own: {file: own.csv, own: true}
  spam: {file: spam.csv, why: analytics}
  family: {file: family.csv, per: callee}
rules:
  - {id: watch, when: 'country(caller) == "US"', block: subscriber, mode: monitor}
  - {id: friends, when: 'caller in list("friends") and callee == "+12025550123"', allow: true}
  - {id: family, when: 'caller in list("family", callee)', allow: true}
  - {id: foes, when: 'caller not in list("spam")', allow: true}
`
	e := running(t, Options{}, compiled(t, Settings{Redress: testRedress}, "rules.yaml", text, "friends.csv", "+12122000001\n", "own.csv", "+12122000002\n", "spam.csv", "+12122000003\n", "family.csv", "subscriber,number\n+12025550199,+12122000004\n"))
	for caller, want := range map[string]bool{"+12122000001": true, "+12122000002": true, "+12122000003": false, "+12122000004": true, "+12122000005": false} {
		if v := decided(e, testCall(caller, "+12025550199")); v.Known != want || len(v.Monitored) != 1 {
			t.Errorf("%s: known %t (%s)", caller, v.Known, words(v))
		}
	}
	if v := decided(e, testCall("+442079460001", "+12025550199")); v.Known {
		t.Error("known without a match in monitor")
	}
}

// Who was answered and talked for long is known, where calls of callers are
// counted anyway.
func TestKnownGoodByCalls(t *testing.T) {
	const text = "rules:\n  - {id: watch, when: true, block: subscriber, mode: %s}\n  - {id: asks, when: 'answer_ratio(caller, \"1h\", 100) < 0.01', label: x}\n"
	for mode, want := range map[string]bool{"monitor": true, "enforce": false} {
		rs := compiled(t, Settings{}, "rules.yaml", fmt.Sprintf(text, mode))
		if (rs.talked != nil) != want {
			t.Errorf("mode %s: counted %t", mode, rs.talked != nil)
		}
	}
	e := running(t, Options{}, compiled(t, Settings{}, "rules.yaml", fmt.Sprintf(text, "monitor")))
	at := testTime
	call := func(talk time.Duration) bool {
		c := callFrom(1)
		c.At, c.CallID = at, at.String()
		v := decided(e, c)
		o := &Outcome{ID: v.ID, At: at.Add(time.Second + talk), Code: 200, Talk: talk, Ended: true}
		if seen := e.Observe(o); seen != Counted {
			t.Fatal(seen)
		}
		at = at.Add(10 * time.Minute)
		return v.Known
	}
	for i, step := range []struct {
		talk time.Duration
		want bool
	}{{59 * time.Second, false}, {time.Minute, false}, {5 * time.Second, false}, {2 * time.Minute, false}, {0, true}} {
		if got := call(step.talk); got != step.want {
			t.Errorf("call %d: known %t", i, got)
		}
	}
	if at = at.Add(2 * time.Hour); call(0) {
		t.Error("known for good")
	}
}
