package rules

import (
	"fmt"
	"testing"
	"time"
)

// bulkEngine decides by a list of 2,000 numbers from +13035550000 that are kept
// in a bulk, and a prefix beside them.
func bulkEngine(t *testing.T) *Engine {
	t.Helper()
	lines := []string{"+1404*"}
	for i := range 2000 {
		lines = append(lines, fmt.Sprintf("+1303555%04d", i))
	}
	l, _ := loadListWith(mustList(t, listSpec{}, lines...).listSpec, allBulk)
	rs := compiled(t, Settings{}, "rules.yaml", "lists:\n  spam: {file: spam.rfl, why: dno}\nrules:\n  - {id: spam, when: 'callers in list(\"spam\")', block: dno}\n",
		"spam.rfl", string(content(t, compile(t, l))))
	if rs.lists[0].bulk == nil {
		t.Fatal("the list has no bulk")
	}
	return running(t, Options{CacheBytes: 1 << 20}, rs)
}

// Live changes count over a bulk as over any list: additions, removals of its
// numbers, and what expires.
func TestLiveOverABulk(t *testing.T) {
	e := bulkEngine(t)
	const blocked = "block spam 603 Decline"
	later := testTime.Add(time.Hour)
	check := func(what, number, want, by string, at time.Time) {
		t.Helper()
		c := testCall(number, "+12125550123")
		c.At = at
		for range 2 { // by the index, and by the cache
			if got := words(decided(e, c)); got != want {
				t.Errorf("%s: %s: %q, want %q", what, number, got, want)
			}
			e.cache.cache.Wait()
		}
		found, err := e.FindEntry("spam", number, "", at)
		switch {
		case err != nil:
			t.Error(err)
		case found.Holds != (want == blocked):
			t.Errorf("%s: %s: holds %v", what, number, found.Holds)
		case by == "":
			if found.Row != nil {
				t.Errorf("%s: %s: by %v", what, number, found.Row)
			}
		case found.Row == nil || found.Row.Pattern != by:
			t.Errorf("%s: %s: by %v, want %s", what, number, found.Row, by)
		}
	}
	check("in the bulk", "+13035550007", blocked, "+13035550007", testTime)
	check("not in it", "+13035559999", "allow", "", testTime)

	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+13035559999"}, Expires: later})
	check("added", "+13035559999", blocked, "+13035559999", later.Add(-time.Second))
	check("expired", "+13035559999", "allow", "", later)

	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+13035550008"}, Note: "again", Expires: later})
	if v := decided(e, testCall("+13035550008", "+12125550123")); v.Live == nil || v.Live.detail.note != "again" {
		t.Errorf("the live row does not count before that of the bulk: %+v", v)
	}
	check("added over the bulk and expired", "+13035550008", blocked, "+13035550008", later)

	mustChange(t, e, LiveChange{List: "spam", Action: LiveRemove, Entries: []string{"+13035550007", "+14045551234"}})
	check("removed", "+13035550007", "allow", "", testTime)
	check("beside it", "+13035550006", blocked, "+13035550006", testTime)
	check("removed from a prefix", "+14045551234", "allow", "", testTime)

	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+1303555*"}})
	check("the bulk before a live prefix", "+13035550006", blocked, "+13035550006", testTime)
	check("by a live prefix", "+13035558888", blocked, "+1303555*", testTime)
	check("removed, whatever the prefix", "+13035550007", "allow", "", testTime)

	e.Swap(bulkEngine(t).Ruleset())
	check("removed, after a reload", "+13035550007", "allow", "", testTime)
	mustChange(t, e, LiveChange{List: "spam", Action: LiveRevert, Entries: []string{"+13035550007"}})
	check("reverted", "+13035550007", blocked, "+13035550007", testTime)

	mustChange(t, e, LiveChange{List: "spam", Action: LiveRemove, Entries: []string{"+13035550000-+13035550009"}})
	check("of a range only the row that is it", "+13035550005", blocked, "+13035550005", testTime)
}
