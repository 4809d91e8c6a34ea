package sidecar

import (
	"math"

	"ringfence/rules"
)

func (m metrics) rules(s sink) {
	for _, r := range m.program.engine.Ruleset().Rules() {
		s.counter(ruleMatchedDesc, r.Counts.Matched.Load(), r.ID, does(r))
		s.counter(ruleMonitoredDesc, r.Counts.Monitored.Load(), r.ID, does(r))
	}
	m.guarded(s)
}

// guarded tells of the rules with a limit.
func (m metrics) guarded(s sink) {
	trunks := map[string]int{}
	for _, g := range m.program.engine.Guarded() {
		trunks[g.Rule]++
	}
	for _, r := range m.program.engine.Ruleset().Rules() {
		if r.Limit != nil {
			s.gauge(ruleGuardedDesc, float64(trunks[r.ID]), r.ID)
		}
	}
	s.counter(guardErrorsDesc, m.program.guards.errors.Load())
	for _, t := range m.program.engine.Traffic() {
		s.counter(trunkCallsDesc, t.Calls, t.Trunk)
	}
	s.counter(trafficErrorsDesc, m.program.traffic.errors.Load())
}

// does is the action of a rule, also of one that does not end the evaluation.
func does(r *rules.Rule) string {
	switch {
	case r.Ends:
		return r.Action.String()
	case r.Withhold:
		return "withhold"
	case r.Label != "":
		return "label"
	}
	return "score"
}

func (m metrics) engine(s sink) {
	now := m.program.engine.Stats()
	rows, learned, silenced := 0, 0, 0
	var taught, forgotten, evicted uint64
	for _, l := range now.Lists {
		rows += l.Rows
	}
	for _, l := range now.Live {
		s.gauge(liveRowsDesc, float64(l.Rows), l.Name)
	}
	s.counter(liveChangesDesc, now.LiveChanges)
	s.counter(liveErrorsDesc, m.program.live.errors.Load())
	for _, l := range now.Learned {
		learned += l.Length
		taught += l.Taught
		forgotten += l.Forgotten
		evicted += l.Evicted
		for _, u := range l.Upstreams {
			if u.Silenced {
				silenced++
			}
		}
	}
	s.gauge(rulesDesc, float64(now.Rules))
	s.gauge(indexedDesc, float64(now.Indexed))
	s.gauge(listsDesc, float64(rows))
	s.gauge(learnedDesc, float64(learned))
	s.gauge(silencedDesc, float64(silenced))
	s.counter(learnedTaughtDesc, taught)
	s.counter(learnedTakenDesc, forgotten)
	s.counter(learnedEvictedDesc, evicted)
	s.gauge(blocksDesc, float64(now.Blocks.Length))
	s.counter(blocksEvictedDesc, now.Blocks.Evicted)
	s.gauge(reportsDesc, float64(now.Reports.Length))
	s.counter(reportsEvictedDesc, now.Reports.Evicted)
	s.gauge(pendingDesc, float64(now.Pending.Open))
	s.counter(pendingEvictedDesc, now.Pending.Evicted)
	s.counter(pendingExpiredDesc, now.Pending.Expired)
	s.counter(unknownTrunksDesc, now.UnknownTrunks)
	s.counter(cacheHitsDesc, now.Cache.Hits)
	s.counter(cacheMissesDesc, now.Cache.Misses)
	s.counter(cacheDroppedDesc, now.Cache.Dropped)
	s.gauge(cacheQueueDesc, float64(now.Cache.Queue))
	s.counter(factHitsDesc, now.Facts.Hits)
	s.counter(factMissesDesc, now.Facts.Misses)
	s.counter(factDroppedDesc, now.Facts.Drops)
	s.gauge(factQueueDesc, float64(now.Facts.Queue))
}

func (m metrics) reloads(s sink) {
	now := m.program.reloader.state.Load()
	s.counter(reloadsDesc, now.failed, "failed")
	s.counter(reloadsDesc, now.loaded, "ok")
	ok := 0.0
	if now.last.OK {
		ok = 1
	}
	s.gauge(reloadOKDesc, ok)
	s.gauge(reloadTimeDesc, float64(now.lastOK.UnixNano())/1e9)
	s.gauge(generationDesc, float64(now.last.Generation))
}

func (m metrics) feeds(s sink) {
	for _, f := range m.program.feeds.status() {
		age := math.Inf(1)
		if !f.Waiting {
			age = m.program.now().Sub(f.Confirmed).Seconds()
		}
		held := 0
		if f.Held != nil {
			held = f.Held.Rows
		}
		s.gauge(feedAgeDesc, age, f.List)
		s.gauge(feedMaxAgeDesc, f.MaxAge, f.List)
		s.gauge(feedRowsDesc, float64(f.Rows), f.List)
		s.gauge(feedHeldDesc, float64(held), f.List)
		for _, result := range feedResults {
			s.counter(feedFetchesDesc, f.results[result], f.List, result)
		}
	}
}
