package sidecar

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"ringfence/rules"
)

// What a list may change by in any case.
const (
	feedRows  = 100       // more
	feedCover = 1_000_000 // numbers or addresses covered, more or fewer: 100 blocks of 10,000
)

// guard tells why a copy is held back, nil when it is not. The list at work is
// what it is compared with. Before the first copy, and when another address is
// declared now, there is none, and only wide rows hold it back.
func (f *feeds) guard(d *feed, list *rules.List) error {
	if d.Guard == 0 {
		return nil
	}
	before := f.before(d)
	if fault := held(before, list, d.Guard); fault != "" {
		return fmt.Errorf("%s, it is held back (ringfence list accept %s, if that is right)", fault, d.List)
	}
	return nil
}

// before is the list at work, nil when its copy is not one of this feed.
func (f *feeds) before(d *feed) *rules.List {
	rs := f.ruleset()
	if rs.Awaits(d.List) || d.state.URL != "" && d.state.URL != d.URL {
		return nil
	}
	return rs.List(d.List)
}

// held says what of a copy is a change beyond the guard, empty for nothing.
func held(before, after *rules.List, guard float64) string {
	var known []string
	if before != nil {
		known = before.Wide()
	}
	fresh := slices.DeleteFunc(after.Wide(), func(row string) bool { return slices.Contains(known, row) })
	if len(fresh) > 0 {
		return fmt.Sprintf("a new row is very wide: %s", strings.Join(fresh[:min(3, len(fresh))], ", "))
	}
	if before == nil {
		return ""
	}
	share := math.Round(100 * guard)
	rows, have := float64(after.Len()), float64(before.Len())
	if rows < have*(1-guard) || rows > max(have*(1+guard), have+feedRows) {
		return fmt.Sprintf("%d rows after %d is beyond the guard of %.0f%%", after.Len(), before.Len(), share)
	}
	a, b := before.Coverage(), after.Coverage()
	if jumps(a.Numbers, b.Numbers, guard) {
		return fmt.Sprintf("it covers %.3g numbers after %.3g, which is beyond the guard of %.0f%%", b.Numbers, a.Numbers, share)
	}
	if jumps(a.Addresses, b.Addresses, guard) {
		return fmt.Sprintf("it covers %.3g addresses after %.3g, which is beyond the guard of %.0f%%", b.Addresses, a.Addresses, share)
	}
	return ""
}

func jumps(before, after, guard float64) bool {
	return after < min(before*(1-guard), before-feedCover) || after > max(before*(1+guard), before+feedCover)
}
