package rules

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dead is the spec of the tests: one 404 by carrier-a, for an hour.
var dead = LearnSpec{Name: "dead", From: "callee", On: []int{404, 604}, Upstream: []string{"carrier-a", "carrier-b"}, After: 1, For: time.Hour}

// school is a set of learned lists with what it told.
type school struct {
	*LearnedLists
	told []LearnedEntry
}

func newSchool(bound int, specs ...LearnSpec) *school {
	s := new(school)
	s.LearnedLists = NewLearnedLists(bound, func(e LearnedEntry) { s.told = append(s.told, e) })
	s.Swap(specs, unlearnable{})
	return s
}

// hear is one final answer about a called number.
func (s *school) hear(t testing.TB, callee string, code int, upstream string, at time.Time) {
	t.Helper()
	s.hearOf(pendingCall{Callee: global(t, callee), Caller: global(t, "+13035551234"), Plain: true}, code, upstream, at)
}

// hearOf is one final answer to a call.
func (s *school) hearOf(call pendingCall, code int, upstream string, at time.Time) {
	s.observe(&Outcome{At: at, Code: code, Ended: code >= 300}, call, upstream)
}

// hearGood makes an upstream answer so many calls.
func (s *school) hearGood(t testing.TB, upstream string, calls int) {
	t.Helper()
	for i := range calls {
		s.hear(t, fmt.Sprintf("+1404555%04d", i), 200, upstream, noon)
	}
}

func (s *school) has(t testing.TB, list, number string, at time.Time) bool {
	t.Helper()
	return s.Named(list).has(everybody(global(t, number)), at)
}

// everybody is what a number is under in a list for everybody.
func everybody(n Number) learnedKey { return learnedKey{number: n.key} }

const gone = "+12025551234"

func TestLearnedTeaches(t *testing.T) {
	caller := dead
	caller.Name, caller.From = "callers", "caller"
	s := newSchool(100, dead, caller)
	for _, tt := range []struct {
		why      string
		number   string
		code     int
		upstream string
		want     bool
	}{
		{"a 404 of a named upstream", "+12025550001", 404, "carrier-a", true},
		{"another status that teaches, another upstream", "+12025550002", 604, "carrier-b", true},
		{"a status that does not teach", "+12025550003", 486, "carrier-a", false},
		{"an upstream that is not named", "+12025550004", 404, "carrier-c", false},
		{"no known upstream", "+12025550005", 404, "", false},
		{"an answer", "+12025550006", 200, "carrier-a", false},
	} {
		s.hear(t, tt.number, tt.code, tt.upstream, noon)
		if got := s.has(t, "dead", tt.number, noon); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.why, got, tt.want)
		}
		if s.has(t, "callers", tt.number, noon) {
			t.Errorf("%s: the callee is on the list of callers", tt.why)
		}
	}
	if s.has(t, "callers", "+13035551234", noon) {
		t.Error("the caller is on the list although a call of theirs was answered last")
	}
	s.hear(t, gone, 404, "carrier-a", noon)
	if !s.has(t, "callers", "+13035551234", noon) {
		t.Error("the caller is not on the list of callers")
	}
	if s.Named("dead").has(everybody(Number{}), noon) {
		t.Error("an absent number is on the list")
	}
}

func TestLearnedLivesToTheSecond(t *testing.T) {
	s := newSchool(100, dead)
	s.hear(t, gone, 404, "carrier-a", noon.Add(400*time.Millisecond))
	for after, want := range map[time.Duration]bool{
		0: true, time.Hour - time.Second: true, time.Hour - time.Nanosecond: true, time.Hour: false, 2 * time.Hour: false,
	} {
		if got := s.has(t, "dead", gone, noon.Add(after)); got != want {
			t.Errorf("after %v: %v, want %v", after, got, want)
		}
	}
	s.hear(t, gone, 404, "carrier-a", noon.Add(30*time.Minute))
	if !s.has(t, "dead", gone, noon.Add(80*time.Minute)) || s.has(t, "dead", gone, noon.Add(90*time.Minute)) {
		t.Error("another 404 did not begin the hour anew")
	}
	want := []LearnedEntry{
		{List: "dead", Number: global(t, gone), By: "carrier-a", Until: noon.Add(time.Hour)},
		{List: "dead", Number: global(t, gone), By: "carrier-a", Until: noon.Add(90 * time.Minute)},
	}
	if diff := cmp.Diff(want, s.told, cmp.AllowUnexported(Number{})); diff != "" {
		t.Errorf("told differs (-want +got):\n%s", diff)
	}
}

