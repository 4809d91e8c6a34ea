package rules

// within tells whether every number or address of e is one of w, which covers
// more. It may miss that of a range that ends in the middle of a pattern.
func (e entry) within(w entry) bool {
	switch {
	case e == w:
		return false
	case w.network.IsValid() || e.network.IsValid():
		return w.network.IsValid() && e.network.IsValid() && w.network.Bits() < e.network.Bits() && w.network.Contains(e.network.Addr())
	case w.number != 0:
		return false
	case w.signs == "":
		low, high, ok := e.bounds()
		return ok && w.from <= low && high <= w.to && len(Number{low}.String()) == len(Number{w.from}.String())
	case e.signs != "":
		return w.length(len(e.signs), e.open) && w.takes(e.signs)
	}
	low, high, _ := e.bounds()
	from, to := Number{low}.String()[1:], Number{high}.String()[1:]
	return w.length(len(from), false) && w.takes(spread(from, to))
}

// length tells whether w takes all that is as long, or longer when open.
func (e entry) length(digits int, open bool) bool {
	return e.open && len(e.signs) <= digits || !open && len(e.signs) == digits
}

// takes tells whether each of the signs is one that e has there.
func (e entry) takes(signs string) bool {
	for i := range len(e.signs) {
		switch have, sign := e.signs[i], signs[i]; {
		case have == 'X', have == sign:
		case have == 'N' && sign >= '2' && sign <= '9':
		default:
			return false
		}
	}
	return true
}

// bounds are the least and the greatest number of e; false for entries of many
// lengths, and for networks.
func (e entry) bounds() (low, high uint64, ok bool) {
	switch {
	case e.number != 0:
		return e.number, e.number, true
	case e.network.IsValid() || e.open:
		return 0, 0, false
	case e.signs == "":
		return e.from, e.to, true
	}
	for _, sign := range []byte(e.signs) {
		a, b := uint64(sign-'0'), uint64(sign-'0')
		switch sign {
		case 'N':
			a, b = 2, 9
		case 'X':
			a, b = 0, 9
		}
		low, high = 10*low+a, 10*high+b
	}
	return low, high, true
}

// spread are signs that take all numbers from one to another of its length.
func spread(from, to string) string {
	signs := []byte(from)
	for i := range signs {
		if from[i] == to[i] {
			continue
		}
		if signs[i] = 'X'; from[i] >= '2' && from[i] < to[i] {
			signs[i] = 'N'
		}
		for j := i + 1; j < len(signs); j++ {
			signs[j] = 'X'
		}
		break
	}
	return string(signs)
}

// least is a number of e, of the fewest digits.
func (e entry) least() uint64 {
	e.open = false
	low, _, _ := e.bounds()
	return low
}

// covering visits the rows of l, expired ones too, whose entries cover more
// than e and all of it, for the same subscriber.
func (l *List) covering(e entry, subscriber uint64, visit func(RowRef)) {
	if e.network.IsValid() {
		for network, r := range l.networks.Supernets(e.network) {
			if network != e.network {
				visit(r)
			}
		}
		return
	}
	patterns := l.patternsOf(subscriber)
	if patterns == nil {
		return
	}
	patterns.each(e.least(), func(r RowRef, _ uint64) {
		if e.within(l.entryOf(r)) {
			visit(r)
		}
	})
}

// entryOf is the entry of a row that is no plain number.
func (l *List) entryOf(r RowRef) entry {
	e, _, _ := new(listLoader).entry([]byte(l.text(r)))
	return e
}
