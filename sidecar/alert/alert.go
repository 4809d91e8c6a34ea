// Package alert tells operators what needs them: in the log, and by a webhook.
// Who raises an alert never waits for who is told.
package alert

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Kind is what an alert is about.
type Kind uint8

// The kinds.
const (
	AnswerRate       Kind = iota // far fewer calls are answered than usual
	BlockShare                   // many calls come back as unwanted
	ShortShare                   // many answered calls end at once
	UpstreamSilenced             // an upstream answers so many calls with a status that teaches that it teaches no more
	RuleFallback                 // a rule went beyond its limit and only monitors
	OwnNumberBlocked             // a carrier blocks a number of ours
)

var kindNames = [...]string{"answer-rate", "block-share", "short-share", "upstream-silenced", "rule-fallback", "own-number-blocked"}

func (k Kind) String() string { return kindNames[k] }

// State is how an alert stands.
type State uint8

// The states.
const (
	Begin State = iota
	End
	Once // it has no length
)

var stateNames = [...]string{"begin", "end", "once"}

func (s State) String() string { return stateNames[s] }

// Alert is what is raised.
type Alert struct {
	Kind    Kind
	Subject string // whom or what it is about, as in "upstream carrier-a"; kind and subject are its key
	State   State
	Time    time.Time // zero: now
	Text    string    // for people
	Figures any       // for programs: what JSON makes an object of, nil for nothing
}

// Config says who is told. It can change while alerts are raised.
type Config struct {
	Log     bool          // each is a line of the log
	Every   time.Duration // an alert of the same key is not told again within it
	Webhook *Webhook      // nil: none
}

// Options are what Alerts take from their surroundings.
type Options struct {
	Log   *slog.Logger
	Now   func() time.Time
	Mask  func(string) string // what the log may tell of a text; nil: all
	From  string              // this node, as messages name it
	Agent string              // User-Agent of the webhook
}

const (
	queueLength = 1024        // alerts that were raised and not looked at
	lookEvery   = time.Second // at what was held back
)

// Alerts take alerts and tell of them. They are safe for concurrent use.
type Alerts struct {
	options Options
	config  atomic.Pointer[Config]
	queue   chan Alert
	book    *book // of the goroutine
	sender  *sender

	raised  [len(kindNames)][len(stateNames)]atomic.Uint64
	dropped atomic.Uint64
	held    atomic.Uint64

	stop, done chan struct{}
}

// New begins to take alerts. Their owner closes them.
func New(c Config, o Options) *Alerts {
	if o.Mask == nil {
		o.Mask = func(s string) string { return s }
	}
	a := &Alerts{options: o, queue: make(chan Alert, queueLength), book: newBook(), stop: make(chan struct{}), done: make(chan struct{})}
	a.config.Store(&c)
	a.sender = newSender(&a.config, o)
	a.sender.start()
	go a.run()
	return a
}

// Raise takes an alert. It never waits; when the queue is full the alert is
// counted as dropped.
func (a *Alerts) Raise(x Alert) {
	if x.Time.IsZero() {
		x.Time = a.options.Now()
	}
	a.raised[x.Kind][x.State].Add(1)
	select {
	case a.queue <- x:
	default:
		a.dropped.Add(1)
	}
}

// Set changes who is told.
func (a *Alerts) Set(c Config) { a.config.Store(&c) }

// Close tells of what was raised and ends. The webhook has so long; what it does
// not take by then is lost, and said to be. Nothing may be raised any more.
func (a *Alerts) Close(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	close(a.stop)
	<-a.done
	a.sender.close(ctx)
}

func (a *Alerts) run() {
	defer close(a.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case x := <-a.queue:
			a.take(x)
		case <-tick.C:
			a.tell(a.book.due(a.options.Now(), a.config.Load().Every))
		case <-a.stop:
			for len(a.queue) > 0 {
				a.take(<-a.queue)
			}
			a.tell(a.book.due(a.options.Now(), 0))
			return
		}
	}
}

func (a *Alerts) take(x Alert) {
	told, ok := a.book.take(x, a.options.Now(), a.config.Load().Every)
	if !ok {
		a.held.Add(1)
		return
	}
	a.tell([]news{told})
}

// tell hands news to those who are to know.
func (a *Alerts) tell(all []news) {
	c := a.config.Load()
	for _, n := range all {
		if c.Log {
			level := [...]slog.Level{Begin: slog.LevelError, End: slog.LevelInfo, Once: slog.LevelWarn}[n.State]
			a.options.Log.Log(context.Background(), level, "alert", "kind", n.Kind.String(), "subject", a.options.Mask(n.Subject), "state", n.State.String(),
				"count", n.count, "text", a.options.Mask(n.Text))
		}
		if c.Webhook != nil {
			a.sender.add(message(n, a.options.From))
		}
	}
}

// Stats count what alerts have come to.
type Stats struct {
	Raised  map[Kind]map[State]uint64
	Queue   int    // raised and not looked at
	Dropped uint64 // because that queue was full
	Held    uint64 // not told at once, because the same was told before
	Webhook WebhookStats
}

// Stats are those of now.
func (a *Alerts) Stats() Stats {
	s := Stats{Raised: make(map[Kind]map[State]uint64), Queue: len(a.queue), Dropped: a.dropped.Load(), Held: a.held.Load(), Webhook: a.sender.stats()}
	for k := range a.raised {
		s.Raised[Kind(k)] = make(map[State]uint64)
		for state := range a.raised[k] {
			s.Raised[Kind(k)][State(state)] = a.raised[k][state].Load()
		}
	}
	return s
}
