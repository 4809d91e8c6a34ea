package rules

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// LiveLists are the live changes to all lists, by their names: a layer over
// the files that outlives reloads. A list that the rules no longer declare
// keeps its changes. Safe for concurrent use.
type LiveLists struct {
	bound int

	mu      sync.Mutex // of changes
	lists   map[string]*liveList
	changes uint64 // made since the start
}

// newLiveLists makes room for so many rows a list.
func newLiveLists(bound int) *LiveLists {
	return &LiveLists{bound: bound, lists: map[string]*liveList{}}
}

// named is the layer over the list of that name; it stays the same for good.
func (a *LiveLists) named(name string) *liveList {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.layer(name)
}

func (a *LiveLists) layer(name string) *liveList {
	l := a.lists[name]
	if l == nil {
		l = &liveList{}
		a.lists[name] = l
	}
	return l
}

// change makes a change to a list of rs: all of it, from the next call on, or
// nothing. keep is given the change with its entries in their global form and
// makes it outlive the process before any call sees it; what it fails with
// undoes the change. The error is a Diagnostics when the change is at fault.
func (a *LiveLists) change(rs *Ruleset, ch LiveChange, at time.Time, keep func(LiveChange) error) (LiveChange, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, kept := rs.List(ch.List), a.lists[ch.List]
	if l == nil && (ch.Action != LiveRevert || kept == nil || kept.length.Load() == 0) { // what is left of a list can be taken back
		return ch, rs.unknownList(ch.List)
	}
	var d Diagnostics
	c := &changing{change: ch, list: a.layer(ch.List)}
	c.check(rs, l, at, &d)
	c.read(l, &d)
	if len(d) == 0 {
		a.room(c, at, &d)
	}
	if len(d) > 0 {
		return ch, bounded(d)
	}
	if err := keep(c.change); err != nil {
		return ch, err
	}
	a.make(c)
	a.changes++
	return c.change, nil
}

// bounded is d with its first findings and how many more there are.
func bounded(d Diagnostics) Diagnostics {
	var f findings
	for _, one := range d {
		f.add(one)
	}
	return f.all()
}

// room refuses what would be more rows than a list may have; rows that have
// expired make room first.
func (a *LiveLists) room(c *changing, at time.Time, d *Diagnostics) {
	if c.change.Action == LiveRevert || int(c.list.length.Load())+len(c.rows) <= a.bound {
		return
	}
	a.expire(c.list, at)
	have, more := int(c.list.length.Load()), 0
	state := c.list.state.Load()
	fresh := map[liveKey]bool{}
	for _, r := range c.rows {
		if !fresh[r.key] && (state == nil || state.table.find(r.key) == nil) {
			fresh[r.key] = true
			more++
		}
	}
	if have+more > a.bound {
		c.fault(d, fmt.Sprintf("%d live rows and %d more are over the bound of %d", have, more, a.bound),
			"put them into the list's file, revert changes that are not needed any more, or raise live_max")
	}
}

// expire takes off what has expired.
func (a *LiveLists) expire(l *liveList, at time.Time) {
	state := l.state.Load()
	if state == nil {
		return
	}
	var gone []liveKey
	state.table.each(func(r *LiveRow) {
		if !r.lives(at.Unix()) {
			gone = append(gone, r.key)
		}
	})
	if len(gone) > 0 {
		l.change(nil, state.shapes, gone)
	}
}

// make puts a change that was read to work.
func (a *LiveLists) make(c *changing) {
	if c.change.Action != LiveRevert {
		c.list.change(c.rows, c.shapes, nil)
		return
	}
	keys := make([]liveKey, len(c.rows))
	for i, r := range c.rows {
		keys[i] = r.key
	}
	c.list.change(nil, c.shapes, keys)
}

