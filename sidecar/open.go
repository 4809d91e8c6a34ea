package sidecar

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"ringfence/rules"
)

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
	p.engine, err = rules.NewEngine(rules.Options{CacheBytes: c.Cache, Pending: c.Pending, LearnedMax: c.LearnedMax, LiveMax: c.LiveMax, OnLearned: p.learned.Changed,
		OnEnded: p.ended, OnGuard: func(rules.Guarded) { p.guards.stir() }})
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
	if err := p.openReports(); err != nil {
		return err
	}
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
	if p.blocks, err = openBlocks(c, p.log.Logger, p.log.number, own); err != nil {
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