// It takes different callers, each on its trunk; the same one again does not
// count.
func TestLearnedAfterSoManyCallers(t *testing.T) {
	thrice := dead
	thrice.After = 3
	a, b, c := global(t, "+13035550001"), global(t, "+13035550002"), global(t, "+13035550003")
	short := plan(t, "US").Number("911")
	carriers, err := newTrunks([]Trunk{{Name: "one"}, {Name: "two"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	type by struct {
		caller Number
		trunk  string
		source string // without a trunk
	}
	for _, tt := range []struct {
		why   string
		calls []by
		want  bool
	}{
		{"three callers", []by{{caller: a}, {caller: b}, {caller: c}}, true},
		{"two callers", []by{{caller: a}, {caller: b}}, false},
		{"two callers, each again", []by{{caller: a}, {caller: b}, {caller: a}, {caller: b}, {caller: b}}, false},
		{"three callers, some again", []by{{caller: a}, {caller: a}, {caller: b}, {caller: a}, {caller: c}}, true},
		{"one caller on two trunks and without", []by{{a, "one", ""}, {a, "two", ""}, {a, "", "192.0.2.1"}}, true},
		{"one caller on two trunks", []by{{a, "one", "192.0.2.1"}, {a, "one", "192.0.2.2"}, {a, "two", "192.0.2.3"}}, false},
		{"no caller on one trunk", []by{{Number{}, "one", "192.0.2.1"}, {Number{}, "one", "192.0.2.2"}, {Number{}, "one", "192.0.2.3"}}, false},
		{"no caller of three sources", []by{{Number{}, "", "192.0.2.1"}, {Number{}, "", "192.0.2.2"}, {Number{}, "", "2001:db8::1"}}, true},
		{"no caller of two sources", []by{{Number{}, "", "192.0.2.1"}, {Number{}, "", "::ffff:192.0.2.1"}, {Number{}, "", "192.0.2.2"}}, false},
		{"none, a short one and one", []by{{trunk: "one"}, {short, "one", ""}, {a, "one", ""}}, true},
	} {
		s := newSchool(100, thrice)
		for _, call := range tt.calls {
			source, _ := netip.ParseAddr(call.source)
			s.hearOf(pendingCall{Caller: call.caller, Callee: global(t, gone), Origin: origin(carriers.named(call.trunk), source), Plain: true}, 404, "carrier-a", noon)
		}
		if got := s.has(t, "dead", gone, noon); got != tt.want || len(s.told) > 1 {
			t.Errorf("%s: %v, want %v; told %v", tt.why, got, tt.want, s.told)
		}
	}

	// Of callers that are learned it takes different callees.
	thrice.From = "caller"
	s := newSchool(100, thrice)
	for i, callee := range []Number{a, b, b, a, c} {
		s.hearOf(pendingCall{Caller: global(t, gone), Callee: callee}, 404, "carrier-a", noon)
		if got, want := s.has(t, "dead", gone, noon), i == 4; got != want {
			t.Errorf("a caller after %d calls: %v, want %v", i+1, got, want)
		}
	}
}

// Callers count only as long as nothing says that the number lives, and for
// the same time.
func TestLearnedCallersInARow(t *testing.T) {
	twice := dead
	twice.After = 2
	a, b := global(t, "+13035550001"), global(t, "+13035550002")
	hear := func(s *school, caller Number, code int, at time.Time) {
		s.hearOf(pendingCall{Caller: caller, Callee: global(t, gone), Plain: true}, code, "carrier-a", at)
	}
	s := newSchool(100, twice)
	hear(s, a, 404, noon)
	hear(s, a, 200, noon)
	hear(s, b, 404, noon)
	if s.has(t, "dead", gone, noon) {
		t.Error("an answer in between did not begin anew")
	}
	hear(s, a, 404, noon.Add(time.Hour))
	if s.has(t, "dead", gone, noon.Add(time.Hour)) {
		t.Error("a caller counted after the hour")
	}
	hear(s, b, 404, noon.Add(90*time.Minute))
	if !s.has(t, "dead", gone, noon.Add(90*time.Minute)) {
		t.Error("two callers within the hour did not teach")
	}
	// A number that is known lasts longer by anybody's call.
	hear(s, b, 404, noon.Add(2*time.Hour))
	if !s.has(t, "dead", gone, noon.Add(179*time.Minute)) {
		t.Error("a call to a known number did not prolong it")
	}
}

// What the caller wrote beside the number, and what was asked before, teaches
// nothing and says nothing of the upstream; that it rang counts all the same.
func TestLearnedFromPlainCallsOnce(t *testing.T) {
	plain := pendingCall{Callee: global(t, gone), Caller: global(t, "+13035550001"), Plain: true}
	again, odd := plain, plain
	again.Again, odd.Plain = true, false
	callers := dead
	callers.Name, callers.From = "callers", "caller"
	for why, call := range map[string]pendingCall{"asked again": again, "not plain": odd} {
		s := newSchool(100, dead, callers)
		s.hearOf(call, 404, "carrier-a", noon)
		if s.has(t, "dead", gone, noon) {
			t.Errorf("%s: taught", why)
		}
		if got := s.has(t, "callers", "+13035550001", noon); got != (why == "not plain") {
			t.Errorf("%s: of the caller: %v", why, got)
		}
		if up := s.Stats()[1].Upstreams; len(up) != 0 {
			t.Errorf("%s: counted as an answer: %+v", why, up)
		}
		s.hearOf(plain, 404, "carrier-a", noon)
		if !s.has(t, "dead", gone, noon) {
			t.Fatalf("%s: a plain call did not teach after it", why)
		}
		s.hearOf(call, 200, "carrier-a", noon)
		if s.has(t, "dead", gone, noon) {
			t.Errorf("%s: an answer did not take the number off", why)
		}
	}
}

func TestLearnedForgetsWhatLives(t *testing.T) {
	for why, o := range map[string]Outcome{
		"an answer":                          {Code: 200},
		"an answer by another carrier":       {Code: 202},
		"it rang, and was busy":              {Code: 486, Rang: true},
		"it rang, and then was said missing": {Code: 404, Rang: true},
	} {
		s := newSchool(100, dead)
		s.hear(t, gone, 404, "carrier-a", noon)
		o.At = noon
		s.observe(&o, pendingCall{Callee: global(t, gone)}, "carrier-c")
		if s.has(t, "dead", gone, noon) {
			t.Errorf("%s: still on the list", why)
		}
		if last := s.told[len(s.told)-1]; len(s.told) != 2 || !last.Until.IsZero() {
			t.Errorf("%s: told %v", why, s.told)
		}
		if got := s.Stats()[0]; got.Length != 0 || got.Taught != 1 || got.Forgotten != 1 {
			t.Errorf("%s: %+v", why, got)
		}
	}
	s := newSchool(100, dead)
	s.observe(&Outcome{At: noon, Code: 404, Rang: true}, pendingCall{Callee: global(t, gone), Plain: true}, "carrier-a")
	if s.has(t, "dead", gone, noon) {
		t.Error("a number that rang was learned as missing")
	}
}

func TestLearnedNever(t *testing.T) {
	never := map[Number]bool{global(t, gone): true}
	s := newSchool(100)
	s.Swap([]LearnSpec{dead}, unlearnable{own: func(n Number) bool { return never[n] }})
	s.hear(t, gone, 404, "carrier-a", noon)
	if s.has(t, "dead", gone, noon) {
		t.Error("a number of the inventory was learned")
	}
	pbx := plan(t, "US", "2XXX")
	for _, user := range []string{"2001", "911", "alice"} {
		n := pbx.Number(user)
		s.observe(&Outcome{At: noon, Code: 404}, pendingCall{Callee: n, Plain: true}, "carrier-a")
		if s.Named("dead").has(everybody(n), noon) {
			t.Errorf("%q was learned", user)
		}
	}
	other := "+12025559999"
	s.hear(t, other, 404, "carrier-a", noon)
	never[global(t, other)] = true
	if !s.has(t, "dead", other, noon) {
		t.Fatal("not learned")
	}
	s.Swap([]LearnSpec{dead}, unlearnable{own: func(n Number) bool { return never[n] }})
	if s.has(t, "dead", other, noon) {
		t.Error("a number that came into the inventory stays learned")
	}
}

func TestLearnedSilencesAnUpstream(t *testing.T) {
	s := newSchool(1000, dead)
	upstream := func() UpstreamStats { return s.Stats()[0].Upstreams[0] }
	hearDead := func(calls, from int) {
		for i := range calls {
			s.hear(t, fmt.Sprintf("+1505555%04d", from+i), 404, "carrier-a", noon)
		}
	}
	s.hear(t, gone, 404, "carrier-a", noon)
	s.hearGood(t, "carrier-a", 100)
	if got, want := upstream(), (UpstreamStats{Name: "carrier-a", Answers: 100}); got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	hearDead(49, 0)
	if got := upstream(); got.Silenced || got.Teaching != 49 || !s.has(t, "dead", "+15055550048", noon) {
		t.Fatalf("49 of 100: %+v", got)
	}
	hearDead(1, 49)
	if got := upstream(); !got.Silenced || got.Teaching != 50 || got.Alarms != 1 {
		t.Fatalf("50 of 100: %+v", got)
	}
	for i := range 50 {
		if s.has(t, "dead", fmt.Sprintf("+1505555%04d", i), noon) {
			t.Fatalf("number %d that the fault taught is on the list", i)
		}
	}
	if !s.has(t, "dead", gone, noon) {
		t.Error("a number learned before the fault was forgotten")
	}
	hearDead(10, 100)
	if s.has(t, "dead", "+15055550109", noon) {
		t.Error("a silenced upstream taught")
	}
	s.hear(t, "+16065551234", 404, "carrier-b", noon)
	if !s.has(t, "dead", "+16065551234", noon) {
		t.Error("another upstream was silenced too")
	}
	s.hearGood(t, "carrier-a", 100)
	hearDead(1, 200)
	if got := upstream(); got.Silenced || got.Alarms != 1 || !s.has(t, "dead", "+15055550200", noon) {
		t.Errorf("back to normal: %+v", got)
	}
	if got := s.Stats()[0]; got.Forgotten != 49 || got.Taught != 52 {
		t.Errorf("%+v, want 52 taught and 49 forgotten", got)
	}
}

func TestLearnedJudgesByEnoughAnswers(t *testing.T) {
	s := newSchool(100, dead)
	for i := range 19 {
		s.hear(t, fmt.Sprintf("+1505555%04d", i), 404, "carrier-a", noon)
	}
	if got := s.Stats()[0]; got.Length != 19 || got.Upstreams[0].Silenced {
		t.Fatalf("19 answers: %+v", got)
	}
	s.hear(t, gone, 404, "carrier-a", noon)
	if got := s.Stats()[0]; got.Length != 0 || !got.Upstreams[0].Silenced || got.Upstreams[0].Alarms != 1 {
		t.Errorf("20 answers: %+v", got)
	}
}

func TestLearnedIsBounded(t *testing.T) {
	s := newSchool(3, dead)
	s.hearGood(t, "carrier-a", 50)
	for i, minute := range []int{5, 1, 3, 4} {
		s.hear(t, fmt.Sprintf("+1505555000%d", i), 404, "carrier-a", noon.Add(time.Duration(minute)*time.Minute))
	}
	for i, want := range []bool{true, false, true, true} {
		if got := s.has(t, "dead", fmt.Sprintf("+1505555000%d", i), noon.Add(5*time.Minute)); got != want {
			t.Errorf("number %d: %v, want %v", i, got, want)
		}
	}
	last := s.told[len(s.told)-2]
	if got := s.Stats()[0]; got.Length != 3 || got.Capacity != 3 || got.Evicted != 1 || !last.Until.IsZero() || last.Number != global(t, "+15055550001") {
		t.Errorf("%+v, told %+v", got, last)
	}
	// What has expired goes first, and is no eviction.
	s.hear(t, gone, 404, "carrier-a", noon.Add(2*time.Hour))
	if got := s.Stats()[0]; got.Length != 1 || got.Evicted != 1 {
		t.Errorf("%+v, want the expired gone", got)
	}
}

func TestLearnedSurvivesReload(t *testing.T) {
	s := newSchool(100, dead)
	list := s.Named("dead")
	s.hear(t, gone, 404, "carrier-a", noon)
	s.Swap(nil, unlearnable{})
	s.hear(t, "+12025559999", 404, "carrier-a", noon)
	if !list.has(everybody(global(t, gone)), noon) || list.has(everybody(global(t, "+12025559999")), noon) {
		t.Error("a list that is no longer declared forgot, or learned")
	}
	longer := dead
	longer.For = 2 * time.Hour
	s.Swap([]LearnSpec{longer}, unlearnable{})
	if s.Named("dead") != list {
		t.Error("the list is another one after a reload")
	}
	s.hear(t, "+12025559999", 404, "carrier-a", noon)
	if !list.has(everybody(global(t, "+12025559999")), noon.Add(90*time.Minute)) || list.has(everybody(global(t, gone)), noon.Add(90*time.Minute)) {
		t.Error("the new span is not that of what is learned from now on alone")
	}
}

// A list that is no longer declared goes once it holds nothing.
func TestLearnedDropsEmptyLists(t *testing.T) {
	twice := dead
	twice.Name, twice.After = "twice", 2
	s := newSchool(100, dead, twice)
	s.hear(t, gone, 404, "carrier-a", noon)
	s.Swap(nil, unlearnable{})
	if got := s.Stats(); len(got) != 1 || got[0].Name != "dead" {
		t.Errorf("kept %+v, want the list that holds a number", got)
	}
	s.Swap(nil, unlearnable{own: func(Number) bool { return true }})
	if got := s.Stats(); len(got) != 0 {
		t.Errorf("kept %+v", got)
	}
}

func TestLearnedRestores(t *testing.T) {
	s := newSchool(100, dead)
	s.hear(t, gone, 404, "carrier-a", noon)
	s.hear(t, "+12025550002", 404, "carrier-a", noon)
	s.hear(t, "+12025550003", 404, "carrier-a", noon.Add(-time.Hour))
	s.hear(t, "+12025550002", 200, "carrier-a", noon)
	want := []LearnedEntry{{List: "dead", Number: global(t, gone), By: "carrier-a", Until: noon.Add(time.Hour)}}
	for name, kept := range map[string][]LearnedEntry{"snapshot": s.Snapshot(noon), "changes": s.told} {
		again := newSchool(100)
		again.Restore(kept, noon)
		if diff := cmp.Diff(want, again.Snapshot(noon), cmp.AllowUnexported(Number{})); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", name, diff)
		}
		if !again.has(t, "dead", gone, noon) || len(again.told) != 0 {
			t.Errorf("%s: not on the list, or told again: %v", name, again.told)
		}
		again.Swap([]LearnSpec{dead}, unlearnable{})
		again.hear(t, gone, 200, "carrier-b", noon)
		if again.has(t, "dead", gone, noon) {
			t.Errorf("%s: what was restored is not forgotten", name)
		}
	}
	bad := newSchool(1)
	bad.Restore([]LearnedEntry{{}, {List: "dead"}, {List: "dead", Number: (*Plan)(nil).Number("911"), Until: noon.Add(time.Hour)}}, noon)
	if got := bad.Snapshot(noon); len(got) != 0 {
		t.Errorf("restored %v", got)
	}
	bad.Restore([]LearnedEntry{{List: "dead", Number: global(t, "+12025550001"), Until: noon.Add(time.Hour)}, {List: "dead", Number: global(t, gone), Until: noon.Add(2 * time.Hour)}}, noon)
	if got := bad.Snapshot(noon); len(got) != 1 || got[0].Number != global(t, gone) {
		t.Errorf("a full list holds %v", got)
	}
}

// Lists are taught, asked, swapped and counted at the same time.
func TestLearnedTogether(t *testing.T) {
	lists := NewLearnedLists(50, func(LearnedEntry) {})
	lists.Swap([]LearnSpec{dead}, unlearnable{})
	list := lists.Named("dead")
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 500 {
				n := Number{12025550000 + uint64(i%100)}
				code := 404
				if (i+g)%3 > 0 {
					code = 200
				}
				lists.observe(&Outcome{At: noon, Code: code}, pendingCall{Callee: n, Plain: true}, "carrier-a")
				list.has(everybody(n), noon)
				if i%100 == 0 {
					lists.Swap([]LearnSpec{dead}, unlearnable{own: func(n Number) bool { return n.key%7 == 0 }})
					lists.Stats()
					lists.Restore(lists.Snapshot(noon), noon)
				}
			}
		})
	}
	all.Wait()
	known := 0
	for i := range 100 {
		n := Number{12025550000 + uint64(i)}
		if list.has(everybody(n), noon) {
			known++
			if n.key%7 == 0 {
				t.Errorf("%v is never to be learned", n)
			}
		}
	}
	if got := len(lists.Snapshot(noon)); got != known || got > 50 {
		t.Errorf("%d numbers are had, %d are in the snapshot, 50 at most", known, got)
	}
}

