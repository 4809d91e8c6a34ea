package rules

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/ristretto/v2"
	"github.com/nyaruka/phonenumbers"
)

// Facts are what can be said of a number without asking anybody. Those of a
// number that is not Global are zero; of them only a Malformed one is invalid,
// a Private one is neither.
type Facts struct {
	Valid bool // it fits the numbering plan of its country and can have been assigned
	// Unopened is set for a number of the NANP whose area code could open any
	// day or has opened since the tables were made: neither valid nor invalid.
	Unopened bool
	// Country is ISO 3166-1 alpha-2: of the number, or when that cannot be said
	// the main country of its calling code; empty for a calling code of no
	// country (+800) or none. Jersey, Guernsey and the Isle of Man are not GB.
	Country string
	// Type is mobile, fixed, fixed-or-mobile, toll-free, premium, shared-cost,
	// voip, personal, pager, uan, voicemail or unknown.
	Type string
}

const unknownType = "unknown"

var numberTypes = map[phonenumbers.PhoneNumberType]string{
	phonenumbers.FIXED_LINE:           "fixed",
	phonenumbers.MOBILE:               "mobile",
	phonenumbers.FIXED_LINE_OR_MOBILE: "fixed-or-mobile",
	phonenumbers.TOLL_FREE:            "toll-free",
	phonenumbers.PREMIUM_RATE:         "premium",
	phonenumbers.SHARED_COST:          "shared-cost",
	phonenumbers.VOIP:                 "voip",
	phonenumbers.PERSONAL_NUMBER:      "personal",
	phonenumbers.PAGER:                "pager",
	phonenumbers.UAN:                  "uan",
	phonenumbers.VOICEMAIL:            "voicemail",
}

// factTable knows the facts of numbers: those of the NANP from a table of its
// own, the others from libphonenumber, behind a cache. It is safe for
// concurrent use.
type factTable struct {
	areas *areas
	cache *ristretto.Cache[uint64, *Facts] // nil: off
	queue chan learnedFacts
	done  sync.WaitGroup
	same  sync.Map // Facts → *Facts: there are few, each is kept once

	hits, misses, drops atomic.Uint64
}

// learnedFacts wait to be put into the cache.
type learnedFacts struct {
	key uint64
	is  *Facts
}

// FactStats count the questions about numbers outside the NANP.
type FactStats struct {
	Hits, Misses uint64 // by the cache
	Drops        uint64 // facts that the cache was too busy to take
	Queue        int    // facts that wait to be put into it
}

// Bounds of the cache of facts.
const (
	factCost  = 96   // bytes of one cached number, with the cache's own books
	factQueue = 1024 // facts that wait to be put into the cache
)

// newFacts makes a table whose cache takes up to cacheBytes; 0 means none. Its
// owner closes it.
func newFacts(cacheBytes int64) (*factTable, error) {
	t := &factTable{areas: nanpAreas()}
	if cacheBytes <= 0 {
		return t, nil
	}
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, *Facts]{
		NumCounters:        max(10*cacheBytes/factCost, 1000),
		MaxCost:            max(cacheBytes, factCost),
		BufferItems:        1024, // a full buffer costs one allocation
		IgnoreInternalCost: true,
	})
	if err != nil {
		return nil, fmt.Errorf("cache of number facts of %d bytes: %w", cacheBytes, err)
	}
	t.cache, t.queue = cache, make(chan learnedFacts, factQueue)
	t.done.Go(t.fill)
	return t, nil
}

// noFacts are those of what is no global number.
var noFacts Facts

// Of is what there is to say of n; it must not be changed. It allocates only
// for a number outside the NANP that the cache does not hold.
func (t *factTable) Of(n Number) *Facts {
	switch {
	case n.key-nanp < nanp:
		return t.areas.facts(n.key - nanp)
	case n.Kind() != Global:
		return &noFacts
	case t.cache == nil:
		t.misses.Add(1)
		return t.look(n)
	}
	if f, ok := t.cache.Get(n.key); ok {
		t.hits.Add(1)
		return f
	}
	t.misses.Add(1)
	f := t.look(n)
	select {
	case t.queue <- learnedFacts{n.key, f}:
	default:
		t.drops.Add(1)
	}
	return f
}

// look asks the library.
func (t *factTable) look(n Number) *Facts {
	f := lookUp(n)
	is, _ := t.same.LoadOrStore(f, &f)
	return is.(*Facts)
}

// fill puts into the cache what was looked up, until the queue is closed.
func (t *factTable) fill() {
	for f := range t.queue {
		if !t.cache.Set(f.key, f.is, factCost) {
			t.drops.Add(1)
		}
	}
}

// Stats is the count of what happened since the start.
func (t *factTable) Stats() FactStats {
	return FactStats{Hits: t.hits.Load(), Misses: t.misses.Load(), Drops: t.drops.Load(), Queue: len(t.queue)}
}

// Close ends the cache. The table must not be asked any more.
func (t *factTable) Close() {
	if t.cache != nil {
		close(t.queue)
		t.done.Wait()
		t.cache.Close()
	}
}

// lookUp asks libphonenumber, which takes about 50 µs.
func lookUp(n Number) Facts {
	code := numbering().callingCode(n)
	f := Facts{Country: numbering().mainCountry(code), Type: unknownType}
	parsed, err := phonenumbers.Parse(n.String(), "")
	if err != nil {
		return f
	}
	region := phonenumbers.GetRegionCodeForNumber(parsed)
	if region != "" && region != phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY && region != "ZZ" {
		f.Country = region
	}
	if f.Valid = phonenumbers.IsValidNumber(parsed); f.Valid {
		if name, ok := numberTypes[phonenumbers.GetNumberType(parsed)]; ok {
			f.Type = name
		}
	}
	return f
}
