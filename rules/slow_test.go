package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const slowRules = "{id: account, when: slowed(account), block: pacing}|{id: trunk, when: 'slowed(trunk) and callee startsWith \"+1202\"', block: pacing}"

func slowEngine(t *testing.T) *Engine {
	t.Helper()
	rs := compiled(t, Settings{Trunks: []Trunk{{Name: "pbx"}}}, "rules.yaml", rulesOf(strings.Split(slowRules, "|")...))
	return running(t, Options{CacheBytes: 1 << 20}, rs)
}

func slowCall(at time.Time, account, trunk string) *Call {
	c := testCall("+12122000000", "+12025550123")
	c.At, c.Account, c.TrunkName = at, account, trunk
	return c
}

func TestSlow(t *testing.T) {
	e, at := slowEngine(t), testCall("", "").At
	verdict := func(after time.Duration, account, trunk string) string {
		if v := decided(e, slowCall(at.Add(after), account, trunk)); v.Rule != nil {
			return v.Rule.ID
		}
		return ""
	}
	if got := verdict(0, "alice", "pbx"); got != "" {
		t.Errorf("nobody is slowed, and rule %s stopped the call", got)
	}
	for _, s := range []Slowed{{"account", "alice", at.Add(time.Minute)}, {"trunk", "pbx", at.Add(time.Hour)}} {
		if !e.Slow(s, at) {
			t.Errorf("%+v was not taken", s)
		}
	}
	for _, c := range []struct {
		after          time.Duration
		account, trunk string
		want           string
	}{
		{0, "alice", "", "account"},
		{0, "alice", "pbx", "account"},
		{0, "bob", "pbx", "trunk"},
		{0, "pbx", "", ""},
		{0, "", "", ""},
		{59 * time.Second, "alice", "", "account"},
		{time.Minute, "alice", "", ""}, // it ends by itself
		{time.Minute, "alice", "pbx", "trunk"},
	} {
		if got := verdict(c.after, c.account, c.trunk); got != c.want {
			t.Errorf("account %q by trunk %q after %s: stopped by %q, want %q", c.account, c.trunk, c.after, got, c.want)
		}
	}
	want := []Slowed{{"account", "alice", at.Add(time.Minute)}, {"trunk", "pbx", at.Add(time.Hour)}}
	if diff := cmp.Diff(want, e.Slowed(at)); diff != "" {
		t.Errorf("slowed (-want +got):\n%s", diff)
	}
	if !e.Slow(Slowed{"trunk", "pbx", time.Time{}}, at.Add(2*time.Minute)) || len(e.Slowed(at)) != 0 {
		t.Errorf("%v are slowed, want nobody: one ended, one was ended", e.Slowed(at))
	}
	for _, s := range []Slowed{{"carrier", "a", at.Add(time.Hour)}, {"account", "", at.Add(time.Hour)}} {
		if e.Slow(s, at) {
			t.Errorf("%+v was taken", s)
		}
	}
}

func TestSlowIsBounded(t *testing.T) {
	e, at := slowEngine(t), testCall("", "").At
	names := new(slowSet)
	for i := range names {
		names[i] = map[string]time.Time{}
	}
	for i := range maxSlowed {
		names[0][fmt.Sprint(i)] = at.Add(time.Minute)
	}
	e.slowed.Store(names)
	if e.Slow(Slowed{"trunk", "pbx", at.Add(time.Hour)}, at) || !e.Slow(Slowed{"account", "7", at.Add(time.Hour)}, at) {
		t.Error("want one more refused, and one that is there changed")
	}
	if !e.Slow(Slowed{"trunk", "pbx", at.Add(time.Hour)}, at.Add(time.Minute)) {
		t.Error("what has ended makes no room")
	}
}

func TestSlowIsExplained(t *testing.T) {
	e, at := slowEngine(t), testCall("", "").At
	e.Slow(Slowed{"account", "alice", at.Add(time.Minute)}, at)
	x := e.Explain(slowCall(at, "alice", "pbx"))
	want := []Reading{{"account", "alice"}, {"slowed(account)", "until " + at.Add(time.Minute).UTC().Format(time.RFC3339)}}
	if diff := cmp.Diff(want, x.Rules[0].Reads); diff != "" || !x.Rules[0].Ended || !x.Rules[0].Parts[0].Stateful {
		t.Errorf("explained %+v, reads (-want +got):\n%s", x.Rules[0], diff)
	}
	want = []Reading{{"trunk", "pbx"}, {"slowed(trunk)", "no"}, {"callee", "+12025550123"}}
	if diff := cmp.Diff(want, x.Rules[1].Reads); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
}
