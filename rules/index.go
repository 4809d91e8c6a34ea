package rules

import (
	"math"
	"net/netip"
	"slices"
)

// index finds the rules that a call can match. A rule is posted under values
// of one of its pure conjuncts, the one that it shares with the fewest rules;
// a rule without such a conjunct is asked on every call.
//
// A dimension is one value of a call, or one of the callers. It hits one
// posting for it at most: those of nested prefixes and networks are merged when
// the index is made. The postings hit are the class of a call, which the cache
// goes by.
type index struct {
	dimensions []dimension
	postings   [][]int32 // by posting: numbers of rules, ascending
	always     []int32   // rules that have no posting, ascending
}

// dimension appends the postings that the call hits, each once.
type dimension interface {
	hit(f *frame, hits []uint32) []uint32
}

// lists appends the rules to ask about, as ascending lists.
func (x *index) lists(lists [][]int32, hits []uint32) [][]int32 {
	if len(x.always) > 0 {
		lists = append(lists, x.always)
	}
	for _, id := range hits {
		lists = append(lists, x.postings[id])
	}
	return lists
}

// next is the smallest rule number in lists, which it takes off; -1 at the end.
func next(lists [][]int32) int32 {
	least := int32(math.MaxInt32)
	for _, l := range lists {
		if len(l) > 0 && l[0] < least {
			least = l[0]
		}
	}
	if least == math.MaxInt32 {
		return -1
	}
	for i, l := range lists {
		if len(l) > 0 && l[0] == least {
			lists[i] = l[1:]
		}
	}
	return least
}

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
		return cheapest(c.parts, weigh)
	}
	return nil, false
}

