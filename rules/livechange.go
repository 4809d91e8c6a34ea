package rules

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// LiveAction is what a change does with its entries.
type LiveAction string

// The actions.
const (
	LiveAdd    LiveAction = "add"    // they are on the list, whatever the file says
	LiveRemove LiveAction = "remove" // they are not, whatever the file says
	LiveRevert LiveAction = "revert" // the file alone says so again
)

// LiveChange is one change to a list while the daemon runs: all of it or
// nothing. Its entries are numbers, prefixes, patterns, ranges and networks as
// rows of the list's file have them.
//
// A removed number is on the list by no row any more, a removed pattern, range
// or network by no row that is that very one. What a row says is for
// LiveAdd and, but for Why and Expires, for LiveRemove.
type LiveChange struct {
	List       string     `json:"list"`
	Action     LiveAction `json:"action"`
	Entries    []string   `json:"entries"`
	Subscriber string     `json:"subscriber,omitempty"` // whose rows they are, in a list per callee
	Why        Why        `json:"why,omitempty"`        // NoWhy: that of the list
	Source     string     `json:"source,omitempty"`
	Note       string     `json:"note,omitempty"`
	Wide       bool       `json:"wide,omitempty"` // rows may cover a whole calling code or more
	By         string     `json:"by,omitempty"`   // who made the change, by his own word
	Added      time.Time  `json:"added,omitzero"`
	Expires    time.Time  `json:"expires,omitzero"` // first instant at which the rows do not match any more; zero: never
}

const maxLiveText = 1024 // bytes of a source, a note and a by

// changing is a change that is read and not yet made.
type changing struct {
	change LiveChange
	list   *liveList
	shapes []shape

	entries []entry
	rows    []*LiveRow // one an entry
}

// read makes rows of the change; canonical are its entries in their global
// form. l is the list that rules declare, nil for a change that was accepted
// before.
func (c *changing) read(l *List, d *Diagnostics) {
	ch := &c.change
	country := ""
	if l != nil {
		country = l.Country
	}
	loader := newListLoader(listSpec{Name: ch.List, Country: country})
	detail := &liveDetail{removed: ch.Action == LiveRemove, why: ch.Why, rowText: rowText{ch.Source, ch.Note, ch.By},
		added: seconds(ch.Added), expires: seconds(ch.Expires)}
	subscriber := c.subscriber(l, loader, d)
	if before := c.list.state.Load(); before != nil {
		c.shapes = before.shapes
	}
	entries := make([]string, 0, len(ch.Entries))
	for _, text := range ch.Entries {
		e, message, hint := loader.entry(bytes.TrimSpace([]byte(text)))
		if message == "" && l != nil && ch.Action == LiveAdd {
			message, hint = c.tooWide(loader, l, text, e)
		}
		if message != "" {
			c.fault(d, message, hint)
			continue
		}
		if e.network.IsValid() && l != nil && l.Per != "" {
			c.fault(d, fmt.Sprintf("%q is a network, and the rows are those of a subscriber", text), "networks are in lists without per")
			continue
		}
		row := &LiveRow{key: e.key(&c.shapes), detail: detail}
		row.key.subscriber = subscriber
		entry := e.String()
		if e.number == 0 {
			row.text = entry
		}
		c.entries, c.rows = append(c.entries, e), append(c.rows, row)
		entries = append(entries, entry)
	}
	ch.Entries = entries
}

// tooWide says what is wrong with adding a row that covers more than is
// believed to be meant.
func (c *changing) tooWide(loader *listLoader, l *List, text string, e entry) (message, hint string) {
	if _, message, hint = loader.row(bytes.TrimSpace([]byte(text))); message != "" || c.change.Wide || l.Per != "" {
		return message, hint
	}
	if held := e.wide(); held != "" {
		return wideMessage(e, held), "add it with --wide (wide: true) if that is meant"
	}
	return "", ""
}

// subscriber reads whose rows they are; it is 0 for everybody's.
func (c *changing) subscriber(l *List, loader *listLoader, d *Diagnostics) uint64 {
	text := c.change.Subscriber
	if l != nil {
		c.checkSubscriber(l.Per, d)
	}
	if text == "" {
		return 0
	}
	n, message, hint := loader.number([]byte(text))
	if message != "" {
		c.fault(d, "subscriber: "+message, hint)
		return 0
	}
	c.change.Subscriber = n.String()
	return n.key
}

// checkSubscriber finds that there is one too few or too many for a list that
// is declared with per.
func (c *changing) checkSubscriber(per string, d *Diagnostics) {
	switch text := c.change.Subscriber; {
	case per != "" && text == "":
		c.fault(d, "no subscriber, and the list is declared with per: "+per, "say whose rows they are, as in --subscriber +12025557100")
	case per == "" && text != "":
		c.fault(d, "a subscriber, and the list is everybody's", "leave the subscriber out, or declare the list with per: callee")
	}
}

