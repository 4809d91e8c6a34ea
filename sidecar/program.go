package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ringfence/adapters/freeswitch"
	"ringfence/adapters/kamailio"
	"ringfence/rules"
	"ringfence/sidecar/notify"
	"ringfence/sidecar/supervisor"
)

var (
	errNoRules  = errors.New("no rules are loaded")
	errStopping = errors.New("the daemon stops")
)

// Options are what a Program takes from its surroundings.
type Options struct {
	Version string           // that status tells; default Version()
	Log     io.Writer        // default os.Stderr
	Now     func() time.Time // default time.Now

	Progress func(rules.ListProgress) // of the first load, nil: nobody is told
}

// Program is the daemon: everything between a configuration file and two
// listeners. New loads, Start listens, Stop ends; Run does the three in a row.
type Program struct {
	config  *Config // of the start: what needs a restart to change
	version string
	now     func() time.Time
	started time.Time
	first   loaded
	log     *Log
	settle  time.Duration // for files to come to rest

	engine   *rules.Engine
	learned  *learnedLog
	live     *liveLog
	journal  *Journal
	service  *service
	handler  *kamailio.Handler
	admin    *admin
	reloader *reloader
	feeds    *feeds
	kamailio *asked
	socket   *socket // nil when it is off
	events   *asked  // by the events of switches
	switches *switches
	networks *networks // that may ask
	clients  *clients
	refused  atomic.Uint64 // connections from no client
	unheard  atomic.Uint64 // accepts that failed, of listen and admin.listen
	serving  atomic.Bool
	stopping atomic.Bool

	beats *beats
	doors []*door
	probe probe // for the goroutine of the beats

	restarts *supervisor.Restarts // nil: no supervisor has told

	freeswitchHTTP *freeswitch.HTTP
	overHTTP       *asked

	decisions net.Addr
	adminAddr net.Addr
	failed    chan error // a listener ended by itself
	ends      []func()   // undo what is done, the last first
	ending    sync.Once
}

// New reads the configuration and compiles the rules. It opens, binds and
// starts nothing. The error of a configuration or of rules that do not load is
// a rules.Diagnostics with all that is wrong.
func New(configFile string, o Options) (*Program, error) {
	// From here on SIGHUP asks for a reload; it must not end a start.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	b, fault := newBeats()
	var first loaded
	var err error
	b.during(func() { first, err = load(configFile, loading{progress: o.Progress}) })
	if err != nil {
		b.manager.Close()
		signal.Stop(hangup)
		return nil, err
	}
	c := first.config
	if o.Log == nil {
		o.Log = os.Stderr
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		o.Version = Version()
	}
	p := &Program{config: c, version: o.Version, now: o.Now, log: NewLog(o.Log, c.Log), settle: settleTime, first: first, failed: make(chan error, 3), beats: b, restarts: supervisor.Told()}
	if fault != nil {
		p.log.Warn("no beat is sent", "err", fault)
	}
	p.admin = &admin{listen: c.Admin.Listen, hosts: c.Admin.Hosts, remote: !onLoopback(c.Admin.Listen), log: p.log.Logger}
	p.admin.program = p
	p.networks = newNetworks(c.Clients)
	p.reloader = newReloader(p, c, hangup)
	p.feeds = newFeeds(c.Settings.Feeds, p.version, p.log.Logger, p.now)
	p.ends = append(p.ends, func() { signal.Stop(hangup) }, b.manager.Close)
	return p, nil
}