// cheapest are the keys of the conjunct that weighs least.
func cheapest(parts []*condition, weigh func([]keyed) int) (best []keyed, ok bool) {
	least := math.MaxInt
	for _, p := range parts {
		if keys, found := keysOf(p, weigh); found {
			if w := weigh(keys); w < least {
				best, least, ok = keys, w, true
			}
		}
	}
	return best, ok
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

// newIndex posts the rules that can be asked about; those that are off are
// left out.
func newIndex(rules []*Rule) *index {
	shared := map[key]int{}
	counting := func(keys []keyed) int { return 0 }
	each := func(r *Rule, visit func(keyed)) {
		for _, c := range r.pure {
			eachKey(c, counting, visit)
		}
	}
	for _, r := range rules {
		if r.Mode != Off {
			each(r, func(k keyed) { shared[k.key]++ })
		}
	}
	weigh := func(keys []keyed) int {
		n := 0
		for _, k := range keys {
			n += max(shared[k.key], 1) * costOf(k.kind)
		}
		return n
	}
	b := &indexBuilder{index: &index{}, ids: map[key]uint32{}, dimensions: map[key]int{}}
	for _, r := range rules {
		if r.Mode == Off {
			continue
		}
		keys, ok := cheapest(r.pure, weigh)
		if r.Indexed = ok; !ok {
			b.index.always = append(b.index.always, r.number)
			continue
		}
		for _, k := range keys {
			b.post(k, r.number)
		}
	}
	return b.finish()
}

// costOf makes rules prefer values that few calls have, when as many rules
// share them.
func costOf(k accessKind) int {
	switch k {
	case byNumber:
		return 2
	case byPrefix, byNetwork, byText:
		return 3
	case byList:
		return 4
	}
	return 6
}

// eachKey visits all keys that c could be posted under.
func eachKey(c *condition, weigh func([]keyed) int, visit func(keyed)) {
	if c.op == isAnd {
		for _, p := range c.parts {
			eachKey(p, weigh, visit)
		}
		return
	}
	if keys, ok := keysOf(c, weigh); ok {
		for _, k := range keys {
			visit(k)
		}
	}
}

// indexBuilder gathers the keys of each dimension.
type indexBuilder struct {
	index      *index
	ids        map[key]uint32
	dimensions map[key]int // by key without its value: place among groups
	groups     []group
}

type group struct {
	kind accessKind
	by   *access
	keys []keyed
	ids  []uint32
}

func (b *indexBuilder) post(k keyed, rule int32) {
	id, ok := b.ids[k.key]
	if !ok {
		id = uint32(len(b.index.postings))
		b.ids[k.key] = id
		b.index.postings = append(b.index.postings, nil)
		dim := key{kind: k.kind, of: k.of, slot: k.slot}
		at, ok := b.dimensions[dim]
		if !ok {
			at = len(b.groups)
			b.dimensions[dim] = at
			b.groups = append(b.groups, group{kind: k.kind, by: k.by})
		}
		b.groups[at].keys = append(b.groups[at].keys, k)
		b.groups[at].ids = append(b.groups[at].ids, id)
	}
	if list := b.index.postings[id]; len(list) == 0 || list[len(list)-1] != rule {
		b.index.postings[id] = append(list, rule)
	}
}

func (b *indexBuilder) finish() *index {
	x := b.index
	for i := range b.groups {
		g := &b.groups[i]
		switch g.kind {
		case byText:
			d := &textDimension{of: g.by.of, ids: make(map[string]uint32, len(g.keys))}
			for j, k := range g.keys {
				d.ids[k.word] = g.ids[j]
			}
			x.dimensions = append(x.dimensions, d)
		case byNumber:
			d := &numberDimension{of: g.by.of, ids: make(map[Number]uint32, len(g.keys))}
			for j, k := range g.keys {
				d.ids[k.number] = g.ids[j]
			}
			x.dimensions = append(x.dimensions, d)
		case byPrefix:
			x.dimensions = append(x.dimensions, b.prefixes(g))
		case byNetwork:
			x.dimensions = append(x.dimensions, b.networks(g))
		case byList:
			x.dimensions = append(x.dimensions, &listDimension{slot: g.by.slot, id: g.ids[0]})
		case byFlag:
			x.dimensions = append(x.dimensions, &flagDimension{flag: g.by.flag, id: g.ids[0]})
		}
	}
	return x
}

// prefixes makes the dimension of prefixes: the posting of a prefix holds the
// rules of the shorter ones that begin it, too.
func (b *indexBuilder) prefixes(g *group) *prefixDimension {
	d := &prefixDimension{of: g.by.of, ids: make(map[prefix]uint32, len(g.keys))}
	for j, k := range g.keys {
		d.ids[k.prefix] = g.ids[j]
		if !slices.Contains(d.lengths, k.prefix.digits) {
			d.lengths = append(d.lengths, k.prefix.digits)
		}
	}
	slices.Sort(d.lengths)
	slices.Reverse(d.lengths)
	own := make(map[uint32][]int32, len(g.ids))
	for _, id := range g.ids {
		own[id] = b.index.postings[id]
	}
	for j, k := range g.keys {
		merged := own[g.ids[j]]
		for _, n := range d.lengths {
			if n >= k.prefix.digits {
				continue
			}
			if id, ok := d.ids[prefix{n, k.prefix.value / powers[k.prefix.digits-n]}]; ok {
				merged = union(merged, own[id])
			}
		}
		b.index.postings[g.ids[j]] = merged
	}
	return d
}

// networks does the same for networks.
func (b *indexBuilder) networks(g *group) *networkDimension {
	d := &networkDimension{read: g.by.of.address}
	own := map[uint32][]int32{}
	for j, k := range g.keys {
		d.ids.Insert(k.network, g.ids[j])
		own[g.ids[j]] = b.index.postings[g.ids[j]]
	}
	for j, k := range g.keys {
		merged := own[g.ids[j]]
		for _, id := range d.ids.Supernets(k.network) {
			if id != g.ids[j] {
				merged = union(merged, own[id])
			}
		}
		b.index.postings[g.ids[j]] = merged
	}
	return d
}

func union(a, b []int32) []int32 {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