// A caller cannot take a good number out of service by dialling it so that the
// carrier knows it not.
func TestEngineLearnsFromPlainCalls(t *testing.T) {
	rs := compiled(t, Settings{Country: "US", Trunks: []Trunk{{Name: "carrier-a"}}}, "rules.yaml", `learn:
  dead: {from: callee, on: [404], upstream: [carrier-a], after: 2, for: 1h}
rules:
  - {id: dead, when: callee in learned("dead"), block: not-found}
`)
	e := running(t, Options{}, rs)
	calls := 0
	call := func(uri, user string, edit func(*Call)) Action {
		calls++
		c := testCall(fmt.Sprintf("+1212234%04d", calls), user)
		c.RequestURI, c.CallID = uri, fmt.Sprint("call-", calls)
		edit(c)
		v := decided(e, c)
		if v.Action != Block {
			e.Observe(&Outcome{At: testTime, ID: v.ID, Code: 404, Carrier: "carrier-a", Ended: true})
		}
		return v.Action
	}
	as := func(*Call) {}
	for range 3 {
		for uri, user := range map[string]string{
			"sip:+1-202-555-2001@example.net":                 "+1-202-555-2001",
			"sip:%2B12025552001@example.net":                  "+12025552001",
			"sip:+12025552001;rn=+12025550000;npdi@x.example": "+12025552001",
			"sip:2025552001@example.net":                      "2025552001",
			"sip:01112025552001@example.net":                  "01112025552001",
		} {
			call(uri, user, as)
		}
	}
	for range 2 {
		if got := call("sip:+12025552001@example.net", "+12025552001", as); got != Allow {
			t.Fatalf("learned from odd forms: %v", got)
		}
	}
	if got := call("sip:+12025552001@example.net", "+12025552001", as); got != Block {
		t.Fatalf("two callers did not teach: %v", got)
	}
	e = running(t, Options{}, rs)
	for range 3 {
		call("sip:+12025552001@example.net", "+12025552001", func(c *Call) { c.CallID, c.From.User = "one attempt", "anonymous" })
		call("sip:+12025552001@example.net", "+12025552001", func(c *Call) { c.CallID, c.From.User = "one attempt", "restricted" })
		call("sip:+1.202.555.2001@example.net", "+1.202.555.2001", as)
	}
	if got := call("sip:+12025552001@example.net", "+12025552001", as); got != Allow {
		t.Fatalf("learned from one caller and odd forms: %v", got)
	}
}
