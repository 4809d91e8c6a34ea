package sidecar

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"ringfence/rules"
)

// feeds fetches the lists that come from afar, one after the other, in one
// goroutine. What it has fetched and checked replaces the copy on disk, and an
// ordinary reload takes it up. What fails leaves the copy as it is.
type feeds struct {
	dir     string
	log     *slog.Logger
	now     func() time.Time
	jitter  func() float64 // from 0 up to 1
	ruleset func() *rules.Ruleset
	reload  func(context.Context) error
	fetcher fetcher
	wake    chan struct{} // other rules are at work

	mu   sync.Mutex
	feed map[string]*feed // by list
}

// feed is one of them. Its owner is the goroutine, under the lock of feeds.
type feed struct {
	rules.Feed
	state    feedState
	next     time.Time // of the next fetch
	failures int       // since the last success
	err      string    // of the last fetch, empty when it succeeded
	stale    bool      // as the log has said
	results  map[string]uint64
}

// What can become of a fetch.
const (
	feedFetched   = "fetched"
	feedUnchanged = "unchanged"
	feedHeld      = "held"
	feedFailed    = "failed"
)

var feedResults = []string{feedFetched, feedUnchanged, feedHeld, feedFailed}

// How long fetches wait.
const (
	feedRetry   = time.Minute      // after a failure; twice as long after each further one
	feedRestart = 30 * time.Second // at most, before an overdue fetch after the start
	feedLook    = 10 * time.Minute // at most, between looks at what has become stale
)

func newFeeds(dir, version string, log *slog.Logger, now func() time.Time) *feeds {
	return &feeds{dir: dir, log: log, now: now, jitter: rand.Float64, fetcher: newFetcher(version), wake: make(chan struct{}, 1), feed: make(map[string]*feed)}
}

// stir has the goroutine look at what rules declare now.
func (f *feeds) stir() {
	select {
	case f.wake <- struct{}{}:
	default: // it is about to
	}
}

// run fetches until ctx ends.
func (f *feeds) run(ctx context.Context) {
	defer f.fetcher.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-timer.C:
		}
		f.follow()
		timer.Reset(f.round(ctx))
	}
}

// follow takes over what the rules at work declare.
func (f *feeds) follow() {
	f.mu.Lock()
	defer f.mu.Unlock()
	declared := make(map[string]*feed)
	for _, d := range f.ruleset().Feeds() {
		old := f.feed[d.List]
		if old == nil {
			old = &feed{state: f.read(d), results: make(map[string]uint64)}
		}
		if old.Feed != d || old.failures == 0 && !exists(d.Copy) {
			old.Feed, old.failures = d, 0
			old.next = f.begin(old)
		}
		declared[d.List] = old
	}
	f.feed = declared
}

// begin is when a feed that is newly declared is fetched first.
func (f *feeds) begin(d *feed) time.Time {
	now := f.now()
	if !exists(d.Copy) || d.state.URL != d.URL {
		return now
	}
	next := d.state.Confirmed.Add(f.spread(d.Every))
	if next.Before(now) {
		return now.Add(time.Duration(f.jitter() * float64(feedRestart)))
	}
	return next
}

// spread is a tenth more or less, so that not all daemons of the world ask at
// the same moment.
func (f *feeds) spread(d time.Duration) time.Duration {
	return time.Duration((0.9 + 0.2*f.jitter()) * float64(d))
}

// round fetches what is due and tells how long to wait for the next round.
func (f *feeds) round(ctx context.Context) time.Duration {
	for _, d := range f.all() {
		if ctx.Err() != nil {
			break
		}
		if !d.next.After(f.now()) {
			f.fetch(ctx, d)
		}
		f.age(d)
	}
	wait := feedLook
	for _, d := range f.all() {
		wait = min(wait, d.next.Sub(f.now()))
	}
	return max(wait, 0)
}

// all are the feeds by name.
func (f *feeds) all() []*feed {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*feed
	for _, d := range f.feed {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *feed) int { return strings.Compare(a.List, b.List) })
	return all
}

// fetch asks the publisher once and does what follows from it.
func (f *feeds) fetch(ctx context.Context, d *feed) {
	result, err := f.try(ctx, d)
	if ctx.Err() != nil {
		return // the daemon stops
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d.results[result]++
	if err == nil {
		d.failures, d.err = 0, ""
		d.next = f.now().Add(f.spread(d.Every))
		return
	}
	d.err = err.Error()
	wait := d.Every
	if result == feedFailed {
		if wait = feedRetry << min(d.failures, 16); wait > d.Every {
			wait = d.Every
		}
		d.failures++
	}
	d.next = f.now().Add(f.spread(wait))
	f.log.Warn("the feed was not taken, the last good copy stays", "list", d.List, "url", d.Source(), "err", d.err, "next", d.next.UTC().Format(time.RFC3339))
}

// age says it when a copy becomes stale. The copy stays at work: without it the
// calls that it stopped would pass, or those that it let pass would be stopped.
func (f *feeds) age(d *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	confirmed, ok := d.confirmed()
	stale := ok && f.now().Sub(confirmed) > d.MaxAge
	if stale && !d.stale {
		f.log.Error("the copy of the feed is older than max_age, and still used", "list", d.List, "url", d.Source(), "confirmed", confirmed.UTC().Format(time.RFC3339), "err", d.err)
	}
	d.stale = stale
}

// confirmed is when the publisher last had what the copy is; false without one.
func (d *feed) confirmed() (time.Time, bool) {
	info, err := os.Stat(d.Copy)
	if err != nil {
		return time.Time{}, false
	}
	if d.state.Confirmed.IsZero() {
		return info.ModTime(), true
	}
	return d.state.Confirmed, true
}
