package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Parties count only while they were heard within the time that is asked for.
func TestLearnedWithin(t *testing.T) {
	const minute = time.Minute
	for _, tt := range []struct {
		why   string
		after int
		calls []time.Duration // of a new party each, but for those below 0: of the first
		want  bool
	}{
		{"two in time", 2, []time.Duration{0, 9 * minute}, true},
		{"two, the second too late", 2, []time.Duration{0, 10 * minute}, false},
		{"three, never three in time", 3, []time.Duration{0, 6 * minute, 12 * minute}, false},
		{"the last three of four in time", 3, []time.Duration{0, 6 * minute, 12 * minute, 15 * minute}, true},
		{"the first again, and another", 3, []time.Duration{0, 6 * minute, -9 * minute, 12 * minute}, true},
		{"the first again alone", 2, []time.Duration{0, -6 * minute, -12 * minute}, false},
		{"told out of order", 2, []time.Duration{9 * minute, 0}, true},
	} {
		spec := dead
		spec.After, spec.Within = tt.after, 10*minute
		s := newSchool(10, spec)
		for i, d := range tt.calls {
			party := uint64(13035550001 + i)
			if d < 0 {
				d, party = -d, 13035550001
			}
			s.hearOf(pendingCall{Callee: global(t, gone), Caller: Number{party}, Plain: true}, 404, "carrier-a", noon.Add(d))
		}
		if got := s.has(t, "dead", gone, noon.Add(15*minute)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.why, got, tt.want)
		}
	}
	// What was heard too seldom is gone with its last party.
	spec := dead
	spec.After, spec.Within = 2, minute
	s := newSchool(10, spec)
	s.hear(t, gone, 404, "carrier-a", noon)
	s.hear(t, "+12025559999", 404, "carrier-a", noon.Add(2*minute))
	if got := s.Stats()[0].Length; got != 1 {
		t.Errorf("%d numbers are kept, want the one that was heard of within the minute", got)
	}
}

const scopedRules = `
learn:
  dead:   {from: callee, on: [404], upstream: [carrier-a, carrier-b], scope: upstream, for: 1h}
  shared: {from: callee, on: [410], upstream: [carrier-a, carrier-b], for: 1h}
rules:
  - {id: dead, when: 'callee in learned("dead") or callee in learned("shared")', block: not-found}
  - {id: known, when: 'upstream == "carrier-c"', label: by c, mode: enforce}
`

// taught is a call and what became of it.
type taught struct {
	caller, callee string
	upstream       string // that the switch knew before
	by             string // who answered
	code           int
	rang           bool
}

// teach decides a call and tells what became of it; the action is returned.
func teach(e *Engine, at time.Time, o taught) Action {
	c := testCall(o.caller, o.callee)
	c.At, c.Upstream = at, o.upstream
	v := decided(e, c)
	if o.code != 0 && v.Action == Allow {
		e.Observe(&Outcome{At: at, ID: v.ID, Code: o.code, Carrier: o.by, Rang: o.rang, Ended: true})
	}
	return v.Action
}

