package rules

import (
	"net/netip"
	"time"
)

// ListMatch says whether a list holds an entry, and by which row.
type ListMatch struct {
	List    string      `json:"list"`
	Entry   string      `json:"entry"` // in its global form
	Holds   bool        `json:"holds"`
	Row     *MatchedRow `json:"row,omitempty"`     // it holds by
	Removed *MatchedRow `json:"removed,omitempty"` // the live removal of the entry
	Until   time.Time   `json:"until,omitzero"`    // when a learned list forgets it

	Learned []LearnedEntry `json:"learned,omitempty"` // what a learned list holds of it, by upstream
}

// LiveRows are the changes that make the live rows of a list at that time. The
// error is a Diagnostics: nobody declares the list, and nothing was changed.
func (e *Engine) LiveRows(list string, at time.Time) ([]LiveChange, error) {
	rs := e.Ruleset()
	if rs == nil {
		return nil, errNoRules
	}
	all := e.layers.of(list, at)
	if len(all) == 0 && rs.List(list) == nil {
		return nil, rs.unknownList(list)
	}
	return all, nil
}

// FindEntry says what a list of the rules at work has of an entry at that
// time: of a number or an address the row that a call would match; of another
// entry the row that is that very one. The error is a Diagnostics.
func (e *Engine) FindEntry(list, text, subscriber string, at time.Time) (ListMatch, error) {
	e.swap.Lock()
	defer e.swap.Unlock()
	m := ListMatch{List: list, Entry: text}
	rs := e.Ruleset()
	if rs == nil {
		return m, errNoRules
	}
	l := rs.List(list)
	switch {
	case l == nil && rs.learn(list) != nil:
		err := e.findLearned(&m, rs.learn(list), subscriber, at)
		return m, err
	case l == nil:
		return m, rs.unknownList(list)
	}
	var d Diagnostics
	c := &changing{change: LiveChange{List: list, Entries: []string{text}, Subscriber: subscriber}, list: e.layers.named(list)}
	if c.read(l, &d); len(d) > 0 {
		return m, d
	}
	m.Entry = c.change.Entries[0]
	state := c.list.state.Load()
	if state == nil {
		state = &liveState{table: newLiveTable(0)}
	}
	row, live := state.entry(l, c.entries[0], c.rows[0].key, at)
	switch {
	case live != nil && live.detail.removed:
		m.Removed = l.matched(live.Row(l))
	case live != nil:
		m.Row = l.matched(live.Row(l))
	case row != 0:
		m.Row = l.matched(l.Row(row))
	}
	m.Holds = m.Row != nil
	return m, nil
}

// entry is the row of an entry, of the file or live, or its live removal.
func (s *liveState) entry(l *List, e entry, k liveKey, at time.Time) (RowRef, *LiveRow) {
	if live := s.table.find(k); live != nil && live.lives(at.Unix()) {
		return 0, live
	}
	switch {
	case e.number != 0:
		return s.lookUp(l, k.subscriber, Number{e.number}, at)
	case e.network.IsSingleIP():
		return s.lookUpAddr(l, e.network.Addr(), at)
	}
	if row := l.rowOf(e, k.subscriber); row != 0 && l.lives(row, at) {
		return row, nil
	}
	return 0, nil
}

// rowOf is the row of a subscriber that is that very pattern, range or network,
// 0 for none.
func (l *List) rowOf(e entry, subscriber uint64) RowRef {
	if e.network.IsValid() {
		r, _ := l.networks.Get(netip.PrefixFrom(e.network.Addr(), e.network.Bits()))
		return r
	}
	patterns := l.patternsOf(subscriber)
	switch {
	case patterns == nil:
		return 0
	case e.signs == "":
		ranges := &patterns.ranges
		for i, from := range ranges.from {
			if from == e.from && ranges.to[i] == e.to {
				return ranges.row[i]
			}
		}
		return 0
	}
	x := newShape(e.signs, e.open)
	for i := range patterns.shapes {
		if patterns.shapes[i].same(&x) {
			return patterns.shapes[i].rows[literal(e.signs)]
		}
	}
	return 0
}

// same tells whether two shapes differ in nothing but their rows.
func (s *shape) same(x *shape) bool {
	return s.length == x.length && s.open == x.open && s.literals == x.literals && s.nine == x.nine
}
