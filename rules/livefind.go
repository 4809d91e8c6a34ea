package rules

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// firstLive is the row that a frame calls its first live one.
const firstLive RowRef = -2 // found + 1 must not be 0

// lookUp is the row of a list, or of the live layer over it, that holds n.
func (f *frame) lookUp(slot int, look *find, n Number) RowRef {
	state := f.layers[slot].state.Load()
	switch {
	case look.subscriber == nil && state == nil:
		return look.list.Find(n, f.call.At)
	case look.subscriber == nil:
		return f.live(state.lookUp(look.list, 0, n, f.call.At))
	}
	whose := look.subscriber.number(f)
	switch {
	case state == nil:
		return look.list.FindFor(whose, n, f.call.At)
	case whose.Kind() != Global:
		return 0
	}
	return f.live(state.lookUp(look.list, whose.key, n, f.call.At))
}

// lookUpAddr is the same of an address.
func (f *frame) lookUpAddr(slot int, look *find, a netip.Addr) RowRef {
	state := f.layers[slot].state.Load()
	if state == nil {
		return look.list.FindAddr(a, f.call.At)
	}
	return f.live(state.lookUpAddr(look.list, a, f.call.At))
}

// live is the row of a list, or live, as the frame calls it.
func (f *frame) live(row RowRef, live *LiveRow) RowRef {
	if live == nil {
		return row
	}
	f.lived = append(f.lived, live)
	return firstLive - RowRef(len(f.lived)-1)
}

// lookUp is the row that holds n for a subscriber, 0 for everybody: that of the
// file, or a live one. A live row or removal of that very number counts first;
// else the row of the file of that very number; else the narrowest of all, a
// live one among equals.
func (s *liveState) lookUp(l *List, subscriber uint64, n Number, at time.Time) (RowRef, *LiveRow) {
	if n.Kind() != Global {
		return 0, nil
	}
	best := s.find(n.key, subscriber, at.Unix())
	if best.row != nil && best.row.key.form == liveNumber {
		return 0, best.row.unlessRemoved()
	}
	row, covers := s.inFile(l, subscriber, n.key, at)
	if best.row != nil && (row == 0 || best.covers <= covers) {
		return 0, best.row
	}
	return row, nil
}

// inFile is List.Find without the rows that are hidden, and how many numbers
// the row covers; 0 for a row that is the number itself.
func (s *liveState) inFile(l *List, subscriber, key uint64, at time.Time) (RowRef, uint64) {
	if r := l.findExact(subscriber, key, at); r != 0 {
		return r, 0
	}
	patterns := l.patternsOf(subscriber)
	if patterns == nil {
		return 0, 0
	}
	best := candidate{}
	patterns.each(key, func(r RowRef, covers uint64) {
		if !s.hides(l.text(r), subscriber) {
			best = l.better(best, candidate{r, covers}, at)
		}
	})
	return best.row, best.covers
}

// text is that of a row which is no plain number.
func (l *List) text(r RowRef) string { return l.texts[l.rows[r-1].key&^rawBit] }

// networkKey is that of the first bits of an address, IPv4 as ::ffff:0:0/96.
func networkKey(a [16]byte, bits int) liveKey {
	k := liveKey{form: liveNetwork + liveForm(bits), high: binary.BigEndian.Uint64(a[:8]), low: binary.BigEndian.Uint64(a[8:])}
	if bits <= 64 {
		k.high, k.low = k.high&^(1<<(64-bits)-1), 0
	} else {
		k.low &^= 1<<(128-bits) - 1
	}
	return k
}

// liveAddress is the form of a network of one address.
const liveAddress = liveNetwork + 128

// lookUpAddr is the row of the longest network that holds a, of the file or
// live, a live one among equals. The live row or removal of that very address
// counts first.
func (s *liveState) lookUpAddr(l *List, a netip.Addr, at time.Time) (RowRef, *LiveRow) {
	if a = a.Unmap().WithZone(""); !a.IsValid() {
		return 0, nil
	}
	bytes, now := a.As16(), at.Unix()
	if r := s.table.find(networkKey(bytes, 128)); r != nil && r.lives(now) {
		return 0, r.unlessRemoved()
	}
	row, bits := s.networkInFile(l, a, at)
	for _, form := range s.bits {
		length := int(form - liveNetwork)
		if row != 0 && length < bits || a.Is4() && length < mapped {
			break
		}
		if r := s.table.find(networkKey(bytes, length)); r != nil && r.holds(0, now) {
			return 0, r
		}
	}
	return row, nil
}

// networkInFile is List.FindAddr without the rows that are hidden, and the
// length of the network, IPv4 as ::ffff:0:0/96.
func (s *liveState) networkInFile(l *List, a netip.Addr, at time.Time) (RowRef, int) {
	for length := a.BitLen(); length >= 0; {
		network, r, ok := l.networks.LookupPrefixLPM(netip.PrefixFrom(a, length))
		if !ok {
			break
		}
		if l.lives(r, at) && !s.hides(l.text(r), 0) {
			return r, network.Bits() + 128 - a.BitLen()
		}
		length = network.Bits() - 1
	}
	return 0, 0
}

// has tells whether the list with its live layer holds n.
func (l *liveList) has(file *List, n Number, at time.Time) bool {
	state := l.state.Load()
	if state == nil {
		return file.Find(n, at) != 0
	}
	row, live := state.lookUp(file, 0, n, at)
	return row != 0 || live != nil
}

// liveRow is r when it is a live row, else nil.
func (f *frame) liveRow(r RowRef) *LiveRow {
	if r > firstLive {
		return nil
	}
	return f.lived[firstLive-r]
}

// why is that of the row that the rule at hand holds by.
func (f *frame) why() Why {
	if live := f.liveRow(f.row); live != nil {
		return live.why(f.list)
	}
	return f.list.WhyOf(f.row)
}

// matched is the row that the rule at hand holds by.
func (f *frame) matched() *MatchedRow {
	if live := f.liveRow(f.row); live != nil {
		return f.list.matched(live.Row(f.list))
	}
	return f.list.matched(f.list.Row(f.row))
}

// matched is a row of l as explanations show it.
func (l *List) matched(r Row) *MatchedRow {
	m := &MatchedRow{List: l.Name, File: l.Origin(), Line: r.Line, Pattern: r.Pattern, Subscriber: r.Subscriber, Why: r.Why, Source: r.Source,
		Note: r.Note, Added: r.Added, Expires: r.Expires, Live: r.Live, By: r.By}
	if r.Live {
		m.File = ""
	}
	return m
}