func TestLearnedForOneUpstream(t *testing.T) {
	carriers := []Trunk{testTrunk(t, "carrier-a", "192.0.2.0/28", true), {Name: "carrier-b"}, {Name: "carrier-c"}}
	const number, caller = "+12025557001", "+12122000001"
	for _, tt := range []struct {
		why   string
		calls []taught // before
		want  map[string]Action
	}{
		{"nothing", nil, map[string]Action{"": Allow, "carrier-a": Allow, "carrier-b": Allow}},
		{"one has taught", []taught{{by: "carrier-a", code: 404}},
			map[string]Action{"": Allow, "carrier-a": Block, "192.0.2.3": Block, "198.51.100.9": Allow, "carrier-b": Allow, "carrier-c": Allow, "nobody": Allow}},
		{"both have", []taught{{by: "carrier-a", code: 404}, {by: "carrier-b", code: 404}},
			map[string]Action{"": Block, "carrier-a": Block, "carrier-b": Block, "carrier-c": Allow}},
		{"one heard it alive again", []taught{{by: "carrier-a", code: 404}, {by: "carrier-b", code: 404, upstream: "carrier-b"}, {by: "carrier-b", code: 200, upstream: "carrier-c"}},
			map[string]Action{"": Allow, "carrier-a": Block, "carrier-b": Allow}},
		{"it lives by another", []taught{{by: "carrier-a", code: 404}, {by: "carrier-b", code: 404}, {by: "carrier-c", code: 486, rang: true, upstream: "carrier-c"}},
			map[string]Action{"": Allow, "carrier-a": Allow, "carrier-b": Allow}},
		{"it lives by nobody knows whom", []taught{{by: "carrier-a", code: 404}, {code: 200, upstream: "carrier-c"}},
			map[string]Action{"carrier-a": Allow}},
		{"a list for all", []taught{{by: "carrier-a", code: 410}},
			map[string]Action{"": Block, "carrier-a": Block, "carrier-b": Block, "carrier-c": Block}},
	} {
		e := running(t, Options{CacheBytes: 1 << 20}, compiled(t, Settings{Trunks: carriers}, "rules.yaml", scopedRules))
		for _, o := range tt.calls {
			o.caller, o.callee = caller, number
			if got := teach(e, testTime, o); got != Allow {
				t.Errorf("%s: %+v: %v", tt.why, o, got)
			}
		}
		for upstream, want := range tt.want {
			if got := teach(e, testTime, taught{caller: caller, callee: number, upstream: upstream}); got != want {
				t.Errorf("%s: to %q %v, want %v", tt.why, upstream, got, want)
			}
		}
	}
}

// The upstream that the switch names is what rules ask for, and one that is not
// configured is told.
func TestUpstreamOfACall(t *testing.T) {
	carriers := []Trunk{testTrunk(t, "carrier-a", "192.0.2.0/28", true), {Name: "carrier-c"}}
	rs := compiled(t, Settings{Trunks: carriers}, "rules.yaml", "rules:\n  - {id: c, when: 'upstream == \"carrier-c\"', block: administrative}\n  - {id: a, when: 'upstream == \"carrier-a\"', block: dno}\n")
	e := running(t, Options{}, rs)
	for upstream, want := range map[string]string{"carrier-c": "c", "carrier-a": "a", "192.0.2.1": "a", "198.51.100.1": "", "": "", "2001:db8::1": "", "carrier-x": ""} {
		c := testCall("+12122000001", "+12025557001")
		c.Upstream, c.CallID = upstream, upstream
		rule := ""
		if v := decided(e, c); v.Rule != nil {
			rule = v.Rule.ID
		}
		if rule != want {
			t.Errorf("%q: rule %q, want %q", upstream, rule, want)
		}
		x := e.Explain(c)
		if got := x.UnknownUpstream; (got != "") != (upstream == "carrier-x") || strings.Contains(x.String(), "upstream \""+upstream) != (upstream == "carrier-x") {
			t.Errorf("%q: unknown %q\n%s", upstream, got, x)
		}
	}
	if got := e.Stats(); got.UnknownTrunks != 1 || !slices.Equal(got.UnknownNames, []string{"carrier-x"}) {
		t.Errorf("%+v", got)
	}
}

const refusedRules = `
lists:
  acme: {file: acme.csv, own: true}
learn:
  refused: {from: caller, per: callee, on: [607], upstream: [phones], for: 365d}
  missing: {from: callee, per: caller, on: [404], upstream: [phones], for: 1d}
rules:
  - {id: refused, when: 'callers in learned("refused", callee)', block: subscriber}
  - {id: missing, when: 'callee in learned("missing", caller)', block: not-found}
`

const (
	anna = "+12025557001"
	bert = "+12025557002"
	spam = "+13035550260"
	ours = "+12122000009"
)

func refusing(t testing.TB, o Options) *Engine {
	phones := testTrunk(t, "phones", "10.0.0.0/8", false)
	return running(t, o, compiled(t, Settings{Country: "US", Trunks: []Trunk{phones, {Name: "voicemail"}}}, "rules.yaml", refusedRules, "acme.csv", ours+"\n"+bert+"\n"))
}

