package rules

import (
	"fmt"
	"path/filepath"
)

// meet goes through the numbers of all lists in order and tells of those that
// are there twice.
func (c *listChecker) meet() error {
	var same []listedAt
	err := c.sorter.each(func(x listedAt) {
		if len(same) > 0 && (same[0].number != x.number || same[0].subscriber != x.subscriber) {
			same = same[:0]
		}
		for i := len(same) - 1; i >= 0; i-- {
			if c.meets(same[i], x) {
				break
			}
		}
		if len(same) < maxFindings {
			same = append(same, x)
		}
	})
	return err
}

// meets tells of a number that is there twice, the second time at x.
func (c *listChecker) meets(before, x listedAt) bool {
	a, b := c.lists[before.list()], c.lists[x.list()]
	if a == b {
		c.find(ListDuplicate, b, x.line(), fmt.Sprintf("%s is the same as line %d", Number{x.number}, before.line()), "take one out; the one that lives longer counts")
		return true
	}
	v := c.verdict(before.list(), x.list())
	switch {
	case v.text == "":
		return false
	case v.counts == b.list:
		c.overruled(a, before.line(), Number{x.number}.String(), b, x.line(), v)
	default:
		c.overruled(b, x.line(), Number{x.number}.String(), a, before.line(), v)
	}
	return true
}

func (c *listChecker) overruled(l *checkedList, line int, entry string, other *checkedList, otherLine int, v verdict) {
	c.find(ListOverruled, l, line, fmt.Sprintf("%s is in list %q, too (%s:%d); %s", entry, other.list.Name, filepath.Base(other.list.File), otherLine, v.text), "")
}

// verdict is what comes of a number that is in two lists.
func (c *listChecker) verdict(i, j int) verdict {
	pair := [2]int{min(i, j), max(i, j)}
	v, ok := c.verdicts[pair]
	if !ok {
		a, b := c.lists[pair[0]], c.lists[pair[1]]
		if v.text = "no rule says which one counts"; !a.alone && !b.alone && c.uses != nil {
			v = clash(a.list, b.list, c.uses)
		}
		c.verdicts[pair] = v
	}
	return v
}

// covered tells whether rows of the i-th list can be covered by patterns that
// matter: its own, or those of a list that contradicts it.
func (c *listChecker) covered(i int) bool {
	for j, other := range c.lists {
		if len(other.kept.texts) > 0 && (i == j || c.verdict(i, j).text != "") {
			return true
		}
	}
	return false
}

// readAgain reads the i-th list again and holds each row against the patterns.
func (c *listChecker) readAgain(i int, l *checkedList) {
	spec := l.list.listSpec
	spec.Empty = true
	loader := newListLoader(spec)
	loader.visit = func(e entry, subscriber uint64, d rowDetail) bool {
		if d.expires != 0 && d.expires <= c.options.Now.Unix() {
			return true
		}
		for j, other := range c.lists {
			switch {
			case len(other.kept.texts) == 0:
			case i == j:
				c.coveredRow(l, loader.line, e, subscriber, d)
			default:
				if v := c.verdict(i, j); v.text != "" && v.counts != l.list {
					c.coveredBy(l, loader.line, e, subscriber, other, i > j, v)
				}
			}
		}
		return true
	}
	c.load(loader, l)
}

// coveredRow tells of a row that a wider one makes needless: it says the same
// why and lives as long.
func (c *listChecker) coveredRow(l *checkedList, line int, e entry, subscriber uint64, d rowDetail) {
	found := false
	l.kept.covering(e, subscriber, func(r RowRef) {
		row := &l.kept.rows[r-1]
		wide := l.kept.details[row.detail]
		if !found && wide.why == d.why && (wide.expires == 0 || d.expires != 0 && wide.expires >= d.expires) {
			found = true
			c.find(ListCovered, l, line, fmt.Sprintf("%s is covered by %s on line %d", e, l.kept.text(r), row.line), "take it out, unless it is to stay when the other goes")
		}
	})
}

// coveredBy tells of a row that a wider one of another list covers, or one that
// is for the same; where it depends which list counts, once, of the later one.
func (c *listChecker) coveredBy(l *checkedList, line int, e entry, subscriber uint64, other *checkedList, later bool, v verdict) {
	tell := func(r RowRef) {
		c.overruled(l, line, e.String(), other, int(other.kept.rows[r-1].line), v)
	}
	if e.number == 0 && (later || v.counts != nil) {
		if r := other.kept.rowOf(e, subscriber); r != 0 {
			tell(r)
			return
		}
	}
	found := false
	other.kept.covering(e, subscriber, func(r RowRef) {
		if !found {
			found = true
			tell(r)
		}
	})
}
