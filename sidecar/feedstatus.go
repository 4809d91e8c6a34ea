package sidecar

import "time"

// FeedStatus is one list that is fetched.
type FeedStatus struct {
	List      string    `json:"list"`
	URL       string    `json:"url"`       // without what may be secret in it
	Rows      int       `json:"rows"`      // at work
	Waiting   bool      `json:"waiting"`   // for the first copy: nothing is on it
	Changed   time.Time `json:"changed"`   // when the copy was fetched
	Confirmed time.Time `json:"confirmed"` // when its publisher last had the same
	MaxAge    float64   `json:"max_age_seconds"`
	Stale     bool      `json:"stale"` // older than MaxAge, and still used
	Next      time.Time `json:"next"`  // fetch
	Error     string    `json:"error,omitempty"`
	Held      *HeldCopy `json:"held,omitempty"`

	results map[string]uint64
}

// status are all feeds by name.
func (f *feeds) status() []FeedStatus {
	rows := make(map[string]int)
	for _, l := range f.ruleset().Lists() {
		rows[l.Name] = l.Len()
	}
	all := f.all()
	f.mu.Lock()
	defer f.mu.Unlock()
	var s []FeedStatus
	for _, d := range all {
		one := FeedStatus{
			List: d.List, URL: d.Source(), Rows: rows[d.List], Changed: d.state.Changed.UTC(),
			MaxAge: d.MaxAge.Seconds(), Next: d.next.UTC(), Error: d.err, results: make(map[string]uint64),
		}
		confirmed, ok := d.confirmed()
		one.Confirmed, one.Waiting = confirmed.UTC(), !ok
		one.Stale = ok && f.now().Sub(confirmed) > d.MaxAge
		if d.state.Held != nil {
			held := *d.state.Held
			one.Held = &held
		}
		for result, n := range d.results {
			one.results[result] = n
		}
		s = append(s, one)
	}
	return s
}

// waiting are the lists whose rules are at work without a first copy.
func (f *feeds) waiting() []string {
	var names []string
	for _, d := range f.ruleset().Feeds() {
		if f.ruleset().Awaits(d.List) {
			names = append(names, d.List)
		}
	}
	return names
}