// A subscriber who refuses a caller speaks for nobody else.
func TestLearnedPerSubscriber(t *testing.T) {
	refuse := taught{caller: spam, callee: anna, by: "phones", code: 607, rang: true}
	with := func(edit func(*taught)) taught { o := refuse; edit(&o); return o }
	for _, tt := range []struct {
		why   string
		calls []taught
		want  Action // of the call again
	}{
		{"refused after it rang", []taught{refuse}, Block},
		{"refused at once", []taught{with(func(o *taught) { o.rang = false })}, Block},
		{"busy", []taught{with(func(o *taught) { o.code = 486 })}, Allow},
		{"by no phone", []taught{with(func(o *taught) { o.by = "voicemail" })}, Allow},
		{"by nobody knows whom", []taught{with(func(o *taught) { o.by = "" })}, Allow},
		{"by another subscriber", []taught{with(func(o *taught) { o.callee = bert })}, Allow},
		{"another caller", []taught{with(func(o *taught) { o.caller = "+13035550261" })}, Allow},
	} {
		e := refusing(t, Options{})
		for _, o := range tt.calls {
			teach(e, testTime, o)
		}
		if got := teach(e, testTime, taught{caller: spam, callee: anna}); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.why, got, tt.want)
		}
		if got := teach(e, testTime.AddDate(1, 0, 1), taught{caller: spam, callee: anna}); got != Allow {
			t.Errorf("%s: after a year: %v", tt.why, got)
		}
	}
	// Forty subscribers who refuse at once are no fault of the phones.
	e := refusing(t, Options{})
	for i := range 40 {
		teach(e, testTime, taught{caller: spam, callee: fmt.Sprintf("+1202555%04d", 8000+i), by: "phones", code: 607})
	}
	if got := e.Stats().Learned[1]; got.Name != "refused" || got.Length != 40 || len(got.Upstreams) != 0 {
		t.Errorf("%+v, want 40 entries", got)
	}
}

// The subscriber's answer takes a caller off, whose call a rule in monitor let
// pass; nobody else's does, nor does it that the phone rings.
func TestLearnedPerSubscriberForgets(t *testing.T) {
	for _, tt := range []struct {
		why  string
		o    taught
		want bool // still refused
	}{
		{"an answer", taught{callee: anna, by: "phones", code: 200}, false},
		{"an answer by nobody knows whom", taught{callee: anna, code: 200}, false},
		{"voicemail answers", taught{callee: anna, by: "voicemail", code: 200}, true},
		{"it rang", taught{callee: anna, by: "phones", code: 486, rang: true}, true},
		{"another subscriber answers", taught{callee: bert, by: "phones", code: 200}, true},
	} {
		s := newSchool(100, LearnSpec{Name: "refused", From: "caller", Per: "callee", On: []int{607}, Upstream: []string{"phones"}, For: time.Hour})
		s.hearOf(pendingCall{Caller: global(t, spam), Callee: global(t, anna)}, 607, "phones", noon)
		s.observe(&Outcome{At: noon, Code: tt.o.code, Rang: tt.o.rang}, pendingCall{Caller: global(t, spam), Callee: global(t, tt.o.callee)}, tt.o.by)
		if got := s.Named("refused").has(learnedKey{global(t, spam).key, global(t, anna).key}, noon); got != tt.want {
			t.Errorf("%s: refused: %v, want %v", tt.why, got, tt.want)
		}
	}
}

