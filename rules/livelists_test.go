package rules

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const liveRules = `
lists:
  spam:    {file: spam.csv, why: analytics}
  mixed:   {file: mixed.csv, why: dno}
  friends: {file: friends.csv, empty: true}
  acme:    {file: acme.csv, own: true, country: US}
rules:
  - {id: friends, when: 'caller in list("friends")', allow: true}
  - {id: spam, when: 'callers in list("spam")', block: analytics}
  - {id: mixed, when: 'callers in list("mixed")', block: listed}
  - {id: acme, when: 'trunk == "pbx" and caller not in list("acme")', block: administrative}
`

// liveEngine runs liveRules with a cache.
func liveEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	o.CacheBytes = 1 << 20
	return running(t, o, liveSet(t))
}

func liveSet(t testing.TB) *Ruleset {
	return compiled(t, Settings{}, "rules.yaml", liveRules, "spam.csv", "+12122000001\n+1303555*\n",
		"mixed.csv", "number,why\n+12122000002,analytics\n+12122000003,\n", "friends.csv", "", "acme.csv", "+12122000009\n")
}

func kept(LiveChange) error { return nil }

func mustChange(t testing.TB, e *Engine, ch LiveChange) LiveChange {
	t.Helper()
	if ch.Action == "" {
		ch.Action = LiveAdd
	}
	made, err := e.ChangeList(ch, testTime, kept)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A live change takes effect on the very next call, whatever the cache holds.
func TestLiveChangeOnTheNextCall(t *testing.T) {
	e := liveEngine(t, Options{})
	check := func(what, number, want string, at time.Time) {
		t.Helper()
		for range 3 { // by the index, and by the cache
			c := testCall(number, "+12125550123")
			c.At = at
			if got := words(decided(e, c)); got != want {
				t.Errorf("%s: %s: got %q, want %q\n%s", what, number, got, want, e.Explain(c))
			}
			e.cache.cache.Wait()
		}
	}
	const blocked = "block spam 603 Network Blocked"
	later := testTime.Add(time.Hour)
	generation := e.Generation()
	check("before", "+12122000005", "allow", testTime)
	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+12122000005"}, Expires: later})
	check("added", "+12122000005", blocked, testTime)
	check("in its last second", "+12122000005", blocked, later.Add(-time.Second))
	check("expired", "+12122000005", "allow", later)

	check("before", "+12122000001", blocked, testTime)
	mustChange(t, e, LiveChange{List: "spam", Action: LiveRemove, Entries: []string{"+12122000001", "+13035551234"}})
	check("removed", "+12122000001", "allow", testTime)
	check("removed from a prefix", "+13035551234", "allow", testTime)
	check("its neighbour", "+13035551235", blocked, testTime)
	mustChange(t, e, LiveChange{List: "spam", Action: LiveRemove, Entries: []string{"+1303555*"}})
	check("prefix removed", "+13035551235", "allow", testTime)
	mustChange(t, e, LiveChange{List: "spam", Action: LiveRevert, Entries: []string{"+1303555*", "+13035551234"}})
	check("reverted", "+13035551234", blocked, testTime)
	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+12122000001"}})
	check("added again", "+12122000001", blocked, testTime)

	mustChange(t, e, LiveChange{List: "friends", Entries: []string{"+1303*"}})
	check("allowed by a prefix", "+13035551234", "allow friends", testTime)
	mustChange(t, e, LiveChange{List: "friends", Action: LiveRemove, Entries: []string{"+13035551234"}})
	check("but for one", "+13035551234", blocked, testTime)
	if e.Generation() != generation {
		t.Errorf("generation %d after %d", e.Generation(), generation)
	}
	e.Swap(liveSet(t))
	check("after a reload", "+12122000005", blocked, testTime)
	check("after a reload", "+13035551239", "allow friends", testTime)
}

// What a live row says is in verdict and explanation.
func TestLiveRowSays(t *testing.T) {
	e := liveEngine(t, Options{})
	ch := LiveChange{List: "mixed", Entries: []string{"+1212400*"}, Why: Subscriber, Source: "desk", Note: "asked by phone", By: "ops", Added: testTime, Expires: testTime.Add(time.Hour)}
	mustChange(t, e, ch)
	mustChange(t, e, LiveChange{List: "mixed", Entries: []string{"+12123000001"}})
	c := testCall("+12124000001", "+12125550123")
	v := decided(e, c)
	if v.Why != Subscriber || v.Code != 607 || v.List != "mixed" || v.Row != 0 || v.Live == nil {
		t.Fatalf("verdict %+v", v)
	}
	want := Row{Pattern: "+1212400*", Why: Subscriber, Source: "desk", Note: "asked by phone", By: "ops", Added: testTime.Truncate(time.Second), Expires: testTime.Add(time.Hour).Truncate(time.Second), Live: true}
	if diff := cmp.Diff(want, v.Live.Row(e.Ruleset().List("mixed"))); diff != "" {
		t.Error(diff)
	}
	text := e.Explain(c).String()
	for _, part := range []string{"row +1212400* in list mixed (live), why: subscriber, source: desk, note: asked by phone, added: ", ", by: ops, expires: "} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in %s", part, text)
		}
	}
	v = decided(e, testCall("+12123000001", "+12125550123"))
	if v.Why != DNO || v.Live.Row(e.Ruleset().List("mixed")).Why != DNO {
		t.Errorf("a row without why: %+v", v)
	}
	if v = decided(e, testCall("+12122000002", "+12125550123")); v.Why != Analytics || v.Live != nil || v.Row == 0 {
		t.Errorf("a row of the file: %+v", v)
	}
}

