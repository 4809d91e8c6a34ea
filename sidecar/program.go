package sidecar

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ringfence/adapters/freeswitch"
	"ringfence/adapters/kamailio"
	"ringfence/rules"
	"ringfence/sidecar/alert"
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
	counted  *stateFiles
	journal  *Journal
	blocks   *blockLog
	reports  *reportLog
	alerts   *alert.Alerts
	health   *healthWatch
	guards   *guards
	traffic  *trafficLog
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
	unended  atomic.Bool // somebody did not end in time, and may ask the engine until the process ends

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