// Nobody who is not shown, no emergency number and no subscriber without a
// number of his own is learned. An own number can be refused, and is never
// missing.
func TestLearnedPerSubscriberNever(t *testing.T) {
	for _, tt := range []struct {
		why            string
		caller, callee string
		code           int
		edit           func(*Call)
		want           int // entries
	}{
		{"a caller", spam, anna, 607, func(*Call) {}, 1},
		{"a withheld caller whose number the trunk has", spam, anna, 607, func(c *Call) { c.Privacy = "id" }, 0},
		{"an anonymous caller", "anonymous", anna, 607, func(*Call) {}, 0},
		{"an extension", "2001", anna, 607, func(*Call) {}, 0},
		{"a callee without a number", spam, "anna", 607, func(*Call) {}, 0},
		{"an emergency number as the caller", "112", anna, 607, func(*Call) {}, 0},
		{"an emergency call", spam, "911", 607, func(*Call) {}, 0},
		{"a colleague", ours, anna, 607, func(*Call) {}, 1},
		{"a missing number", spam, anna, 404, func(*Call) {}, 1},
		{"an own number as missing", spam, bert, 404, func(*Call) {}, 0},
	} {
		e := refusing(t, Options{})
		c := testCall(tt.caller, tt.callee)
		tt.edit(c)
		v := decided(e, c)
		e.Observe(&Outcome{At: testTime, ID: v.ID, Code: tt.code, Carrier: "phones", Ended: true})
		if got := len(e.Learned().Snapshot(testTime)); got != tt.want {
			t.Errorf("%s: %d entries, want %d", tt.why, got, tt.want)
		}
	}
}

// scopedEntries are entries of all kinds.
func scopedEntries(t testing.TB, list string) map[string]LearnedEntry {
	until := noon.Add(time.Hour)
	return map[string]LearnedEntry{
		"everybody":  {List: list, Number: global(t, gone), By: "carrier-a", Until: until},
		"old":        {List: list, Number: global(t, "+12025551235"), Until: until},
		"upstream":   {List: list, Number: global(t, gone), Upstream: "carrier-a", Until: until},
		"other":      {List: list, Number: global(t, gone), Upstream: "carrier-x", Until: until},
		"subscriber": {List: list, Number: global(t, gone), Subscriber: global(t, anna), By: "phones", Until: until},
	}
}

// What a restart brings back is what was there; what a list does not hold for
// whom it counts any more is taken off when the rules are loaded.
func TestLearnedKindsSurvive(t *testing.T) {
	all := scopedEntries(t, "dead")
	scoped, per := dead, dead
	scoped.Scoped = true
	per.From, per.Per = "caller", "callee"
	for _, tt := range []struct {
		spec LearnSpec
		want []string
	}{{dead, []string{"everybody", "old"}}, {scoped, []string{"upstream"}}, {per, []string{"subscriber"}}} {
		s := newSchool(100)
		entries := []LearnedEntry{}
		for _, e := range all {
			entries = append(entries, e)
		}
		s.Restore(entries, noon)
		again := newSchool(100)
		again.Restore(s.Snapshot(noon), noon)
		if got := again.Snapshot(noon); len(got) != len(all) {
			t.Fatalf("%d entries of a snapshot, want %d", len(got), len(all))
		}
		s.Swap([]LearnSpec{tt.spec}, unlearnable{})
		var want []LearnedEntry
		for _, name := range tt.want {
			want = append(want, all[name])
		}
		if diff := cmp.Diff(want, s.Snapshot(noon), cmp.AllowUnexported(Number{})); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.spec, diff)
		}
		// It is told, so that the next restart does not bring it back.
		again.Restore(s.told, noon)
		if diff := cmp.Diff(want, again.Snapshot(noon), cmp.AllowUnexported(Number{})); diff != "" {
			t.Errorf("%+v: after what was told (-want +got):\n%s", tt.spec, diff)
		}
	}
	s := newSchool(100)
	s.Restore([]LearnedEntry{
		{List: "dead", Number: global(t, gone), Subscriber: (*Plan)(nil).Number("2001"), Until: noon.Add(time.Hour)},
		{List: "dead", Number: global(t, gone), Subscriber: global(t, anna), Upstream: "carrier-a", Until: noon.Add(time.Hour)},
	}, noon)
	if got := s.Snapshot(noon); len(got) != 0 {
		t.Errorf("restored %v", got)
	}
}

