package rules

import (
	"math"
	"net/netip"
	"slices"
)

// key is one value under which a rule can be posted. Equal keys are the same
// value.
type key struct {
	kind    accessKind
	of      string
	word    string
	number  Number
	prefix  prefix
	network netip.Prefix
	slot    int
}

// keysOf are the keys of which one is hit whenever c holds; false when there
// are none such.
func keysOf(c *condition, weigh func([]keyed) int) ([]keyed, bool) {
	switch {
	case c.stateful && c.op != isAnd:
		return nil, false
	case c.op == isFalse:
		return nil, true
	case c.op == isTest && c.access != nil:
		return c.access.keys(), true
	case c.op == isOr:
		var all []keyed
		for _, p := range c.parts {
			keys, ok := keysOf(p, weigh)
			if !ok {
				return nil, false
			}
			all = append(all, keys...)
		}
		return all, true
	case c.op == isAnd:
		keys, _, ok := cheapest(c.parts, weigh)
		return keys, ok
	}
	return nil, false
}

// cheapest are the keys of the conjunct that weighs least, and that conjunct.
func cheapest(parts []*condition, weigh func([]keyed) int) (best []keyed, part *condition, ok bool) {
	least := math.MaxInt
	for _, p := range parts {
		if keys, found := keysOf(p, weigh); found {
			if w := weigh(keys); w < least {
				best, part, least, ok = keys, p, w, true
			}
		}
	}
	return best, part, ok
}

// leaveOut takes the conjunct that r is posted under out of what a candidate is
// asked, when a call that hits one of its keys is sure to meet it. One that
// looks into lists stays: it finds the row that the verdict names.
func (r *Rule) leaveOut(part *condition) {
	if !part.exact() {
		return
	}
	rest := slices.Concat(r.pure, r.stateful)
	at := slices.Index(rest, part)
	r.rest = join(isAnd, slices.Delete(rest, at, at+1)...).eval
}

// exact tells whether c holds whenever one of its keys is hit.
func (c *condition) exact() bool {
	switch c.op {
	case isTest:
		return c.access != nil && !c.access.wide && c.list == nil && !c.stateful
	case isOr:
		return !slices.ContainsFunc(c.parts, func(p *condition) bool { return !p.exact() })
	}
	return false
}

// keyed is a key with what it is looked up by.
type keyed struct {
	key
	by *access
}

func (a *access) keys() []keyed {
	base := key{kind: a.kind}
	if a.of != nil {
		base.of = a.of.source
	}
	var all []keyed
	add := func(change func(*key)) {
		k := base
		change(&k)
		all = append(all, keyed{k, a})
	}
	switch a.kind {
	case byText:
		for _, w := range a.words {
			add(func(k *key) { k.word = w })
		}
	case byNumber:
		for _, n := range a.numbers {
			add(func(k *key) { k.number = n })
		}
	case byPrefix:
		add(func(k *key) { k.prefix = a.prefix })
	case byNetwork:
		add(func(k *key) { k.network = a.network })
	case byList:
		add(func(k *key) { k.slot = a.slot })
	case byFlag:
		add(func(k *key) { k.of = a.flagName })
	}
	return all
}
