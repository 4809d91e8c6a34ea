package alert

import (
	"cmp"
	"slices"
	"time"
)

// book remembers what was told of each key, so that the same is not told again
// and again. Who was told that something began is told when it ends; else a key
// that was told of within the interval is held back, and what was held is one
// summary when the interval is over.
type book struct {
	pages map[key]*page
}

// maxKeys are the keys that are remembered. Beyond, the one told of longest ago
// makes room, and its next alert is told as if it were the first.
const maxKeys = 4096

type key struct {
	kind    Kind
	subject string
}

// page is what is known of one key.
type page struct {
	told   time.Time // the last time
	as     State     // it was told
	latest Alert
	held   int // alerts since
}

// news is an alert to be told, which stands for so many.
type news struct {
	Alert
	count int
}

func newBook() *book { return &book{pages: make(map[key]*page)} }

// take tells whether an alert is to be told now.
func (b *book) take(x Alert, now time.Time, every time.Duration) (news, bool) {
	k := key{x.Kind, x.Subject}
	p := b.pages[k]
	if p == nil {
		b.room()
		p = new(page)
		b.pages[k] = p
		return p.tell(x, now), true
	}
	p.held++
	if ends := x.State == End && p.as == Begin; ends || p.age(now) >= every {
		return p.tell(x, now), true
	}
	p.latest = x
	return news{}, false
}

// age is how long ago the key was told of. A clock that was set back begins anew.
func (p *page) age(now time.Time) time.Duration {
	if now.Before(p.told) {
		p.told = now
	}
	return now.Sub(p.told)
}

func (p *page) tell(x Alert, now time.Time) news {
	n := news{x, max(p.held, 1)}
	*p = page{told: now, as: x.State, latest: x}
	return n
}

// due are the summaries of what was held back for the interval. It forgets what
// nothing is to be said of.
func (b *book) due(now time.Time, every time.Duration) (all []news) {
	for k, p := range b.pages {
		switch {
		case p.age(now) < every:
		case p.held > 0:
			all = append(all, p.tell(p.latest, now))
		case p.as != Begin:
			delete(b.pages, k)
		}
	}
	slices.SortFunc(all, func(a, b news) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return all
}

// room makes room for one key.
func (b *book) room() {
	if len(b.pages) < maxKeys {
		return
	}
	var oldest key
	var at time.Time
	for k, p := range b.pages {
		if at.IsZero() || p.told.Before(at) {
			oldest, at = k, p.told
		}
	}
	delete(b.pages, oldest)
}