func TestLearnedPages(t *testing.T) {
	e := running(t, Options{}, compiled(t, Settings{Trunks: []Trunk{{Name: "carrier-a"}, {Name: "carrier-b"}, {Name: "carrier-c"}}}, "rules.yaml", scopedRules))
	var entries []LearnedEntry
	for i := range 700 {
		for _, upstream := range []string{"carrier-a", "carrier-b"} {
			entries = append(entries, LearnedEntry{List: "dead", Number: Number{12025550000 + uint64(i*7919%10_000)}, Upstream: upstream, Until: testTime.Add(time.Hour)})
		}
	}
	e.Learned().Restore(append(entries, LearnedEntry{List: "dead", Number: global(t, gone), Upstream: "carrier-a", Until: testTime.Add(time.Second)}), testTime)
	want := e.Learned().Snapshot(testTime.Add(time.Minute))
	for _, limit := range []int{1, 2, 333, 1400, MaxLearnedPage} {
		var got []LearnedEntry
		place, pages := "", 0
		for {
			page, err := e.LearnedPage("dead", place, limit, testTime.Add(time.Minute))
			if err != nil || len(page.Entries) > limit || page.Total != 1401 || page.List != "dead" {
				t.Fatalf("%d entries, total %d, %v", len(page.Entries), page.Total, err)
			}
			got, pages = append(got, page.Entries...), pages+1
			if place = page.Next; place == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Number{})); diff != "" || pages != (1400+limit-1)/limit {
			t.Errorf("limit %d: %d pages (-want +got):\n%s", limit, pages, diff)
		}
	}
	for list, place := range map[string]string{"nothing": "", "ded": "", "dead": "here"} {
		if _, err := e.LearnedPage(list, place, 1, testTime); err == nil {
			t.Errorf("%s at %q: no error", list, place)
		} else if list == "ded" && !strings.Contains(err.Error(), "did you mean dead?") {
			t.Error(err)
		}
	}
}

// Numbers can be taken off by hand, and are learned again by what teaches.
func TestLearnedByHand(t *testing.T) {
	e := refusing(t, Options{})
	refuse := taught{caller: spam, callee: anna, by: "phones", code: 607}
	teach(e, testTime, refuse)
	teach(e, testTime, taught{caller: spam, callee: bert, by: "phones", code: 607})
	find := func(subscriber string) ListMatch {
		t.Helper()
		m, err := e.FindEntry("refused", "+1 303 555 0260", subscriber, testTime)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	until := testTime.Add(365 * 24 * time.Hour)
	want := ListMatch{List: "refused", Entry: spam, Holds: true, Until: until,
		Learned: []LearnedEntry{{List: "refused", Number: global(t, spam), Subscriber: global(t, anna), By: "phones", Until: until}}}
	if diff := cmp.Diff(want, find(anna), cmp.AllowUnexported(Number{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for want, ch := range map[string]LiveChange{
		"numbers can be taken off, and nothing else": {Action: LiveAdd, Entries: []string{spam}, Subscriber: anna},
		"no subscriber":         {Action: LiveRemove, Entries: []string{spam}},
		"is no number":          {Action: LiveRemove, Entries: []string{"+1303*"}, Subscriber: anna},
		"no source and no note": {Action: LiveRemove, Entries: []string{spam}, Subscriber: anna, Note: "x"},
		"no entry":              {Action: LiveRemove, Subscriber: anna},
	} {
		ch.List = "refused"
		var d Diagnostics
		if _, err := e.ChangeList(ch, testTime, nil); !errors.As(err, &d) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", ch, err, want)
		}
	}
	made, err := e.ChangeList(LiveChange{List: "refused", Action: LiveRemove, Entries: []string{"+1-303-555-0260"}, Subscriber: anna}, testTime, nil)
	if err != nil || !slices.Equal(made.Entries, []string{spam}) {
		t.Fatalf("%+v, %v", made, err)
	}
	if find(anna).Holds || !find(bert).Holds {
		t.Errorf("anna %+v, bert %+v", find(anna), find(bert))
	}
	if got := teach(e, testTime, refuse); got != Allow {
		t.Errorf("taken off, and %v", got)
	}
	if got := teach(e, testTime, refuse); got != Block {
		t.Errorf("refused again, and %v", got)
	}
}
