package rules

import (
	"net/netip"
	"slices"
)

// comparison compares conditions by their forms, in so many steps: two that are
// nested alike have more ways through them than anybody can wait for.
type comparison struct{ steps int }

const maxSteps = 10_000 // of one comparison

// entails tells whether b is seen to hold whenever a holds. It knows the forms
// of conditions, not what numbers there are: false says nothing.
func (x *comparison) entails(a, b *condition) bool {
	if x.steps++; x.steps > maxSteps {
		return false
	}
	switch {
	case a.op == isFalse, b.op == isTrue, a.source == b.source:
		return true
	case b.op == isAnd:
		return !slices.ContainsFunc(b.parts, func(p *condition) bool { return !x.entails(a, p) })
	case a.op == isOr:
		return !slices.ContainsFunc(a.parts, func(p *condition) bool { return !x.entails(p, b) })
	case b.op == isOr && slices.ContainsFunc(b.parts, func(p *condition) bool { return x.entails(a, p) }):
		return true
	case a.op == isAnd:
		return slices.ContainsFunc(a.parts, func(p *condition) bool { return x.entails(p, b) })
	case a.op == isNot && b.op == isNot:
		return x.entails(b.parts[0], a.parts[0])
	}
	return a.op == isTest && b.op == isTest && a.access != nil && b.access != nil && a.access.within(b.access)
}

// within tells whether each value that a finds is one that b stands for.
func (a *access) within(b *access) bool {
	if a.of == nil || b.of == nil || a.of.source != b.of.source || b.wide {
		return false
	}
	switch b.kind {
	case byText:
		return a.kind == byText && !slices.ContainsFunc(a.words, func(w string) bool { return !slices.Contains(b.words, w) })
	case byNumber:
		return a.kind == byNumber && !slices.ContainsFunc(a.numbers, func(n Number) bool { return !slices.Contains(b.numbers, n) })
	case byPrefix:
		switch a.kind {
		case byNumber:
			return !slices.ContainsFunc(a.numbers, func(n Number) bool { return !b.prefix.begins(n, digitsOf(n)) })
		case byPrefix:
			return b.prefix.covers(a.prefix)
		}
	case byNetwork:
		return a.kind == byNetwork && b.network.Bits() <= a.network.Bits() && b.network.Contains(a.network.Addr())
	}
	return false
}

// covers tells whether every number that begins with q begins with p.
func (p prefix) covers(q prefix) bool {
	return p.digits <= q.digits && q.value/powers[q.digits-p.digits] == p.value
}

// excludes tells whether a and b are seen never to hold of one call.
func (x *comparison) excludes(a, b *condition) bool {
	if x.steps++; x.steps > maxSteps {
		return false
	}
	switch {
	case b.op == isNot:
		return x.entails(a, b.parts[0])
	case a.op == isNot:
		return x.entails(b, a.parts[0])
	case a.op == isOr:
		return !slices.ContainsFunc(a.parts, func(p *condition) bool { return !x.excludes(p, b) })
	case b.op == isOr:
		return !slices.ContainsFunc(b.parts, func(p *condition) bool { return !x.excludes(a, p) })
	case a.access == nil || b.access == nil:
		return false
	}
	return a.access.apart(b.access)
}

// apart tells whether no one value is found by both. Of several numbers each
// can find its own.
func (a *access) apart(b *access) bool {
	if a.of == nil || b.of == nil || a.of.source != b.of.source || a.of.set {
		return false
	}
	if a.kind > b.kind {
		a, b = b, a
	}
	switch {
	case a.kind == byText && b.kind == byText:
		return !slices.ContainsFunc(a.words, func(w string) bool { return slices.Contains(b.words, w) })
	case a.kind == byNumber && b.kind == byNumber:
		return !slices.ContainsFunc(a.numbers, func(n Number) bool { return slices.Contains(b.numbers, n) })
	case a.kind == byNumber && b.kind == byPrefix:
		return !slices.ContainsFunc(a.numbers, func(n Number) bool { return b.prefix.begins(n, digitsOf(n)) })
	case a.kind == byPrefix && b.kind == byPrefix:
		return !a.prefix.covers(b.prefix) && !b.prefix.covers(a.prefix)
	case a.kind == byNetwork && b.kind == byNetwork:
		return !a.network.Overlaps(b.network)
	}
	return false
}

// contradiction are two conjuncts of c, or of a part of it that must hold, that
// exclude each other; nil for none.
func (c *condition) contradiction() (a, b *condition) {
	parts := c.conjuncts()
	for i, p := range parts[:min(len(parts), maxCompared)] {
		for _, q := range parts[:i] {
			if new(comparison).excludes(q, p) {
				return q, p
			}
		}
	}
	return nil, nil
}

// maxCompared bounds what is compared with each other: rules are data, too.
const maxCompared = 64

// anchors are the rules that end the evaluation, by a value that a rule must
// hold by to entail them.
type anchors struct {
	keys  map[key][]*Rule
	texts map[string][]*Rule
}

// add takes in a rule by one of its conjuncts.
func (x *anchors) add(r *Rule) { x.anchor(r, r.condition) }

func (x *anchors) anchor(r *Rule, c *condition) {
	switch c.op {
	case isOr:
		for _, p := range c.parts {
			x.anchor(r, p)
		}
	case isAnd:
		best := c.parts[0]
		for _, p := range c.parts {
			if p.op == isTest && p.access != nil && (best.access == nil || costOf(p.access.kind) < costOf(best.access.kind)) {
				best = p
			}
		}
		x.anchor(r, best)
	default:
		if c.access == nil {
			x.texts[c.source] = append(x.texts[c.source], r)
			return
		}
		for _, k := range c.access.keys() {
			x.keys[k.key] = append(x.keys[k.key], r)
		}
	}
}

// before is the first rule taken in that every call ends at that r could
// match, nil for none.
func (x *anchors) before(r *Rule) *Rule {
	var first *Rule
	compared := 0
	x.each(r.condition, func(candidates []*Rule) {
		for _, e := range candidates {
			if compared++; compared > maxCompared {
				return
			}
			if (first == nil || e.number < first.number) && new(comparison).entails(r.condition, e.condition) {
				first = e
			}
		}
	})
	return first
}

// each visits the rules that c may entail.
func (x *anchors) each(c *condition, visit func([]*Rule)) {
	switch c.op {
	case isAnd:
		for _, p := range c.parts {
			x.each(p, visit)
		}
		return
	case isOr:
		x.each(c.parts[0], visit) // all must entail it
	}
	visit(x.texts[c.source])
	if c.op != isTest || c.access == nil {
		return
	}
	k := c.access.keys()[0].key
	visit(x.keys[k])
	switch k.kind {
	case byNumber:
		digits := digitsOf(k.number)
		for n := digits; n > 0; n-- {
			visit(x.keys[key{kind: byPrefix, of: k.of, prefix: prefix{n, k.number.Key() / powers[digits-n]}}])
		}
	case byPrefix:
		for n := k.prefix.digits - 1; n > 0; n-- {
			visit(x.keys[key{kind: byPrefix, of: k.of, prefix: prefix{n, k.prefix.value / powers[k.prefix.digits-n]}}])
		}
	case byNetwork:
		for bits := k.network.Bits() - 1; bits >= 0; bits-- {
			visit(x.keys[key{kind: byNetwork, of: k.of, network: netip.PrefixFrom(k.network.Addr(), bits).Masked()}])
		}
	}
}