// Start opens the state folder and listens. When it fails nothing is left
// running.
func (p *Program) Start() (err error) {
	defer func() {
		if err != nil {
			p.unwind()
		}
	}()
	p.started = p.now()
	c := p.config
	p.beat()
	if err := p.lock(); err != nil {
		return err
	}
	if err := p.open(); err != nil {
		return err
	}
	p.service = &service{engine: p.engine, journal: p.journal, now: p.now}
	p.kamailio = &asked{service: p.service}
	p.events = &asked{service: p.service}
	p.switches = newSwitches(p.events, p.log.Logger, p.now)
	p.ends = append(p.ends, p.switches.close)
	p.handler = kamailio.NewHandler(p.kamailio, kamailio.Options{
		Ready:        p.ready,
		Now:          p.now,
		Logger:       p.log.Logger,
		BodyLimit:    c.MaxBody,
		IdleTimeout:  c.Timeouts.Idle,
		ReadTimeout:  c.Timeouts.Read,
		WriteTimeout: c.Timeouts.Write,
	})
	p.overHTTP = &asked{service: p.service}
	p.freeswitchHTTP = freeswitch.NewHTTP(p.overHTTP, freeswitch.HTTPOptions{Now: p.now, Logger: p.log.Logger})
	decisions, err := p.listen("listen", c.Listen)
	if err != nil {
		return err
	}
	adminListener, err := p.listen("admin.listen", c.Admin.Listen)
	if err != nil {
		return err
	}
	if err := p.listenSocket(); err != nil {
		return err
	}
	p.decisions, p.adminAddr = decisions.Addr(), adminListener.Addr()
	p.clients = &clients{Listener: p.door(decisions), networks: p.networks, refused: &p.refused}
	p.switches.set(c.Switches)
	if err := p.follow(); err != nil {
		return err
	}
	p.serveAdmin(adminListener)
	p.serve()
	p.log.Info("ringfence runs", "version", p.version, "decisions", p.decisions.String(), "admin", p.adminAddr.String(),
		"mode", c.Settings.Mode.String(), "rules", len(p.engine.Ruleset().Rules()), "generation", p.engine.Generation())
	p.serving.Store(true)
	p.tell(notify.Ready)
	return nil
}

// open makes the parts that outlive every reload. What was learned is back
// before the rules are, so that they take off what must not be learned.
func (p *Program) open() error {
	c := p.config
	file := filepath.Join(c.State, learnedName)
	entries, err := readLearned(file)
	if err != nil {
		return fmt.Errorf("learned lists: %w", err)
	}
	if p.learned, err = openLearned(file, len(entries), p.log.Logger); err != nil {
		return fmt.Errorf("learned lists: %w", err)
	}
	p.ends = append(p.ends, p.learned.Close)
	p.engine, err = rules.NewEngine(rules.Options{CacheBytes: c.Cache, Pending: c.Pending, LearnedMax: c.LearnedMax, LiveMax: c.LiveMax, OnLearned: p.learned.Changed})
	if err != nil {
		return err
	}
	p.ends = append(p.ends, p.engine.Close)
	p.engine.Learned().Restore(entries, p.now())
	p.learned.start(p.engine.Learned(), p.now)
	if p.live, err = openLive(filepath.Join(c.State, liveName), p.engine.Live(), p.now(), p.log.Logger); err != nil {
		return fmt.Errorf("live lists: %w", err)
	}
	p.ends = append(p.ends, func() {
		_ = p.live.heal(p.engine.Live(), p.now()) // the log has told
		p.live.Close()
	})
	p.reloader.swap(p.first)
	if p.journal, err = OpenJournal(c.Journal, p.log.Logger, p.log.number); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	p.ends = append(p.ends, p.journal.Close)
	return nil
}

// lock keeps a second daemon out of the state folder: two would tear each
// other's files.
func (p *Program) lock() error {
	if err := os.MkdirAll(p.config.State, 0o700); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(p.config.State, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("state: %s is in use by another ringfence (stop it, or set another state:)", p.config.State), f.Close())
	}
	p.ends = append(p.ends, func() { _ = f.Close() }) // and with it the lock
	return nil
}

func (p *Program) listen(key, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, unbound(key, err)
	}
	l = newPatient(l, &p.unheard, p.log.Logger, p.now)
	p.ends = append(p.ends, func() { _ = l.Close() }) // closed already after a stop in order
	return l, nil
}

// unbound is why a listener could not be bound, with the cure.
func unbound(key string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %w (ss -ltnp tells who has it; end that, or set another %s)", key, err, key)
	}
	return fmt.Errorf("%s: %w", key, err)
}

// follow starts the goroutine that reloads.
func (p *Program) follow() error {
	w, err := newWatcher(p.log.Logger, p.settle, p.reloader.sources, p.reloader.own)
	if err != nil {
		return err
	}
	p.reloader.watch = w
	w.remember(p.first.began)
	p.first = loaded{}
	ctx, cancel := context.WithCancelCause(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.reloader.run(ctx) })
	p.admin.status = p.Status
	p.admin.ready = p.ready
	p.admin.waiting = p.waiting
	p.admin.reload = func(request context.Context) (Reload, error) {
		request, done := context.WithCancelCause(request)
		defer context.AfterFunc(ctx, func() { done(errStopping) })()
		return p.reloader.ask(request, "request")
	}
	p.ends = append(p.ends, func() {
		cancel(errStopping)
		p.wait(&running, "a reload")
	})
	p.fetch()
	return nil
}

