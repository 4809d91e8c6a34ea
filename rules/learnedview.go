package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// LearnedPage is a part of a learned list, by number.
type LearnedPage struct {
	List    string         `json:"list"`
	Total   int            `json:"total"` // entries of the whole list; those that expired may be among them for a while
	Entries []LearnedEntry `json:"entries"`
	Next    string         `json:"next,omitempty"` // where the next page begins; empty: this was the last
}

// MaxLearnedPage is how many entries a page can have.
const MaxLearnedPage = 10_000

// LearnedPage is the part of a learned list that begins at a place, which is the
// Next of the page before or empty, and has at most limit entries, 1 to
// MaxLearnedPage. It reads the list beside the calls, so that pages are no
// snapshot: what is learned or forgotten meanwhile is there or not. The error is
// a Diagnostics: there is no such list or place.
func (e *Engine) LearnedPage(list, place string, limit int, at time.Time) (LearnedPage, error) {
	page := LearnedPage{List: list, Entries: []LearnedEntry{}}
	rs := e.Ruleset()
	if rs == nil {
		return page, errNoRules
	}
	l := e.learned.lookUp(list)
	if l == nil {
		return page, rs.unknownLearned(list)
	}
	from, ok := parsePlace(place)
	if !ok {
		var d Diagnostics
		d.at(Position{}, fmt.Sprintf("list %q", list), fmt.Sprintf("%q is no place in a learned list", place), "give the next of the page before, or nothing")
		return page, d
	}
	limit = min(max(limit, 1), MaxLearnedPage)
	page.Entries, page.Total = l.from(from, limit+1, at)
	if len(page.Entries) > limit {
		page.Next = page.Entries[limit].place()
		page.Entries = page.Entries[:limit]
	}
	return page, nil
}

// place is where an entry is in its list, as text.
func (e *LearnedEntry) place() string {
	if e.Upstream != "" {
		return e.Number.String() + "," + e.Upstream
	}
	if !e.Subscriber.IsZero() {
		return e.Number.String() + "," + e.Subscriber.String()
	}
	return e.Number.String()
}

// parsePlace reads what place wrote, or nothing.
func parsePlace(text string) (e LearnedEntry, ok bool) {
	if text == "" {
		return e, true
	}
	number, of, more := strings.Cut(text, ",")
	var err error
	if e.Number, err = ParseNumber(number); err != nil {
		return e, false
	}
	switch {
	case !more:
	case strings.HasPrefix(of, "+"):
		e.Subscriber, err = ParseNumber(of)
	default:
		e.Upstream = of
	}
	return e, err == nil
}

// compare orders the entries of one list.
func (e *LearnedEntry) compare(b *LearnedEntry) int {
	return cmp.Or(cmp.Compare(e.Number.key, b.Number.key), cmp.Compare(e.Subscriber.key, b.Subscriber.key), strings.Compare(e.Upstream, b.Upstream))
}

// from is the first so many entries at or behind a place, in their order, and
// how many the list has. Teaching waits for one shard of it at a time.
func (l *Learned) from(place LearnedEntry, limit int, at time.Time) (entries []LearnedEntry, total int) {
	full := false // nothing behind the limit-th entry is wanted
	shorten := func() {
		slices.SortFunc(entries, func(a, b LearnedEntry) int { return a.compare(&b) })
		entries = entries[:min(len(entries), limit)]
	}
	part := func(lessons map[uint64]*lesson) {
		l.mu.Lock()
		defer l.mu.Unlock()
		total = l.known
		for _, x := range lessons {
			if !x.known || x.until <= at.Unix() || x.key.number < place.Number.key || full && x.key.number > entries[limit-1].Number.key {
				continue
			}
			if e := l.entry(x); e.compare(&place) >= 0 {
				entries = append(entries, e)
			}
			if len(entries) >= 4*limit {
				shorten()
				full = true
			}
		}
	}
	for i := range l.shards {
		part(l.shards[i].lessons)
	}
	shorten()
	return entries, total
}

// findLearned is FindEntry for a learned list.
func (e *Engine) findLearned(m *ListMatch, spec *LearnSpec, subscriber string, at time.Time) error {
	c := &changing{change: LiveChange{List: m.List, Action: LiveRemove, Entries: []string{m.Entry}, Subscriber: subscriber}, list: &liveList{}}
	var d Diagnostics
	keys := c.learnedKeys(spec, &d)
	if len(d) > 0 {
		return d
	}
	m.Entry = c.change.Entries[0]
	l := e.learned.Named(m.List)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		if x := l.lesson(k); x != nil && x.known && at.Unix() < x.until {
			entry := l.entry(x)
			m.Holds, m.Learned = true, append(m.Learned, entry)
			if entry.Until.After(m.Until) {
				m.Until = entry.Until
			}
		}
	}
	return nil
}

// unlearn takes numbers off a learned list. What teaches may bring them back.
func (e *Engine) unlearn(rs *Ruleset, ch LiveChange, at time.Time) (LiveChange, error) {
	var d Diagnostics
	c := &changing{change: ch, list: &liveList{}}
	fault := func(message, hint string) { c.fault(&d, message, hint) }
	switch {
	case ch.Action == LiveAdd || ch.Action == LiveRevert:
		fault("is learned from what upstreams answer: numbers can be taken off, and nothing else", fmt.Sprintf("write ringfence list remove %s NUMBER", ch.List))
	case ch.Source != "" || ch.Note != "":
		fault("a learned list keeps no source and no note", "leave them out")
	}
	keys := c.learnedKeys(rs.learn(ch.List), &d)
	if c.check(rs, nil, at, &d); len(d) > 0 {
		return c.change, d
	}
	l := e.learned.Named(ch.List)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		l.forget(k, e.learned.keep)
	}
	return c.change, nil
}

// learnedKeys are what the entries of a change can be under in a learned list.
func (c *changing) learnedKeys(spec *LearnSpec, d *Diagnostics) (keys []learnedKey) {
	c.checkSubscriber(spec.Per, d)
	c.read(nil, d)
	for i, e := range c.entries {
		if e.number == 0 {
			c.fault(d, fmt.Sprintf("%q is no number, and a learned list holds nothing else", c.change.Entries[i]), "name one number, as in +12025557100")
			continue
		}
		if !spec.Scoped {
			keys = append(keys, learnedKey{e.number, c.rows[i].key.subscriber})
			continue
		}
		for _, name := range spec.Upstream {
			keys = append(keys, learnedKey{e.number, upstreamKey(name)})
		}
	}
	return keys
}

// lookUp is the list of that name, nil for none.
func (a *LearnedLists) lookUp(name string) *Learned {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.lists[name]
}

// unknownLearned says that there is no learned list of that name.
func (rs *Ruleset) unknownLearned(name string) Diagnostics {
	var known []string
	for _, spec := range rs.learns {
		known = append(known, spec.Name)
	}
	message, hint := "unknown learned list", didYouMean(name, known)
	if rs.List(name) != nil {
		message, hint = "is no learned list", fmt.Sprintf("see ringfence list show %s", name)
	}
	var d Diagnostics
	d.at(Position{}, fmt.Sprintf("list %q", name), message, hint)
	return d
}