// Restore plays a change again that was made before a restart; the error says
// why it could not be read, and then nothing of it is made. What has expired at
// that time is left out.
func (a *LiveLists) Restore(ch LiveChange, at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var d Diagnostics
	switch ch.Action {
	case LiveAdd, LiveRemove, LiveRevert:
	default:
		return fmt.Errorf("unknown action %q", ch.Action)
	}
	if ch.List == "" {
		return fmt.Errorf("no list")
	}
	c := &changing{change: ch, list: a.layer(ch.List)}
	if c.read(nil, &d); len(d) > 0 {
		return d
	}
	if !ch.Expires.IsZero() && !ch.Expires.After(at) {
		c.change.Action = LiveRevert // it ended what was before it, too
	}
	a.make(c)
	return nil
}

// snapshotEntries bounds the entries of one change of a snapshot.
const snapshotEntries = 1000

// Snapshot hands over changes that make anew what the lists are at that time,
// by list. No change is made until take returns, nor may take ask for one.
func (a *LiveLists) Snapshot(at time.Time, take func(iter.Seq[LiveChange]) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return take(func(yield func(LiveChange) bool) {
		for _, name := range names(a.lists) {
			for ch := range a.lists[name].changes(name, at) {
				if !yield(ch) {
					return
				}
			}
		}
	})
}

// changes make anew what the list is at that time.
func (l *liveList) changes(name string, at time.Time) iter.Seq[LiveChange] {
	return func(yield func(LiveChange) bool) {
		rows := l.rows(at)
		for len(rows) > 0 {
			first, n := rows[0], 0
			ch := first.change(name)
			for n < min(len(rows), snapshotEntries) && *rows[n].detail == *first.detail && rows[n].key.subscriber == first.key.subscriber {
				ch.Entries = append(ch.Entries, rows[n].Entry())
				n++
			}
			if rows = rows[n:]; !yield(ch) {
				return
			}
		}
	}
}

// change is one that makes rows like r, without entries.
func (r *LiveRow) change(list string) LiveChange {
	d := r.detail
	ch := LiveChange{List: list, Action: LiveAdd, Subscriber: Number{r.key.subscriber}.String(), Why: d.why,
		Source: d.source, Note: d.note, By: d.by, Added: instant(d.added), Expires: instant(d.expires)}
	if d.removed {
		ch.Action = LiveRemove
	}
	return ch
}

// rows are those that have not expired at that time, what was changed together
// together, the oldest first.
func (l *liveList) rows(at time.Time) []*LiveRow {
	state := l.state.Load()
	if state == nil {
		return nil
	}
	var all []*LiveRow
	state.table.each(func(r *LiveRow) {
		if r.lives(at.Unix()) {
			all = append(all, r)
		}
	})
	slices.SortFunc(all, func(a, b *LiveRow) int {
		x, y := a.detail, b.detail
		if x != y {
			if c := cmp.Or(cmp.Compare(x.added, y.added), cmp.Compare(x.expires, y.expires), strings.Compare(x.note, y.note),
				strings.Compare(x.source, y.source), strings.Compare(x.by, y.by), cmp.Compare(x.why, y.why)); c != 0 {
				return c
			}
			if x.removed != y.removed {
				return map[bool]int{true: 1, false: -1}[x.removed]
			}
		}
		return cmp.Or(cmp.Compare(a.key.subscriber, b.key.subscriber), strings.Compare(a.text, b.text), cmp.Compare(a.key.low, b.key.low))
	})
	return all
}

// LiveStats say how much of a list was changed live.
type LiveStats struct {
	Name string
	Rows int // added and removed; expired ones, too, until they make room
}

// Len is how many rows all lists have.
func (a *LiveLists) Len() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.lists {
		n += int(l.length.Load())
	}
	return n
}

// of are the changes that make a list anew.
func (a *LiveLists) of(name string, at time.Time) []LiveChange {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := []LiveChange{}
	if l := a.lists[name]; l != nil {
		all = slices.AppendSeq(all, l.changes(name, at))
	}
	return all
}

// Stats are those of all lists that were changed live, by name, and how many
// changes were made since the start.
func (a *LiveLists) Stats() (all []LiveStats, changes uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range names(a.lists) {
		if n := a.lists[name].length.Load(); n > 0 {
			all = append(all, LiveStats{name, int(n)})
		}
	}
	return all, a.changes
}
