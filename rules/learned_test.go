package rules

import (
	"fmt"
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
	s.Swap(specs, nil)
	return s
}

// hear is one final answer about a called number.
func (s *school) hear(t testing.TB, callee string, code int, upstream string, at time.Time) {
	t.Helper()
	s.observe(&Outcome{At: at, Code: code, Ended: code >= 300}, PendingCall{Callee: global(t, callee), Caller: global(t, "+13035551234")}, upstream)
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
	return s.Named(list).Has(global(t, number), at)
}

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
	if s.Named("dead").Has(Number{}, noon) {
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
		{List: "dead", Number: global(t, gone), Until: noon.Add(time.Hour)},
		{List: "dead", Number: global(t, gone), Until: noon.Add(90 * time.Minute)},
	}
	if diff := cmp.Diff(want, s.told, cmp.AllowUnexported(Number{})); diff != "" {
		t.Errorf("told differs (-want +got):\n%s", diff)
	}
}

func TestLearnedAfterSoManyCalls(t *testing.T) {
	thrice := dead
	thrice.After = 3
	s := newSchool(100, thrice)
	for i, want := range []bool{false, false, true} {
		s.hear(t, gone, 404, "carrier-a", noon.Add(time.Duration(i)*time.Minute))
		if got := s.has(t, "dead", gone, noon.Add(10*time.Minute)); got != want {
			t.Errorf("after %d calls: %v, want %v", i+1, got, want)
		}
	}
	// One that rings in between begins anew.
	other := "+12025559999"
	s.hear(t, other, 404, "carrier-a", noon)
	s.hear(t, other, 404, "carrier-a", noon)
	s.hear(t, other, 200, "carrier-a", noon)
	s.hear(t, other, 404, "carrier-a", noon)
	// So does one that comes after the others are forgotten.
	late := "+12025558888"
	s.hear(t, late, 404, "carrier-a", noon)
	s.hear(t, late, 404, "carrier-a", noon)
	s.hear(t, late, 404, "carrier-a", noon.Add(time.Hour))
	if s.has(t, "dead", other, noon) || s.has(t, "dead", late, noon.Add(time.Hour)) {
		t.Error("learned from fewer calls in a row than it takes")
	}
	if len(s.told) != 1 {
		t.Errorf("told %v, want one change", s.told)
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
		s.observe(&o, PendingCall{Callee: global(t, gone)}, "carrier-c")
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
	s.observe(&Outcome{At: noon, Code: 404, Rang: true}, PendingCall{Callee: global(t, gone)}, "carrier-a")
	if s.has(t, "dead", gone, noon) {
		t.Error("a number that rang was learned as missing")
	}
}

func TestLearnedNever(t *testing.T) {
	never := map[Number]bool{global(t, gone): true}
	s := newSchool(100)
	s.Swap([]LearnSpec{dead}, func(n Number) bool { return never[n] })
	s.hear(t, gone, 404, "carrier-a", noon)
	if s.has(t, "dead", gone, noon) {
		t.Error("a number of the inventory was learned")
	}
	pbx := plan(t, "US", "2XXX")
	for _, user := range []string{"2001", "911", "alice"} {
		n := pbx.Number(user)
		s.observe(&Outcome{At: noon, Code: 404}, PendingCall{Callee: n}, "carrier-a")
		if s.Named("dead").Has(n, noon) {
			t.Errorf("%q was learned", user)
		}
	}
	other := "+12025559999"
	s.hear(t, other, 404, "carrier-a", noon)
	never[global(t, other)] = true
	if !s.has(t, "dead", other, noon) {
		t.Fatal("not learned")
	}
	s.Swap([]LearnSpec{dead}, func(n Number) bool { return never[n] })
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
	s.Swap(nil, nil)
	s.hear(t, "+12025559999", 404, "carrier-a", noon)
	if !list.Has(global(t, gone), noon) || list.Has(global(t, "+12025559999"), noon) {
		t.Error("a list that is no longer declared forgot, or learned")
	}
	longer := dead
	longer.For = 2 * time.Hour
	s.Swap([]LearnSpec{longer}, nil)
	if s.Named("dead") != list {
		t.Error("the list is another one after a reload")
	}
	s.hear(t, "+12025559999", 404, "carrier-a", noon)
	if !list.Has(global(t, "+12025559999"), noon.Add(90*time.Minute)) || list.Has(global(t, gone), noon.Add(90*time.Minute)) {
		t.Error("the new span is not that of what is learned from now on alone")
	}
}

func TestLearnedRestores(t *testing.T) {
	s := newSchool(100, dead)
	s.hear(t, gone, 404, "carrier-a", noon)
	s.hear(t, "+12025550002", 404, "carrier-a", noon)
	s.hear(t, "+12025550003", 404, "carrier-a", noon.Add(-time.Hour))
	s.hear(t, "+12025550002", 200, "carrier-a", noon)
	want := []LearnedEntry{{List: "dead", Number: global(t, gone), Until: noon.Add(time.Hour)}}
	for name, kept := range map[string][]LearnedEntry{"snapshot": s.Snapshot(noon), "changes": s.told} {
		again := newSchool(100)
		again.Restore(kept, noon)
		if diff := cmp.Diff(want, again.Snapshot(noon), cmp.AllowUnexported(Number{})); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", name, diff)
		}
		if !again.has(t, "dead", gone, noon) || len(again.told) != 0 {
			t.Errorf("%s: not on the list, or told again: %v", name, again.told)
		}
		again.Swap([]LearnSpec{dead}, nil)
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
	bad.Restore([]LearnedEntry{{"dead", global(t, "+12025550001"), noon.Add(time.Hour)}, {"dead", global(t, gone), noon.Add(2 * time.Hour)}}, noon)
	if got := bad.Snapshot(noon); len(got) != 1 || got[0].Number != global(t, gone) {
		t.Errorf("a full list holds %v", got)
	}
}

// Lists are taught, asked, swapped and counted at the same time.
func TestLearnedTogether(t *testing.T) {
	lists := NewLearnedLists(50, func(LearnedEntry) {})
	lists.Swap([]LearnSpec{dead}, nil)
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
				lists.observe(&Outcome{At: noon, Code: code}, PendingCall{Callee: n}, "carrier-a")
				list.Has(n, noon)
				if i%100 == 0 {
					lists.Swap([]LearnSpec{dead}, func(n Number) bool { return n.key%7 == 0 })
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
		if list.Has(n, noon) {
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
