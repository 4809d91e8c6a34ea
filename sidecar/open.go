package sidecar

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"ringfence/rules"
	"ringfence/sidecar/alert"
)

// open makes the parts that outlive every reload. What was learned is back
// before the rules are, so that they take off what must not be learned.
func (p *Program) open() error {
	c := p.config
	p.openAlerts()
	file := filepath.Join(c.State, learnedName)
	entries, err := readLearned(file)
	if err != nil {
		return fmt.Errorf("learned lists: %w", err)
	}
	if p.learned, err = openLearned(file, len(entries), p.log.Logger); err != nil {
		return fmt.Errorf("learned lists: %w", err)
	}
	p.ends = append(p.ends, p.learned.Close)
	p.counted = openState(c.State, p.log.Logger, p.now)
	p.engine, err = rules.NewEngine(rules.Options{
		CacheBytes: c.Cache, Pending: c.Pending, LearnedMax: c.LearnedMax, LiveMax: c.LiveMax,
		StateBytes: c.Memory, Seed: p.counted.Seed(), CallAge: c.MaxCallAge, OnLearned: p.learned.Changed, OnEnded: p.ended,
		OnGuard: func(rules.Guarded) { p.guards.stir() },
	})
	if err != nil {
		return err
	}
	p.ends = append(p.ends, func() {
		if !p.unended.Load() { // else somebody may ask it yet, and its memory is gone then
			p.engine.Close()
		}
	})
	p.openCounted()
	p.engine.Learned().Restore(entries, p.now())
	p.learned.start(p.engine.Learned(), p.now, p.alerts.Raise)
	if p.live, err = openLive(filepath.Join(c.State, liveName), p.engine.Live(), p.now(), p.log.Logger); err != nil {
		return fmt.Errorf("live lists: %w", err)
	}
	p.ends = append(p.ends, func() {
		_ = p.live.heal(p.engine.Live(), p.now()) // the log has told
		p.live.Close()
	})
	if err := p.openReports(); err != nil {
		return err
	}
	p.health.start(p.engine)
	p.ends = append(p.ends, p.health.close)
	guarded, err := readGuards(p.guards.name)
	if err != nil {
		p.log.Error("limits: cannot read which rules were in monitor, all act again", "err", err)
	}
	p.engine.RestoreGuarded(guarded)
	p.reloader.swap(p.first)
	p.guards.start(p.engine, guarded)
	p.ends = append(p.ends, p.guards.Close)
	if p.traffic, err = openTraffic(filepath.Join(c.State, trafficName), p.engine.Traffic, p.now, p.log.Logger); err != nil {
		return fmt.Errorf("traffic: %w", err)
	}
	p.ends = append(p.ends, p.traffic.Close)
	if p.journal, err = OpenJournal(c.Journal, p.log.Logger, p.log.number); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	p.ends = append(p.ends, p.journal.Close)
	return nil
}

// openReports brings back what carriers and users said of numbers. The log of
// blocks ends after all that reports outcomes.
func (p *Program) openReports() (err error) {
	c := blocksConfig(p.config.State)
	p.beats.during(func() { err = restoreBlocks(c, p.engine, p.now()) })
	if err != nil {
		return fmt.Errorf("upstream blocks: %w", err)
	}
	own := func(n rules.Number) bool { return p.engine.Own(n, p.now()) }
	if p.blocks, err = openBlocks(c, p.log.Logger, p.alerts.Raise, own); err != nil {
		return fmt.Errorf("upstream blocks: %w", err)
	}
	p.ends = append(p.ends, p.blocks.Close)
	p.beats.during(func() {
		p.reports, err = openReports(filepath.Join(p.config.State, reportsName), p.engine, p.log.Logger, p.now)
	})
	if err != nil {
		return fmt.Errorf("user reports: %w", err)
	}
	p.ends = append(p.ends, p.reports.Close)
	return nil
}

// ended is told of every call that was let pass and is over. Nothing in it
// waits.
func (p *Program) ended(c *rules.Ended) {
	p.blocks.Ended(c)
	p.health.Ended(c)
}

// openAlerts makes who is told of what needs an operator, and who watches calls
// for it.
func (p *Program) openAlerts() {
	c := p.config
	node, err := os.Hostname()
	if err != nil {
		node = "unknown"
	}
	p.alerts = alert.New(c.alerting(), alert.Options{Log: p.log.Logger, Now: p.now, Mask: p.log.text, From: node, Agent: "ringfence/" + p.version})
	p.ends = append(p.ends, func() { p.alerts.Close(c.Timeouts.Stop / 4) })
	p.guards = newGuards(filepath.Join(c.State, guardedName), p.log.Logger, p.alerts.Raise)
	p.health = newHealth(c.Health, filepath.Join(c.State, healthName), p.alerts.Raise, p.now, p.log.Logger)
}

// openCounted brings back what calls did and the calls that go on, and keeps them
// from then on.
func (p *Program) openCounted() {
	pending := filepath.Join(p.config.State, pendingName)
	going := p.restorePending(pending)
	p.beats.during(func() { p.counted.restore(p.engine.State(), going) })
	p.counted.start(p.engine.State())
	heal := newHealer(p.engine, p.now)
	p.ends = append(p.ends, func() {
		heal.close()
		if p.counted.Close() { // else calls would be taken for running that are over
			savePending(pending, p.engine, p.log.Logger)
		}
	})
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