// fetch starts the goroutine that fetches lists.
func (p *Program) fetch() {
	ctx, cancel := context.WithCancelCause(context.Background())
	p.feeds.ruleset = p.engine.Ruleset
	p.feeds.reload = func(ctx context.Context) error {
		result, err := p.reloader.ask(ctx, "feed")
		if err == nil && !result.OK {
			err = errors.New("its new copy waits until the rules load again (see the last reload)")
		}
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { p.feeds.run(ctx) })
	p.ends = append(p.ends, func() {
		cancel(errStopping)
		p.wait(&running, "a fetch")
	})
}

// wait waits for a goroutine that was told to end, but not long: what it still
// loads is not used any more.
func (p *Program) wait(running *sync.WaitGroup, what string) {
	done := make(chan struct{})
	go func() { running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(p.config.Timeouts.Stop / 4):
		p.log.Warn("stopped in the middle of " + what)
	}
}

func (p *Program) serveAdmin(l net.Listener) {
	server := p.admin.server(newRegistry(p))
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(newLimited(l, adminConnections)); !errors.Is(err, http.ErrServerClosed) {
			p.failed <- fmt.Errorf("admin.listen: %w", err)
		}
	})
	p.ends = append(p.ends, func() {
		ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeouts.Stop/4)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
		running.Wait()
	})
}

// serve serves the listeners that switches ask.
func (p *Program) serve() {
	stops := [...]func(context.Context){p.serveDecisions(), p.serveSocket()}
	p.ends = append(p.ends, func() {
		ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeouts.Stop/2)
		defer cancel()
		var stopping sync.WaitGroup
		for _, stop := range stops {
			stopping.Go(func() { stop(ctx) })
		}
		stopping.Wait()
	})
}

// serveDecisions serves the decision listener and returns what stops it.
func (p *Program) serveDecisions() (stop func(context.Context)) {
	server := p.handler.Server()
	routes := decisionRoutes{freeswitch: p.freeswitchHTTP, other: server.Handler}
	server.Handler, server.HeaderReceived = routes.handle, routes.limits
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(p.clients); err != nil && !p.stopping.Load() {
			p.failed <- fmt.Errorf("listen: %w", err)
		}
	})
	return func(ctx context.Context) {
		_ = p.clients.Close() // Shutdown does it only once Serve has begun
		if err := server.ShutdownWithContext(ctx); err != nil {
			p.log.Warn("stopped before all that was in flight was answered", "err", err)
		}
		running.Wait()
	}
}

// Stop ends what Start began: it takes no new connection, answers what is in
// flight, writes what is queued. It returns within the stop timeout, and does
// nothing the second time.
func (p *Program) Stop() {
	p.ending.Do(func() {
		p.stopping.Store(true)
		p.tell(notify.Stopping)
		p.unwind()
		p.log.Info("ringfence stopped")
	})
}

// ready tells why no call should be sent here, nil when one can be decided.
func (p *Program) ready() error {
	if p.stopping.Load() {
		return errStopping
	}
	return p.service.ready()
}

// waiting says what calls are decided without.
func (p *Program) waiting() (lines []string) {
	for _, list := range p.feeds.waiting() {
		lines = append(lines, "waiting for the first copy of list "+list)
	}
	for _, name := range p.switches.away() {
		lines = append(lines, "no events of switch "+name)
	}
	return lines
}

func (p *Program) unwind() {
	for len(p.ends) > 0 {
		end := p.ends[len(p.ends)-1]
		p.ends = p.ends[:len(p.ends)-1]
		end()
	}
}

// Run is the daemon's life: it starts, serves until ctx ends or SIGTERM or
// SIGINT comes, and stops. A second signal ends the process at once.
func (p *Program) Run(ctx context.Context) error {
	ctx, forget := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer forget()
	if err := p.Start(); err != nil {
		return err
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-p.failed:
	}
	forget()
	p.Stop()
	return err
}

// Addr is where calls are decided, once started.
func (p *Program) Addr() net.Addr { return p.decisions }

// AdminAddr is where the admin listener is, once started.
func (p *Program) AdminAddr() net.Addr { return p.adminAddr }

// Reload loads configuration and rules again and waits for it.
func (p *Program) Reload(ctx context.Context) (Reload, error) { return p.reloader.ask(ctx, "request") }

// tell tells the service manager, if there is one. One that does not read holds
// up no reload and no stop for long.
func (p *Program) tell(state string) {
	if err := p.beats.manager.Send(state, time.Second); err != nil {
		p.log.Warn("cannot tell the service manager", "err", err)
	}
}
