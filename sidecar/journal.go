package sidecar

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ringfence/rules"
)

// Journal keeps one line for each stopped call in a bounded, rotated file.
// Record never waits: beyond the bound of the queue a call is counted as
// dropped, and the log says so.
//
// Lines are written as they come and synced to the disk at least once a
// second, at each rotation and at the end: a crash of the daemon loses what is
// queued, a crash of the machine one second more.
type Journal struct {
	queue   chan *record
	free    sync.Pool
	dropped atomic.Uint64
	written atomic.Uint64
	errors  atomic.Uint64
	stop    chan struct{}
	done    chan struct{}

	// The rest belongs to the writing goroutine.
	log     *slog.Logger
	mask    func(rules.Number) string
	file    rotated
	encoded []byte
	lines   int    // given to file and not yet counted as written
	failing bool   // the last write failed
	failed  bool   // something failed, as the log has said, and nothing has told of an end
	told    uint64 // drops that the log has told
}

// OpenJournal opens or makes the file and starts to write.
func OpenJournal(c JournalConfig, log *slog.Logger, mask func(rules.Number) string) (*Journal, error) {
	j := &Journal{
		queue: make(chan *record, c.Queue),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
		log:   log,
		mask:  mask,
		file:  rotated{name: c.File, limit: c.MaxSize, keep: c.Keep},
	}
	j.free.New = func() any { return new(record) }
	if err := j.file.open(); err != nil {
		return nil, err
	}
	gone, err := j.file.trim()
	if gone > 0 {
		log.Warn("journal: files beyond keep are removed", "files", gone, "keep", c.Keep, "file", c.File)
	}
	if err != nil {
		log.Error("journal: cannot remove a file beyond keep", "err", err)
	}
	go j.run()
	return j, nil
}

// Record takes down what was decided about c. Both can be reused afterwards.
func (j *Journal) Record(c *rules.Call, v *rules.Verdict, before, after *rules.Ruleset) {
	r := j.free.Get().(*record)
	r.fill(c, v)
	r.before, r.after = before, after
	select {
	case j.queue <- r:
	default:
		j.dropped.Add(1)
		j.free.Put(r)
	}
}

// Close writes what is queued and closes the file.
func (j *Journal) Close() {
	close(j.stop)
	<-j.done
}

func (j *Journal) run() {
	defer close(j.done)
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	queue := j.queue
	for {
		select {
		case r := <-queue:
			j.write(r)
			j.gather()
		case <-tick.C:
			j.flush()
			j.sync()
		case <-j.stop:
			j.end()
			return
		}
		// While the file cannot be written the queue keeps what comes, up to
		// its bound.
		queue = j.queue
		if j.failing {
			queue = nil
		}
	}
}

// end writes what is queued, up to the first line that cannot be written, and
// tells once how many calls are lost.
func (j *Journal) end() {
	j.flush() // it may be possible again
	for len(j.queue) > 0 && !j.failing {
		j.write(<-j.queue)
	}
	j.flush()
	j.sync()
	if lost := uint64(j.lines+len(j.queue)) + j.dropped.Load() - j.told; lost > 0 {
		j.log.Error("journal: stopped calls are lost", "calls", lost, "file", j.file.name)
	}
	if err := j.file.close(); err != nil {
		j.log.Error("journal: cannot close", "err", err)
	}
}

// gather writes what else comes within a moment, so that a burst of stopped
// calls costs one wake-up and one write to the file, not one each.
func (j *Journal) gather() {
	select {
	case <-time.After(gatherTime):
	case <-j.stop:
	}
	for n := len(j.queue); n > 0 && !j.failing; n-- {
		j.write(<-j.queue)
	}
	j.flush()
}

func (j *Journal) write(r *record) {
	e := r.entry()
	j.encoded = e.append(j.encoded[:0])
	j.lines++
	if err := j.file.append(j.encoded); err != nil {
		j.fail(err)
	}
	if j.log.Enabled(context.Background(), slog.LevelDebug) {
		j.log.Debug("call stopped", "call", e.ID, "mode", e.Mode, "rule", e.Rule, "why", e.Why,
			"caller", j.mask(r.caller), "callee", j.mask(r.callee), "trunk", e.Trunk)
	}
	j.free.Put(r)
}

// flush writes what has come to the file. What cannot be written waits in its
// buffer.
func (j *Journal) flush() {
	err := j.file.flush()
	waiting := bytes.Count(j.file.buffer, []byte{'\n'})
	j.written.Add(uint64(j.lines - waiting))
	j.lines, j.failing = waiting, false
	if err != nil {
		j.fail(err)
	}
}

// sync brings what is flushed to the disk. When both have worked a failure is
// over, and the log says so, and how many calls were dropped meanwhile.
func (j *Journal) sync() {
	switch err := j.file.sync(); {
	case err != nil:
		j.fail(err)
	case j.failed && !j.failing:
		j.failed = false
		j.log.Info("journal: written again", "queued", len(j.queue))
	}
	if n := j.dropped.Load(); n > j.told && !j.failed {
		j.log.Error("journal: queue full, stopped calls not recorded", "calls", n-j.told, "queue", cap(j.queue))
		j.told = n
	}
}

func (j *Journal) fail(err error) {
	j.errors.Add(1)
	j.failing = true
	if !j.failed {
		j.failed = true
		j.log.Error("journal: cannot write, stopped calls wait in the queue", "err", err, "queued", len(j.queue))
	}
}
