package rules

// frame is one evaluation: the call, what the engine knows, and what was found
// on the way. It is used by one goroutine at a time and used again.
type frame struct {
	call    *Call
	set     *Ruleset
	working *live // what set works with
	monitor bool  // the daemon, or the trunk, is in monitor
	points  int   // that rules gave so far
	facts   *factTable
	learned []learnedUse // by place in the ruleset
	blocks  *numberEvents
	reports *numberEvents
	slowed  *slowSet // nil: nobody

	row  RowRef // first row that the rule at hand holds by, 0 for none; live rows are below 0
	list *List  // of that row; without one it says nothing

	headers     []headerValue        // by header slot; empty but while a call is judged
	found       []RowRef             // by look-up slot: the row + 1, so that 0 is not asked yet
	layers      []*liveList          // by look-up slot
	lived       []*LiveRow           // those found; the i-th is row firstLive - i
	known       [maxCallers + 2]fact // of the callers, the callee and who diverted the call
	knowns      int
	clocks      []localTimes // of the numbers whose local time was asked for
	times       []localTime  // that clocks are parts of
	voucher     voucher      // what a trusted trunk says of the caller's number
	origination headerValue  // the signer, as a trusted trunk says
	text        [24]byte     // a number as it is written
	hits        []uint32     // postings that the call hits
	cursors     [][]int32
	stripe      uint32  // of counters
	history     history // what calls did
}

// headerValue is what header("…") says.
type headerValue struct {
	text string
	read bool
}

type fact struct {
	of Number
	is *Facts
}

// start makes f ready for c.
func (f *frame) start(c *Call, set *Ruleset) {
	f.call, f.set, f.list, f.row, f.knowns = c, set, nil, 0, 0
	f.clocks, f.times, f.voucher.read = f.clocks[:0], f.times[:0], false
	f.points, f.monitor = 0, set.monitors(c)
	if n := len(set.finds); cap(f.found) < n {
		f.found = make([]RowRef, n)
	} else {
		f.found = f.found[:n]
		clear(f.found)
	}
	if n := len(set.headers); cap(f.headers) < n {
		f.headers = make([]headerValue, n)
	} else {
		f.headers = f.headers[:n]
	}
	f.origination = headerValue{}
	f.history.start(nil, 0)
}

// stop lets go of what f points to.
func (f *frame) stop() {
	f.call, f.set, f.working, f.facts, f.learned, f.list = nil, nil, nil, nil, nil, nil
	f.blocks, f.reports = nil, nil
	clear(f.cursors[:cap(f.cursors)])
	clear(f.headers)
	f.origination = headerValue{}
	clear(f.lived)
	f.slowed, f.layers, f.lived = nil, nil, f.lived[:0]
	f.history.with = nil
}

// header is the value of a header that rules ask for, looked for once a call:
// callers choose how many headers there are to look through.
func (f *frame) header(slot int) string {
	h := &f.headers[slot]
	if !h.read {
		h.read = true
		if f.call.Headers != nil {
			h.text, _ = f.call.Headers.Header(f.set.headers[slot])
		}
	}
	return h.text
}

// find is the row of a shared look-up, asked once a call: of the address, the
// number, or the first number of the set that has one.
func (f *frame) find(slot int) RowRef {
	if r := f.found[slot]; r != 0 {
		return r - 1
	}
	look := &f.set.finds[slot]
	var row RowRef
	switch {
	case look.of.address != nil:
		row = f.lookUpAddr(slot, look, look.of.address(f))
	case look.of.set:
		for _, n := range f.callers() {
			if row = f.lookUp(slot, look, n); row != 0 {
				break
			}
		}
	default:
		row = f.lookUp(slot, look, look.of.number(f))
	}
	f.found[slot] = row + 1
	return row
}

// factsOf are those of n; those that no table has are looked up once a call.
func (f *frame) factsOf(n Number) *Facts {
	if n.key-nanp < nanp {
		return f.facts.Of(n)
	}
	for i := range f.knowns {
		if f.known[i].of == n {
			return f.known[i].is
		}
	}
	is := f.facts.Of(n)
	if f.knowns < len(f.known) {
		f.known[f.knowns] = fact{n, is}
		f.knowns++
	}
	return is
}

// validity is not known of absent numbers, extensions, short codes and area
// codes that may have opened.
func (f *frame) validity(n Number) (valid, known bool) {
	switch n.Kind() {
	case Global:
		is := f.factsOf(n)
		return is.Valid, !is.Unopened
	case Malformed:
		return false, true
	}
	return false, false
}

func (f *frame) country(n Number) string {
	if n.Kind() != Global {
		return ""
	}
	return f.factsOf(n).Country
}

// private is the kind of an extension or short code.
const private = "private"

func (f *frame) kind(n Number) string {
	switch n.Kind() {
	case Global:
		return f.factsOf(n).Type
	case Private:
		return private
	}
	return ""
}

// kinds are what kind() can say, beside nothing.
var kinds = []string{"mobile", "fixed", "fixed-or-mobile", "toll-free", "premium", "shared-cost", "voip", "personal", "pager", "uan", "voicemail", unknownType, private}

// knows tells whether the i-th learned list holds n, for a subscriber when it
// is a list per subscriber.
func (f *frame) knows(i int, n, subscriber Number) bool {
	return !n.IsZero() && i < len(f.learned) && f.learned[i].knows(n, subscriber, f.call)
}

// written is n as text, good until the next call of written.
func (f *frame) written(n Number) []byte { return n.Append(f.text[:0]) }
