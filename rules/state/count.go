package state

import "time"

// attempt counts one in the record of its key, which is nil when there is no room.
func (s *shard) attempt(k Key, kind *Kind, at time.Time, with uint64) record {
	now := tickOf(at)
	s.expire(at)
	r := s.open(k, kind, at)
	if r == nil {
		return nil
	}
	shape := &kind.shape
	r.prune(shape, now, shape.keep)
	r[last] = seconds(at)
	var tallies [len(attemptNames)]uint32
	if shape.runs > 0 && with != 0 && r.continues(with, now, shape.runs) {
		tallies[0] = 1
	}
	if shape.Distinct && with != 0 {
		r = s.see(k, r, shape, valueHash(with), now)
	}
	if shape.Attempts {
		var ok bool
		if r, ok = s.room(k, r, shape.attemptStride()); !ok {
			r, ok = s.trim(r, shape.attemptStride())
		}
		if ok {
			r.addAttempt(shape, now, tallies[:])
		}
	}
	return r
}

// pass counts that the newest attempt was let pass.
func (r record) pass(shape *Shape, at time.Time) {
	r[before], r[passed] = r[passed], seconds(at)
	if stream := r.attemptStream(); shape.Passed && len(stream) > 0 {
		newest := stream[len(stream)-shape.attemptStride()+1:]
		newest[shape.passedTally()]++
	}
}

// end takes a call off those that are going on.
func (r record) end(began bool) {
	if began && r[open] > 0 {
		r[open]--
	}
}

// finish counts a call that is over in the record of its key.
func (s *shard) finish(k Key, kind *Kind, at time.Time, tallies []uint32, began bool) {
	now := tickOf(at)
	r := s.open(k, kind, at)
	if r == nil {
		return
	}
	r.end(began)
	if !kind.shape.Finished {
		return
	}
	r.prune(&kind.shape, now, kind.shape.keep)
	stride := kind.shape.stride()
	var ok bool
	if r, ok = s.room(k, r, stride); !ok {
		r, ok = s.trim(r, stride)
	}
	if ok {
		r.addFinished(&kind.shape, now, tallies)
	}
}

// trim makes room in a record that cannot grow by forgetting its oldest events.
func (s *shard) trim(r record, words int) (record, bool) {
	shape := &(*s.kinds.Load())[r.shape()].shape
	stride := shape.stride()
	for r.length()+words > len(r) {
		switch {
		case r.attempts() > 0:
			s.stats.Trimmed += forgetOldest(r, shape.attemptStride(), 0)
		case r.finished() > 0:
			s.stats.Trimmed += forgetOldest(r, 0, stride)
		default:
			return r, false
		}
	}
	return r, true
}

// forgetOldest takes so many words off the beginning of each stream.
func forgetOldest(r record, attempts, finished int) (events uint64) {
	a, f := r.attemptStream(), r.finishedStream()
	if attempts > 0 {
		events += 1 << bucketSize(a[0])
	}
	if finished > 0 {
		events += 1 << bucketSize(f[0])
	}
	at := header + 2*r.entries()
	end := r.length()
	copy(r[at:], r[at+attempts:end])
	end -= attempts
	at += len(a) - attempts
	copy(r[at:], r[at+finished:end])
	r.setStreams(len(a)-attempts, len(f)-finished)
	return events
}

// see notes a value in the set of a record, which grows, or keeps every second
// value, when it is full.
func (s *shard) see(k Key, r record, shape *Shape, hash uint32, now tick) record {
	for sampled(hash, r.halvings()) {
		if r.entries() > 0 {
			n, ok := putValue(r.set(), r.values(), hash, now)
			r.setSet(r.entries(), n, r.halvings())
			if ok {
				return r
			}
		}
		entries, halvings := max(2*r.entries(), leastDistinct), r.halvings()
		if live := liveValues(r.set(), now, shape.keep); live < r.entries()/2 {
			entries = max(r.entries(), leastDistinct)
		}
		wider, ok := r, entries <= mostDistinct
		if ok {
			wider, ok = s.room(k, r, 2*(entries-r.entries()))
		}
		if !ok {
			if r.entries() == 0 {
				s.stats.Refused++
				return r
			}
			entries, wider = r.entries(), r
			if liveValues(r.set(), now, shape.keep) >= entries/2 {
				halvings++
			}
		}
		r = wider
		s.resize(r, entries, halvings, now, shape.keep)
	}
	return r
}