func TestLiveChangeFaults(t *testing.T) {
	e := liveEngine(t, Options{LiveMax: 2})
	tests := []struct {
		name   string
		change LiveChange
		want   string
	}{
		{"unknown list", LiveChange{List: "span", Entries: []string{"+12122000005"}}, `list "span": unknown list (did you mean spam?)`},
		{"no entry", LiveChange{List: "spam"}, `list "spam": no entry (name a number, a prefix, a pattern, a range or a network)`},
		{"bad entries", LiveChange{List: "spam", Entries: []string{"+12122000005", "+1x5a", "2122000005"}}, `list "spam": "+1x5a" is no pattern (write digits, N for 2 to 9, X for any digit, and * at the end for more of them)` + "\n" +
			`list "spam": "2122000005" has no country (write it in its global form, +12025550142, or give the list a country)`},
		{"why", LiveChange{List: "spam", Why: DNO, Entries: []string{"+12122000005"}}, `list "spam": why is dno, and the list's why is analytics (leave it out, or take another list)`},
		{"why of no row", LiveChange{List: "spam", Why: Overload, Entries: []string{"+12122000005"}}, `list "spam": "overload" is no reason to list a number (use analytics, dno, administrative, subscriber, not-found, anonymous)`},
		{"past", LiveChange{List: "spam", Entries: []string{"+12122000005"}, Expires: testTime}, `list "spam": expires ` + testTime.UTC().Format(time.RFC3339) + `, which has passed`},
		{"remove with why", LiveChange{List: "spam", Action: LiveRemove, Why: DNO, Entries: []string{"+12122000005"}}, `list "spam": why and expires are for rows that are added`},
		{"action", LiveChange{List: "spam", Action: "ad", Entries: []string{"+12122000005"}}, `list "spam": unknown action "ad" (did you mean add?)`},
		{"note", LiveChange{List: "spam", Entries: []string{"+12122000005"}, Note: "two\nlines"}, `list "spam": note holds what is no text of one line`},
		{"everything", LiveChange{List: "spam", Wide: true, Entries: []string{"+N*"}}, `list "spam": "+N*" covers every number (write at least the digits of a calling code, or a rule without the list)`},
		{"wide", LiveChange{List: "spam", Entries: []string{"+12122000005", "+1*", "0.0.0.0/1"}}, `list "spam": "+1*" covers all numbers with +1 (add it with --wide (wide: true) if that is meant)` + "\n" +
			`list "spam": "0.0.0.0/1" covers a large part of all addresses (add it with --wide (wide: true) if that is meant)`},
		{"too many", LiveChange{List: "spam", Entries: []string{"+12122000005", "+12122000006", "+12122000007"}}, `list "spam": 0 live rows and 3 more are over the bound of 2 (put them into the list's file, revert changes that are not needed any more, or raise live_max)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.change.Action == "" {
				tt.change.Action = LiveAdd
			}
			_, err := e.ChangeList(tt.change, testTime, func(LiveChange) error { t.Error("was kept"); return nil })
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	if stats, _ := e.Live().Stats(); len(stats) > 0 {
		t.Errorf("something was changed: %v", stats)
	}
	full := errors.New("disk full")
	if _, err := e.ChangeList(LiveChange{List: "spam", Action: LiveAdd, Entries: []string{"+12122000005"}}, testTime, func(LiveChange) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if v := decided(e, testCall("+12122000005", "+12125550123")); v.Action != Allow {
		t.Error("a change that was not kept was made")
	}
	noRedress := running(t, Options{}, compiled(t, Settings{Redress: Redress{Location: "LN"}}, "rules.yaml",
		"lists:\n  mixed: {file: mixed.csv, why: dno}\n"+rulesOf(`{id: a, when: 'callers in list("mixed")', block: listed}`), "mixed.csv", "+12122000001\n"))
	_, err := noRedress.ChangeList(LiveChange{List: "mixed", Action: LiveAdd, Why: Analytics, Entries: []string{"+12122000005"}}, testTime, kept)
	if err == nil || !strings.Contains(err.Error(), "analytics without a redress contact") {
		t.Errorf("analytics without redress: %v", err)
	}
}

// Rows that have expired make room.
func TestLiveRoom(t *testing.T) {
	e := liveEngine(t, Options{LiveMax: 2})
	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+12122000005", "+1404*"}, Expires: testTime.Add(time.Minute)})
	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+1404*"}}) // it is there already
	ch := LiveChange{List: "spam", Action: LiveAdd, Entries: []string{"+12122000006"}}
	if _, err := e.ChangeList(ch, testTime, kept); err == nil {
		t.Error("more than the bound")
	}
	if _, err := e.ChangeList(ch, testTime.Add(time.Minute), kept); err != nil {
		t.Error(err)
	}
	if stats, changes := e.Live().Stats(); !slices.Equal(stats, []LiveStats{{"spam", 2}}) || changes != 3 {
		t.Errorf("%v after %d changes", stats, changes)
	}
}

// Own numbers that are added live are not learned.
func TestLiveOwn(t *testing.T) {
	e := liveEngine(t, Options{})
	never := e.unlearnable(e.Ruleset()).own
	n := global(t, "+12122000010")
	if never(n) || !never(global(t, "+12122000009")) {
		t.Error("before")
	}
	if made := mustChange(t, e, LiveChange{List: "acme", Entries: []string{"(212) 200-0010"}}); !slices.Equal(made.Entries, []string{"+12122000010"}) {
		t.Errorf("made %v", made)
	}
	mustChange(t, e, LiveChange{List: "acme", Action: LiveRemove, Entries: []string{"+12122000009"}})
	if !never(n) || never(global(t, "+12122000009")) {
		t.Error("after")
	}
}

func snapshotOf(t testing.TB, a *LiveLists, at time.Time) (all []LiveChange) {
	t.Helper()
	err := a.Snapshot(at, func(changes iter.Seq[LiveChange]) error { all = slices.Collect(changes); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A snapshot makes the same lists anew.
func TestLiveSnapshot(t *testing.T) {
	e := liveEngine(t, Options{})
	var many []string
	for i := range snapshotEntries + 5 {
		many = append(many, fmt.Sprintf("+1212300%04d", i))
	}
	mustChange(t, e, LiveChange{List: "spam", Entries: many, Note: "many", Added: testTime})
	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+1404*", "+14045550100-+14045550199", "+1NXX976XXXX"}, Added: testTime, Expires: testTime.Add(time.Hour)})
	mustChange(t, e, LiveChange{List: "spam", Action: LiveRemove, Entries: []string{"+1303555*", "+12122000001"}, By: "ops", Added: testTime})
	mustChange(t, e, LiveChange{List: "mixed", Entries: []string{"+12122000007"}, Added: testTime})
	mustChange(t, e, LiveChange{List: "mixed", Action: LiveRevert, Entries: []string{"+12122000007"}})
	all := snapshotOf(t, e.Live(), testTime)
	if len(all) != 4 {
		t.Errorf("%d changes", len(all))
	}
	again := newLiveLists(10)
	for _, ch := range all {
		if err := again.Restore(ch, testTime); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(all, snapshotOf(t, again, testTime)); diff != "" {
		t.Error(diff)
	}
	if got := snapshotOf(t, again, testTime.Add(time.Hour)); len(got) != 3 {
		t.Errorf("%d changes when one has expired", len(got))
	}
	for _, ch := range []LiveChange{{List: "spam", Action: "no", Entries: many[:1]}, {Action: LiveAdd, Entries: many[:1]}, {List: "spam", Action: LiveAdd, Entries: []string{"x"}}} {
		if err := again.Restore(ch, testTime); err == nil {
			t.Errorf("restored %v", ch)
		}
	}
}

func TestFindEntry(t *testing.T) {
	e := liveEngine(t, Options{})
	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+1404*"}, Note: "n"})
	mustChange(t, e, LiveChange{List: "spam", Action: LiveRemove, Entries: []string{"+12122000001", "+1303555*"}, By: "ops"})
	for _, tt := range []struct{ list, entry, want string }{
		{"spam", "+14045551234", "row +1404* in list spam (live), why: analytics, note: n"},
		{"spam", "+1404*", "row +1404* in list spam (live), why: analytics, note: n"},
		{"spam", "+1405*", ""},
		{"spam", "+12122000001", "removed row +12122000001 in list spam (live), why: analytics, by: ops"},
		{"spam", "+1303555*", "removed row +1303555* in list spam (live), why: analytics, by: ops"},
		{"spam", "+13035551234", ""},
		{"mixed", "+12122000002", "row +12122000002 in list mixed (mixed.csv:2), why: analytics"},
	} {
		m, err := e.FindEntry(tt.list, tt.entry, "", testTime)
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case m.Row != nil:
			m.Row.File = strings.TrimPrefix(m.Row.File, filepath.Dir(m.Row.File)+"/")
			got = m.Row.String()
		case m.Removed != nil:
			got = "removed " + m.Removed.String()
		}
		if got != tt.want || m.Holds != (m.Row != nil) {
			t.Errorf("%s: got %q, want %q", tt.entry, got, tt.want)
		}
	}
}

func TestLiveNetworks(t *testing.T) {
	e := running(t, Options{}, compiled(t, Settings{}, "rules.yaml", "lists:\n  hosts: {file: hosts.csv}\n"+rulesOf(`{id: hosts, when: 'source in list("hosts")', block: subscriber}`),
		"hosts.csv", "192.0.2.0/24\n2001:db8::/32\n"))
	check := func(address, want string) {
		t.Helper()
		c := testCall("+12122000001", "+12125550123")
		c.Source = netip.MustParseAddr(address)
		v := decided(e, c)
		got := ""
		switch {
		case v.Live != nil:
			got = "live " + v.Live.Entry()
		case v.Row != 0:
			got = e.Ruleset().List("hosts").Row(v.Row).Pattern
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
	check("192.0.2.7", "192.0.2.0/24")
	mustChange(t, e, LiveChange{List: "hosts", Entries: []string{"192.0.2.0/28", "198.51.100.0/24", "2001:db8:1::/48", "203.0.113.9"}})
	check("192.0.2.7", "live 192.0.2.0/28")
	check("192.0.2.77", "192.0.2.0/24")
	check("::ffff:198.51.100.1", "live 198.51.100.0/24")
	check("2001:db8:1::5", "live 2001:db8:1::/48")
	check("2001:db8:2::5", "2001:db8::/32")
	check("203.0.113.9", "live 203.0.113.9")
	check("203.0.113.8", "")
	mustChange(t, e, LiveChange{List: "hosts", Action: LiveRemove, Entries: []string{"192.0.2.8", "2001:db8::/32", "198.51.100.0/24"}})
	check("192.0.2.8", "")
	check("192.0.2.7", "live 192.0.2.0/28")
	check("2001:db8:2::5", "")
	check("198.51.100.1", "")
	for entry, holds := range map[string]bool{"192.0.2.9": true, "192.0.2.8": false, "2001:db8::/32": false, "192.0.2.0/24": true, "192.0.2.0/25": false} {
		if m, err := e.FindEntry("hosts", entry, "", testTime); err != nil || m.Holds != holds {
			t.Errorf("%s: %+v %v", entry, m, err)
		}
	}
}

func TestLivePerCallee(t *testing.T) {
	e := running(t, Options{}, compiled(t, Settings{}, "rules.yaml", "lists:\n  personal: {file: personal.csv, per: callee}\n"+
		rulesOf(`{id: personal, when: 'caller in list("personal", callee)', block: subscriber}`),
		"personal.csv", "number,subscriber\n+12122000001,+12125550123\n+1303*,+12125550123\n"))
	check := func(caller, callee, want string) {
		t.Helper()
		if got := words(decided(e, testCall(caller, callee))); got != want {
			t.Errorf("%s to %s: got %q, want %q", caller, callee, got, want)
		}
	}
	const ours, theirs, refused = "+12125550123", "+12125550124", "block personal 607 Unwanted"
	check("+12122000001", ours, refused)
	check("+12122000001", theirs, "allow")
	mustChange(t, e, LiveChange{List: "personal", Subscriber: theirs, Entries: []string{"+12122000001", "+1404*"}})
	mustChange(t, e, LiveChange{List: "personal", Action: LiveRemove, Subscriber: ours, Entries: []string{"+12122000001", "+1303*"}})
	check("+12122000001", ours, "allow")
	check("+13035551234", ours, "allow")
	check("+12122000001", theirs, refused)
	check("+14045551234", theirs, refused)
	check("+14045551234", ours, "allow")
	v := decided(e, testCall("+14045551234", theirs))
	if row := v.Live.Row(e.Ruleset().List("personal")); row.Subscriber != theirs || row.Pattern != "+1404*" {
		t.Errorf("row %+v", row)
	}
	for _, tt := range []struct{ list, subscriber, entry, want string }{
		{"personal", "", "+12122000001", "no subscriber, and the list is declared with per: callee"},
		{"personal", "12", "+12122000001", `subscriber: "12" has no country`},
		{"personal", ours, "192.0.2.1", "is a network, and the rows are those of a subscriber"},
	} {
		_, err := e.ChangeList(LiveChange{List: tt.list, Action: LiveAdd, Subscriber: tt.subscriber, Entries: []string{tt.entry}}, testTime, kept)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	e = liveEngine(t, Options{})
	if _, err := e.ChangeList(LiveChange{List: "spam", Action: LiveAdd, Subscriber: ours, Entries: []string{"+12122000001"}}, testTime, kept); err == nil {
		t.Error("a subscriber in a list for all")
	}
}
