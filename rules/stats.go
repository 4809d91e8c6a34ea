package rules

// Stats say what an engine has done and holds.
type Stats struct {
	Generation    uint64
	Rules         int
	Indexed       int // rules that are asked only when the index names them
	Lists         []ListStats
	Cache         CacheStats
	Facts         FactStats
	Pending       PendingStats
	Learned       []LearnedStats
	Live          []LiveStats
	Blocks        EventStats
	Reports       EventStats
	LiveChanges   uint64   // made live since the start
	UnknownTrunks uint64   // calls that named a trunk which is not configured
	UnknownNames  []string // the first 16 such names, each cut after 64 bytes
}

// ListStats say how large a list is.
type ListStats struct {
	Name string
	Rows int
}

// CacheStats say how the cache of candidate rules does; zero when it is off.
type CacheStats struct {
	Hits, Misses uint64
	Dropped      uint64 // misses that were not put into the cache: it was busy, or the class too large
	Queue        int    // misses that wait to be put into it
}

// Stats are those of now.
func (e *Engine) Stats() Stats {
	s := Stats{
		Facts: e.facts.Stats(), Pending: e.pending.Stats(), Learned: e.learned.Stats(),
		Blocks: e.blocks.stats(), Reports: e.reports.events.stats(),
		UnknownTrunks: e.unknownTrunks.calls.Load(), UnknownNames: e.unknownTrunks.list(),
	}
	s.Live, s.LiveChanges = e.layers.Stats()
	if c := e.cache; c != nil {
		s.Cache = CacheStats{Hits: c.hits.Load(), Misses: c.misses.Load(), Dropped: c.dropped.Load(), Queue: len(c.queue)}
	}
	l := e.live.Load()
	if l == nil {
		return s
	}
	s.Generation, s.Rules = l.generation, len(l.set.rules)
	for _, r := range l.set.rules {
		if r.Indexed {
			s.Indexed++
		}
	}
	for _, list := range l.set.lists {
		s.Lists = append(s.Lists, ListStats{list.Name, list.Len()})
	}
	return s
}