// resize gives the set of a record so many entries, for which there is room, and
// takes out what is too old or no longer sampled.
func (s *shard) resize(r record, entries int, halvings uint8, now tick, keep uint32) {
	old := append(s.scratch[:0], r.set()...)
	streams := r[header+2*r.entries() : r.length()]
	copy(r[header+2*entries:], streams)
	set := r[header : header+2*entries]
	clear(set)
	r.setSet(entries, moveValues(set, old, halvings, now, keep), halvings)
	s.scratch = old
}

func liveValues(table []uint32, now tick, keep uint32) (n int) {
	for i := 0; i < len(table); i += 2 {
		if table[i] != noValue && tick(table[i+1]).age(now) <= keep {
			n++
		}
	}
	return n
}

// read answers questions about a key; seen is how an attempt that is not counted
// would change the answers, nil when none would.
func (s *shard) read(k Key, kind *Kind, at time.Time, wants []Want, got []Got, seen *uint64) {
	place, r := s.find(k)
	if r == nil {
		clear(got[:len(wants)])
	} else {
		s.slots[place] |= touched
		if r.shape() != kind.number {
			r = s.reshape(k, r, kind)
		}
		s.settle(r, &kind.shape, at)
		r.answer(&kind.shape, at, wants, got)
	}
	if seen != nil {
		r.foresee(&kind.shape, at, *seen, wants, got)
	} else if r == nil {
		for i, w := range wants {
			if w.Ask == Idle || w.Ask == IdleBefore {
				got[i].Count = Never
			}
		}
	}
}

// answer answers questions about the key of a record.
func (r record) answer(shape *Shape, at time.Time, wants []Want, got []Got) {
	now, stride := tickOf(at), shape.stride()
	for i, w := range wants {
		g := &got[i]
		*g = Got{}
		switch w.Ask {
		case Attempts:
			g.Count = count(r.attemptStream(), shape.attemptStride(), now, w.Window)
		case Runs:
			if shape.runs > 0 {
				g.Count, _ = sum(r.attemptStream(), shape.attemptStride(), now, w.Window, 0)
			}
		case Finished:
			if w.Tally < 0 {
				g.Count = count(r.finishedStream(), stride, now, w.Window)
			} else {
				g.Sum, g.Count = sum(r.finishedStream(), stride, now, w.Window, w.Tally)
			}
		case Part:
			g.Sum, g.Count = sums(r.finishedStream(), stride, now, w.Window, w.Tally, w.Among)
		case Distinct:
			g.Count = countValues(r.set(), r.halvings(), now, w.Window, w.Enough)
		case Going:
			g.Count = uint64(r[open])
		case First:
			g.Count = uint64(since(r[first], at))
		case Passed:
			if shape.Passed {
				g.Count, _ = sum(r.attemptStream(), shape.attemptStride(), now, w.Window, shape.passedTally())
			}
		case Idle:
			g.Count = ago(r[passed], at)
		case IdleBefore:
			g.Count = ago(r[before], at)
		}
	}
}

// foresee changes the answers of a record, nil for none, to those after an attempt.
func (r record) foresee(shape *Shape, at time.Time, with uint64, wants []Want, got []Got) {
	now := tickOf(at)
	for i, w := range wants {
		g := &got[i]
		switch w.Ask {
		case Attempts:
			g.Count++
		case Runs:
			if r != nil && shape.runs > 0 && with != 0 && r.continues(with, now, shape.runs) {
				g.Count++
			}
		case Distinct:
			if with != 0 && (r == nil || !hasValue(r.set(), valueHash(with), now, w.Window)) {
				g.Count++
			}
		case Idle, IdleBefore:
			if r == nil {
				g.Count = Never
			}
		}
	}
}

// seconds is a time as records have it, until 2106.
func seconds(t time.Time) uint32 { return uint32(max(t.Unix(), 0)) }

// ago is how long something was before now, Never when it was not.
func ago(then uint32, now time.Time) uint64 {
	if then == 0 {
		return Never
	}
	return uint64(since(then, now))
}

func since(then uint32, now time.Time) uint32 {
	if n := seconds(now); n > then {
		return n - then
	}
	return 0
}
