package rules

import (
	"encoding/gob"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"time"

	"ringfence/rules/state"
)

// savedPending stands before the calls: the rings that they lie in.
type savedPending struct {
	Shards []savedRing
}

type savedRing struct{ Size, Next, Length int }

// savedCall is a call whose outcome is awaited, with all that its outcome needs.
// Its id names its place.
type savedCall struct {
	ID             ID
	Answered       bool
	At             int64
	Caller, Callee uint64
	Origin         uint64
	Trunk, Account string
	Plain, Again   bool
	Withheld, Told bool
	Leased         bool // its switch has said that it goes on
	Kept           []savedKey
}

// savedKey is one by which a call is counted when it is over.
type savedKey struct {
	Subject string // its name
	Key     state.Hash
	Going   bool
}

// ErrPendingSize is the error of calls that were saved where there was room for
// another number of them: their ids name other places.
var ErrPendingSize = errors.New("saved with another size of pending")

// SavePending writes the calls whose outcome is awaited, to be restored when the
// process has ended and another begins. No call may be under way.
func (e *Engine) SavePending(w io.Writer) error {
	to := gob.NewEncoder(w)
	subjects := e.subjects()
	var all savedPending
	for i := range e.pending.shards {
		s := &e.pending.shards[i]
		s.mu.Lock()
		all.Shards = append(all.Shards, savedRing{len(s.ring), s.next, s.length})
		s.mu.Unlock()
	}
	if err := to.Encode(all); err != nil {
		return err
	}
	for i := range e.pending.shards {
		s := &e.pending.shards[i]
		s.mu.Lock()
		slots := slices.Clone(s.ring[:s.length])
		s.mu.Unlock()
		for j := range slots {
			slot := &slots[j]
			if slot.stage == over {
				continue
			}
			c := &slot.call
			var kept []savedKey
			for n := range int(c.kept) {
				kept = append(kept, savedKey{subjects[c.by[n]], c.keys[n], c.going&(1<<n) != 0})
			}
			if err := to.Encode(savedCall{
				ID: slot.id, Answered: slot.stage == answered, At: c.At, Caller: c.Caller.key, Callee: c.Callee.key, Origin: c.Origin,
				Trunk: e.names.name(c.Trunk), Account: e.names.name(c.Account), Plain: c.Plain, Again: c.Again, Withheld: c.Withheld, Told: c.Told, Leased: slot.lease != 0, Kept: kept,
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// RestorePending puts back what SavePending wrote, each call in its place, and
// tells how many those are. Leases begin anew at the time given. It is for an engine that has decided nothing yet. When
// it fails no call is remembered.
func (e *Engine) RestorePending(r io.Reader, at time.Time) (calls int, err error) {
	from := gob.NewDecoder(r)
	var all savedPending
	if err := from.Decode(&all); err != nil {
		return 0, fmt.Errorf("pending calls: %w", err)
	}
	p := e.pending
	if len(all.Shards) != len(p.shards) {
		return 0, ErrPendingSize
	}
	defer func() {
		if err != nil {
			calls = 0
			p.forget()
		}
	}()
	for i, ring := range all.Shards {
		s := &p.shards[i]
		if ring.Size != len(s.ring) {
			return 0, ErrPendingSize
		}
		if ring.Length < 0 || ring.Length > ring.Size || ring.Next < 0 || ring.Next >= ring.Size || ring.Length < ring.Size && ring.Next != ring.Length {
			return 0, fmt.Errorf("pending calls: a ring of %d has %d, the next at %d", ring.Size, ring.Length, ring.Next)
		}
		s.next, s.length = ring.Next, ring.Length
		for j := range s.ring[:s.length] {
			s.ring[j] = pendingSlot{stage: over}
		}
	}
	for {
		var c savedCall
		switch err := from.Decode(&c); {
		case errors.Is(err, io.EOF):
			return calls, nil
		case err != nil:
			return 0, fmt.Errorf("pending calls: %w", err)
		}
		if e.restore(&c, at) {
			calls++
		}
	}
}

// restore puts a call into its place, if that is one and is free.
func (e *Engine) restore(c *savedCall, at time.Time) bool {
	s, place := e.pending.find(&c.ID)
	if place >= s.length || s.ring[place].stage != over || s.ring[place].id != (ID{}) {
		return false
	}
	call := pendingCall{
		At: c.At, Caller: Number{c.Caller}, Callee: Number{c.Callee}, Origin: c.Origin,
		Trunk: e.names.number(c.Trunk), Account: e.names.number(c.Account), Plain: c.Plain, Again: c.Again, Withheld: c.Withheld, Told: c.Told,
	}
	if c.Trunk != "" { // the hash of a name is another in each process
		call.Origin = maphash.String(originSeed, c.Trunk)
	}
	for n, k := range c.Kept[:min(len(c.Kept), maxKept)] {
		call.keys[n], call.by[n] = k.Key, e.subject(k.Subject)
		call.kept++
		if k.Going {
			call.going |= 1 << n
		}
	}
	slot := pendingSlot{id: c.ID, stage: waiting, call: call}
	if c.Answered {
		slot.stage = answered
	}
	if c.Leased {
		slot.lease = at.Unix()
	}
	s.ring[place] = slot
	s.open++
	return true
}

// subjects are the names of subjects by their numbers, empty for noSubject.
func (e *Engine) subjects() map[uint16]string {
	e.swap.Lock()
	defer e.swap.Unlock()
	names := make(map[uint16]string, len(e.numbers))
	for name, number := range e.numbers {
		names[number] = name
	}
	return names
}

// forget empties all rings.
func (p *Pending) forget() {
	for i := range p.shards {
		s := &p.shards[i]
		clear(s.ring)
		s.next, s.length, s.open = 0, 0, 0
	}
}
