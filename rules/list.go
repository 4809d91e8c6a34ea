package rules

import (
	"io/fs"
	"net/netip"
	"time"

	"github.com/gaissmai/bart"
)

// listSpec declares a list.
type listSpec struct {
	Name    string
	File    string
	Why     Why      // of its rows; NoWhy when rows must bring their own, or the list blocks nothing
	Own     bool     // own inventory: its numbers are never learned
	Empty   bool     // it may have no rows
	Country string   // whose national form rows may have, ISO 3166-1 alpha-2 or empty
	Per     string   // the attribute that its rows' subscribers are, as in callee; empty: its rows are everybody's
	Pos     Position // where it is declared
	FileAt  Position // where its file is named
}

// List is one list of numbers and networks as loaded. It does not change and
// is safe for concurrent use.
type List struct {
	listSpec
	*listContent
}

// listContent is what the file of a list holds, whatever its declaration says
// about why and whose it is.
type listContent struct {
	exact       exactIndex
	patterns    patternIndex             // of rows that are everybody's
	owned       map[uint64]*patternIndex // of a list per subscriber, by subscriber
	networks    bart.Table[RowRef]
	texts       []string // in global form, of the rows that are no plain number
	rows        []rowLine
	subscribers []uint64 // by row, of a list per subscriber
	details     []rowDetail
	bulk        *bulk // of a large list, the numbers of rows that say nothing else; none of them is in exact

	info     fs.FileInfo // of the file as it was read; nil when it may have been changing
	warnings []Diagnostic
	origin   string // of a compiled list, the file that it was built from
}

func newList(spec listSpec) *List {
	return &List{spec, &listContent{details: make([]rowDetail, 1), owned: map[uint64]*patternIndex{}}}
}

// RowRef names a row of a list: its index + 1, or bulkRow and the number of a
// row that is kept as its number alone; 0 is none.
type RowRef int64

const bulkRow RowRef = 1 << 62

// Row is one row of a list, as explanations show it.
type Row struct {
	Line       int    // 0 of a plain number in a large list, whose lines are not kept
	Subscriber string // whose row it is, of a list per subscriber
	Pattern    string // the number, network or address, or the pattern in its global form: +1202555*, +1202NXXXXXX, +12025550100-+12025550199
	Why        Why    // its own or the list's
	Source     string
	Note       string
	Added      time.Time // zero when not given
	Expires    time.Time // first instant at which it does not match any more; zero: never
	Live       bool      // added while the daemon ran; it has no line
	By         string    // who added a live row, by his own word
}

// rowLine is what is kept of each row.
type rowLine struct {
	key    uint64 // the number, or the index in texts
	line   int32
	detail int32 // index in details, 0 for none
}

// rowDetail is what only some rows have, once for all rows that have the same.
type rowDetail struct {
	why            Why
	source, note   string
	added, expires int64 // seconds since 1970; 0: not given
}

// Find is the row that holds n at that time, or 0. A row that is n itself wins
// over all others; else the row that covers the fewest numbers as long as n
// wins, and among equals the first in the file. A row that has expired does
// not match, and one that covers more may match in its place. Only Global
// numbers are in lists, and a list per subscriber holds none without one: ask
// FindFor. Find does not allocate.
func (l *listContent) Find(n Number, at time.Time) RowRef { return l.find(0, n, at) }

// FindFor is the same among the rows of one subscriber. A list that is not per
// subscriber has none.
func (l *listContent) FindFor(subscriber, n Number, at time.Time) RowRef {
	if subscriber.Kind() != Global {
		return 0
	}
	return l.find(subscriber.key, n, at)
}

func (l *listContent) find(subscriber uint64, n Number, at time.Time) RowRef {
	if n.Kind() != Global {
		return 0
	}
	if r := l.findExact(subscriber, n.key, at); r != 0 {
		return r
	}
	patterns := l.patternsOf(subscriber)
	if patterns == nil {
		return 0
	}
	return patterns.find(l, n.key, at)
}

// findExact is the row that is the number itself.
func (l *listContent) findExact(subscriber, key uint64, at time.Time) RowRef {
	if r := l.exact.find(l, subscriber, key); r != 0 && l.lives(r, at) {
		return r
	}
	if subscriber == 0 && l.bulk != nil && l.bulk.has(key) {
		return bulkRow | RowRef(key)
	}
	return 0
}

// patternsOf are those of a subscriber, 0 for everybody's; nil for none.
func (l *listContent) patternsOf(subscriber uint64) *patternIndex {
	if subscriber == 0 {
		return &l.patterns
	}
	return l.owned[subscriber]
}

// FindAddr is the row of the longest network that holds a at that time, or 0.
// IPv4 addresses written as IPv6 are IPv4; zones are ignored. It does not
// allocate.
func (l *listContent) FindAddr(a netip.Addr, at time.Time) RowRef {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return 0
	}
	r, ok := l.networks.Lookup(a)
	if !ok || l.lives(r, at) {
		return r
	}
	for length := a.BitLen(); length >= 0; {
		network, r, ok := l.networks.LookupPrefixLPM(netip.PrefixFrom(a, length))
		if !ok {
			return 0
		}
		if l.lives(r, at) {
			return r
		}
		length = network.Bits() - 1
	}
	return 0
}

// lives tells whether a row has not expired.
func (l *listContent) lives(r RowRef, at time.Time) bool {
	d := l.rows[r-1].detail
	if d == 0 {
		return true
	}
	expires := l.details[d].expires
	return expires == 0 || at.Unix() < expires
}

// Row is what the list has of r; the zero Row for 0 or a row of another list.
func (l *List) Row(r RowRef) Row {
	if number := uint64(r &^ bulkRow); r&bulkRow != 0 && l.bulk != nil && l.bulk.has(number) {
		return Row{Pattern: Number{number}.String(), Why: l.Why}
	}
	if r <= 0 || r > RowRef(len(l.rows)) {
		return Row{}
	}
	at := l.rows[r-1]
	row := Row{Line: int(at.line), Why: l.Why}
	if at.key&rawBit == 0 {
		row.Pattern = Number{at.key}.String()
	} else {
		row.Pattern = l.texts[at.key&^rawBit]
	}
	if l.subscribers != nil {
		row.Subscriber = Number{l.subscribers[r-1]}.String()
	}
	if at.detail == 0 {
		return row
	}
	d := l.details[at.detail]
	if d.why != NoWhy {
		row.Why = d.why
	}
	row.Source, row.Note = d.source, d.note
	row.Added, row.Expires = instant(d.added), instant(d.expires)
	return row
}

// WhyOf is the why of a row, its own or the list's, without the rest of Row.
func (l *List) WhyOf(r RowRef) Why {
	if r > 0 && r <= RowRef(len(l.rows)) {
		if w := l.details[l.rows[r-1].detail].why; w != NoWhy {
			return w
		}
	}
	return l.Why
}

// Len is how many rows the list has, expired ones too, duplicates not.
func (l *listContent) Len() int {
	if l.bulk != nil {
		return len(l.rows) + l.bulk.size
	}
	return len(l.rows)
}

// Networks is how many of them are networks or addresses.
func (l *listContent) Networks() int { return l.networks.Size() }

func instant(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
