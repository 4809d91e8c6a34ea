package sidecar

import (
	"bytes"
	"log/slog"
	"sync/atomic"
	"time"
)

// records keeps one line for each value that it is handed, in a bounded, rotated
// file. put never waits: beyond the bound of the queue a value is counted as
// dropped, and the log says so.
//
// Lines are written as they come and synced to the disk at least once a
// second, at each rotation and at the end: a crash of the daemon loses what is
// queued, a crash of the machine one second more.
type records[T any] struct {
	queue   chan T
	dropped atomic.Uint64
	written atomic.Uint64
	errors  atomic.Uint64
	stop    chan struct{}
	done    chan struct{}

	// The rest belongs to the writing goroutine.
	name, what string // in the log: the file's, and what its lines are
	line       func(to []byte, one T) []byte
	log        *slog.Logger
	file       rotated
	encoded    []byte
	lines      int    // given to file and not yet counted as written
	failing    bool   // the last write failed
	failed     bool   // something failed, as the log has said, and nothing has told of an end
	told       uint64 // drops that the log has told
}

func newRecords[T any](c JournalConfig, name, what string, log *slog.Logger, line func(to []byte, one T) []byte) records[T] {
	return records[T]{
		queue: make(chan T, c.Queue), stop: make(chan struct{}), done: make(chan struct{}),
		name: name, what: what, line: line, log: log,
		file: rotated{name: c.File, limit: c.MaxSize, keep: c.Keep},
	}
}

// open opens or makes the file and starts to write.
func (r *records[T]) open() error {
	if err := r.file.open(); err != nil {
		return err
	}
	gone, err := r.file.trim()
	if gone > 0 {
		r.log.Warn(r.name+": files beyond keep are removed", "files", gone, "keep", r.file.keep, "file", r.file.name)
	}
	if err != nil {
		r.log.Error(r.name+": cannot remove a file beyond keep", "err", err)
	}
	go r.run()
	return nil
}

// put takes a value, or tells that it cannot.
func (r *records[T]) put(one T) bool {
	select {
	case r.queue <- one:
		return true
	default:
		r.dropped.Add(1)
		return false
	}
}

// Close writes what is queued and closes the file.
func (r *records[T]) Close() {
	close(r.stop)
	<-r.done
}

func (r *records[T]) run() {
	defer close(r.done)
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	queue := r.queue
	for {
		select {
		case one := <-queue:
			r.write(one)
			r.gather()
		case <-tick.C:
			r.flush()
			r.sync()
		case <-r.stop:
			r.end()
			return
		}
		// While the file cannot be written the queue keeps what comes, up to
		// its bound.
		queue = r.queue
		if r.failing {
			queue = nil
		}
	}
}

// end writes what is queued, up to the first line that cannot be written, and
// tells once how many lines are lost.
func (r *records[T]) end() {
	r.flush() // it may be possible again
	for len(r.queue) > 0 && !r.failing {
		r.write(<-r.queue)
	}
	r.flush()
	r.sync()
	if lost := uint64(r.lines+len(r.queue)) + r.dropped.Load() - r.told; lost > 0 {
		r.log.Error(r.name+": "+r.what+" are lost", "calls", lost, "file", r.file.name)
	}
	if err := r.file.close(); err != nil {
		r.log.Error(r.name+": cannot close", "err", err)
	}
}

// gather writes what else comes within a moment, so that a burst costs one
// wake-up and one write to the file, not one each.
func (r *records[T]) gather() {
	select {
	case <-time.After(gatherTime):
	case <-r.stop:
	}
	for n := len(r.queue); n > 0 && !r.failing; n-- {
		r.write(<-r.queue)
	}
	r.flush()
}

func (r *records[T]) write(one T) {
	r.encoded = r.line(r.encoded[:0], one)
	r.lines++
	if err := r.file.append(r.encoded); err != nil {
		r.fail(err)
	}
}

// flush writes what has come to the file. What cannot be written waits in its
// buffer.
func (r *records[T]) flush() {
	err := r.file.flush()
	waiting := bytes.Count(r.file.buffer, []byte{'\n'})
	r.written.Add(uint64(r.lines - waiting))
	r.lines, r.failing = waiting, false
	if err != nil {
		r.fail(err)
	}
}

// sync brings what is flushed to the disk. When both have worked a failure is
// over, and the log says so, and how many values were dropped meanwhile.
func (r *records[T]) sync() {
	switch err := r.file.sync(); {
	case err != nil:
		r.fail(err)
	case r.failed && !r.failing:
		r.failed = false
		r.log.Info(r.name+": written again", "queued", len(r.queue))
	}
	if n := r.dropped.Load(); n > r.told && !r.failed {
		r.log.Error(r.name+": queue full, "+r.what+" not recorded", "calls", n-r.told, "queue", cap(r.queue))
		r.told = n
	}
}

func (r *records[T]) fail(err error) {
	r.errors.Add(1)
	r.failing = true
	if !r.failed {
		r.failed = true
		r.log.Error(r.name+": cannot write, "+r.what+" wait in the queue", "err", err, "queued", len(r.queue))
	}
}
