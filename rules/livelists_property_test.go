package rules

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// plainRow is a row of a list with live changes, as a plain reading has it.
type plainRow struct {
	entry         string
	live, removed bool
	expires       time.Time // zero: never
}

// plainCovers is how many numbers as long as n an entry covers, 0 when n is
// none of them.
func plainCovers(entry, n string) uint64 {
	if from, to, ok := strings.Cut(entry, "-"); ok {
		if len(from) != len(n) || n < from || n > to {
			return 0
		}
		var a, b uint64
		_, _ = fmt.Sscan(from[1:], &a) // what a range is made of
		_, _ = fmt.Sscan(to[1:], &b)
		return b - a + 1
	}
	signs, open := strings.CutSuffix(entry, "*")
	if len(n) < len(signs) || !open && len(n) > len(signs) {
		return 0
	}
	covers := uint64(1)
	for i := range n {
		sign := byte('X')
		if i < len(signs) {
			sign = signs[i]
		}
		switch {
		case sign == 'X':
			covers *= 10
		case sign == 'N' && n[i] >= '2':
			covers *= 8
		case sign != n[i]:
			return 0
		}
	}
	return covers
}

// plainFind is the row that holds n by reading all rows: the file's, in its
// order, and the live ones by their entries.
func plainFind(file []plainRow, live map[string]plainRow, n string, at time.Time) plainRow {
	lives := func(r plainRow) bool { return r.expires.IsZero() || at.Before(r.expires) }
	if r, ok := live[n]; ok && lives(r) {
		if r.removed {
			return plainRow{}
		}
		return r
	}
	for _, r := range file {
		if r.entry == n && lives(r) {
			return r
		}
	}
	best, least := plainRow{}, uint64(0)
	take := func(r plainRow) {
		covers := plainCovers(r.entry, n)
		if covers == 0 || r.entry == n || !lives(r) || least > 0 && covers >= least {
			return
		}
		best, least = r, covers
	}
	entries := make([]string, 0, len(live))
	for entry := range live {
		entries = append(entries, entry)
	}
	slices.Sort(entries)
	for _, entry := range entries {
		if !live[entry].removed {
			take(live[entry])
		}
	}
	for _, r := range file {
		if !live[r.entry].removed {
			take(r)
		}
	}
	return best
}

// drawnNumber is one of few, so that rows meet.
func drawnNumber(rt *rapid.T) string {
	return rapid.SampledFrom([]string{"+1202555010", "+1202555011", "+1303555010", "+442071838"}).Draw(rt, "stem") +
		rapid.SampledFrom([]string{"0", "1", "2", "3"}).Draw(rt, "last")
}

func drawnEntry(rt *rapid.T) string {
	n := drawnNumber(rt)
	switch rapid.IntRange(0, 4).Draw(rt, "form") {
	case 0:
		return n[:rapid.IntRange(3, len(n)).Draw(rt, "length")] + "*"
	case 1:
		at := rapid.IntRange(3, len(n)-1).Draw(rt, "at")
		return n[:at] + rapid.SampledFrom([]string{"X", "N"}).Draw(rt, "sign") + n[at+1:]
	case 2:
		other := n[:len(n)-1] + rapid.SampledFrom([]string{"4", "7", "9"}).Draw(rt, "to")
		return n + "-" + other
	}
	return n
}

// A list with its live layer, also after a restart, says what a plain reading
// of all rows says.
func TestLivePlainReading(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		moment := func() time.Time {
			if rapid.Bool().Draw(rt, "stays") {
				return time.Time{}
			}
			return testTime.Truncate(time.Second).Add(time.Duration(rapid.IntRange(1, 4).Draw(rt, "seconds")) * time.Second)
		}
		var file []plainRow
		lines := []string{"number,expires"}
		for range rapid.IntRange(0, 12).Draw(rt, "rows") {
			r := plainRow{entry: drawnEntry(rt), expires: moment()}
			if slices.ContainsFunc(file, func(have plainRow) bool { return have.entry == r.entry }) {
				continue
			}
			file = append(file, r)
			expires := ""
			if !r.expires.IsZero() {
				expires = r.expires.Format(time.RFC3339)
			}
			lines = append(lines, r.entry+","+expires)
		}
		l := mustList(t, listSpec{Name: "l", Empty: true, File: filepath.Join(dir, "l.csv")}, lines...)
		layers, live := newLiveLists(1000), map[string]plainRow{}
		rs := &Ruleset{lists: []*List{l}}
		for range rapid.IntRange(0, 20).Draw(rt, "changes") {
			ch := LiveChange{List: "l", Wide: true, Action: rapid.SampledFrom([]LiveAction{LiveAdd, LiveAdd, LiveRemove, LiveRevert}).Draw(rt, "action")}
			if ch.Action == LiveAdd {
				ch.Expires = moment()
			}
			for range rapid.IntRange(1, 3).Draw(rt, "entries") {
				entry := drawnEntry(rt)
				ch.Entries = append(ch.Entries, entry)
				if live[entry] = (plainRow{entry: entry, live: true, removed: ch.Action == LiveRemove, expires: ch.Expires}); ch.Action == LiveRevert {
					delete(live, entry)
				}
			}
			if _, err := layers.change(rs, ch, testTime, kept); err != nil {
				rt.Fatal(err)
			}
		}
		again := newLiveLists(1000)
		for _, ch := range snapshotOf(t, layers, testTime) {
			if err := again.Restore(ch, testTime); err != nil {
				rt.Fatal(err)
			}
		}
		for range 40 {
			n, at := drawnNumber(rt), testTime.Truncate(time.Second).Add(time.Duration(rapid.IntRange(0, 5).Draw(rt, "at"))*time.Second)
			want := plainFind(file, live, n, at)
			for _, a := range []*LiveLists{layers, again} {
				got := plainRow{}
				row, r := RowRef(0), (*LiveRow)(nil)
				if state := a.layer("l").state.Load(); state != nil {
					row, r = state.lookUp(l, 0, global(t, n), at)
				} else {
					row = l.Find(global(t, n), at)
				}
				switch {
				case r != nil:
					got = plainRow{r.Entry(), true, r.detail.removed, instant(r.detail.expires)}
				case row != 0:
					got = plainRow{entry: l.Row(row).Pattern, expires: l.Row(row).Expires}
				}
				if got.entry != want.entry || got.live != want.live || !got.expires.Equal(want.expires) {
					rt.Fatalf("%s at %s: got %+v, want %+v", n, at, got, want)
				}
			}
		}
	})
}
