package rules

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

type textDimension struct {
	of  *operand
	ids *wordTable
}

func (d *textDimension) hit(f *frame, hits []uint32) []uint32 {
	switch {
	case d.of.project == nil:
		return d.add(hits, len(hits), d.of.text(f))
	case !d.of.set:
		return d.add(hits, len(hits), d.of.project(f, d.of.number(f)))
	}
	own := len(hits)
	for _, n := range f.callers() {
		hits = d.add(hits, own, d.of.project(f, n))
	}
	return hits
}

// add appends the posting of word, unless it is among those from own on.
func (d *textDimension) add(hits []uint32, own int, word string) []uint32 {
	if id, ok := d.ids.find(word); ok && !slices.Contains(hits[own:], id) {
		hits = append(hits, id)
	}
	return hits
}

type numberDimension struct {
	of  *operand
	ids *keyTable
}

func (d *numberDimension) hit(f *frame, hits []uint32) []uint32 {
	if !d.of.set {
		if id, ok := d.ids.find(d.of.number(f).key); ok {
			hits = append(hits, id)
		}
		return hits
	}
	for _, n := range f.callers() {
		if id, ok := d.ids.find(n.key); ok {
			hits = append(hits, id)
		}
	}
	return hits
}

type prefixDimension struct {
	of      *operand
	ids     *keyTable
	lengths []int // descending
}

func (d *prefixDimension) hit(f *frame, hits []uint32) []uint32 {
	if !d.of.set {
		if id, ok := d.longest(d.of.number(f)); ok {
			hits = append(hits, id)
		}
		return hits
	}
	own := len(hits)
	for _, n := range f.callers() {
		if id, ok := d.longest(n); ok && !slices.Contains(hits[own:], id) {
			hits = append(hits, id)
		}
	}
	return hits
}

func (d *prefixDimension) longest(n Number) (uint32, bool) {
	digits := digitsOf(n)
	for _, length := range d.lengths {
		if length > digits {
			continue
		}
		if id, ok := d.ids.find(prefix{length, n.Key() / powers[digits-length]}.key()); ok {
			return id, true
		}
	}
	return 0, false
}

type networkDimension struct {
	read func(*frame) netip.Addr
	ids  bart.Table[uint32]
}

func (d *networkDimension) hit(f *frame, hits []uint32) []uint32 {
	if a := d.read(f); a.IsValid() {
		if id, ok := d.ids.Lookup(a); ok {
			hits = append(hits, id)
		}
	}
	return hits
}

type listDimension struct {
	slot int
	id   uint32
}

func (d *listDimension) hit(f *frame, hits []uint32) []uint32 {
	if f.find(d.slot) != 0 {
		hits = append(hits, d.id)
	}
	return hits
}

type flagDimension struct {
	flag func(*frame) bool
	id   uint32
}

func (d *flagDimension) hit(f *frame, hits []uint32) []uint32 {
	if d.flag(f) {
		hits = append(hits, d.id)
	}
	return hits
}
