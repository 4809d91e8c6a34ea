package rules

import (
	"math"
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
		keys, part, ok := cheapest(r.pure, weigh)
		if r.Indexed = ok; !ok {
			b.index.always = append(b.index.always, r.number)
			continue
		}
		r.leaveOut(part)
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
			d := &textDimension{of: g.by.of, ids: newWordTable(len(g.keys))}
			for j, k := range g.keys {
				d.ids.put(k.word, g.ids[j])
			}
			x.dimensions = append(x.dimensions, d)
		case byNumber:
			d := &numberDimension{of: g.by.of, ids: newKeyTable(len(g.keys))}
			for j, k := range g.keys {
				d.ids.put(k.number.key, g.ids[j])
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
	d := &prefixDimension{of: g.by.of, ids: newKeyTable(len(g.keys))}
	for j, k := range g.keys {
		d.ids.put(k.prefix.key(), g.ids[j])
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
			if id, ok := d.ids.find(prefix{n, k.prefix.value / powers[k.prefix.digits-n]}.key()); ok {
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