// check finds what is wrong with the change beside its entries.
func (c *changing) check(rs *Ruleset, l *List, at time.Time, d *Diagnostics) {
	ch := &c.change
	switch ch.Action {
	case LiveAdd:
		c.checkWhy(rs, l, d)
		if !ch.Expires.IsZero() && !ch.Expires.After(at) {
			c.fault(d, "expires "+ch.Expires.UTC().Format(time.RFC3339)+", which has passed", "")
		}
	case LiveRemove, LiveRevert:
		if ch.Why != NoWhy || !ch.Expires.IsZero() {
			c.fault(d, "why and expires are for rows that are added", "")
		}
	default:
		c.fault(d, fmt.Sprintf("unknown action %q", ch.Action), didYouMean(string(ch.Action), []string{string(LiveAdd), string(LiveRemove), string(LiveRevert)}))
	}
	if len(ch.Entries) == 0 {
		c.fault(d, "no entry", "name a number, a prefix, a pattern, a range or a network")
	}
	if year := ch.Expires.UTC().Year(); year > 9999 {
		c.fault(d, fmt.Sprintf("expires in the year %d", year), "leave expires out for a row that stays")
	}
	for _, f := range [...]struct{ name, text string }{{"source", ch.Source}, {"note", ch.Note}, {"by", ch.By}} {
		switch {
		case len(f.text) > maxLiveText:
			c.fault(d, fmt.Sprintf("%s of %d bytes, at most %d", f.name, len(f.text), maxLiveText), "")
		case !utf8.ValidString(f.text) || strings.ContainsFunc(f.text, unicode.IsControl):
			c.fault(d, f.name+" holds what is no text of one line", "")
		}
	}
}

// checkWhy refuses a why that no rule could act on.
func (c *changing) checkWhy(rs *Ruleset, l *List, d *Diagnostics) {
	why := c.change.Why
	listed := rs.blocksListed(l)
	switch {
	case why != NoWhy && !why.ofRow():
		c.fault(d, fmt.Sprintf("%q is no reason to list a number", why), "use "+strings.Join(rowWhys(), ", "))
	case why != NoWhy && l.Why != NoWhy && why != l.Why && !listed:
		c.fault(d, fmt.Sprintf("why is %s, and the list's why is %s", why, l.Why), "leave it out, or take another list")
	case listed && (why == Analytics || why == NoWhy && l.Why == Analytics):
		if missing := rs.settings.Redress.complete(); missing != "" {
			c.fault(d, "analytics without "+missing, "603 Network Blocked must name one; set redress in the configuration")
		}
	}
}

// blocksListed tells whether a rule blocks for what the rows of l say.
func (rs *Ruleset) blocksListed(l *List) (found bool) {
	for _, r := range rs.rules {
		if r.Listed && r.Mode != Off {
			r.condition.walk(true, func(p *condition, positive bool) { found = found || p.list == l && positive })
		}
	}
	return found
}

func (c *changing) fault(d *Diagnostics, message, hint string) {
	d.at(Position{}, fmt.Sprintf("list %q", c.change.List), message, hint)
}

// learn is the learned list of that name, nil for none.
func (rs *Ruleset) learn(name string) *LearnSpec {
	for i := range rs.learns {
		if rs.learns[i].Name == name {
			return &rs.learns[i]
		}
	}
	return nil
}

// isLearned tells whether that name is of a learned list and of no other.
func (rs *Ruleset) isLearned(name string) bool { return rs.List(name) == nil && rs.learn(name) != nil }

// unknownList says that no rule file declares a list.
func (rs *Ruleset) unknownList(name string) Diagnostics {
	var known []string
	for _, l := range rs.lists {
		known = append(known, l.Name)
	}
	message, hint := "unknown list", didYouMean(name, known)
	if hint == "" {
		hint = "no rule file declares one; see ringfence list show"
	}
	if rs.learn(name) != nil {
		message, hint = "is learned from what upstreams answer and has no live rows", fmt.Sprintf("ask for /lists/%s/learned", name)
	}
	var d Diagnostics
	d.at(Position{}, fmt.Sprintf("list %q", name), message, hint)
	return d
}

// ParseExpiry reads when a row expires, as the files of lists have it: a day,
// 2006-01-02, is good until it ends in UTC, a time is one of RFC 3339.
func ParseExpiry(text string) (time.Time, bool) {
	s, ok := readTime([]byte(text), true)
	return time.Unix(s, 0).UTC(), ok
}
