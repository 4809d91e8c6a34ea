package sidecar

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"ringfence/rules"
	"ringfence/sidecar/alert"
)

// learnedLog makes the learned lists outlive a restart: each change is a line
// of JSON, synced to the disk at least once a second, and a start plays them
// again. When most lines are history the file is written anew. Changed never
// waits; when its queue is full the change is counted as dropped and the file
// is written anew from the lists themselves, so that it heals.
type learnedLog struct {
	queue   chan rules.LearnedEntry
	dropped atomic.Uint64
	failures
	lists *rules.LearnedLists
	now   func() time.Time
	syncs chan chan error // who waits until all that was told is on the disk
	raise func(alert.Alert)
	stop  chan struct{}
	done  chan struct{}

	// The rest belongs to the writing goroutine.
	log     *slog.Logger
	name    string
	file    *os.File
	out     bytes.Buffer // lines that are not written
	encoder *json.Encoder
	lines   int    // in the file
	living  int    // of them after the last compaction
	healed  uint64 // drops that a compaction has made good
	dirty   bool
	alarms  map[string]bool // subjects whose alarm is on
}

// compactFrom is the least number of lines of history worth a compaction.
const compactFrom = 10_000

// readLearned reads what was kept, in its order; a torn or foreign line is
// passed over. A file that is not there holds nothing.
func readLearned(name string) ([]rules.LearnedEntry, error) {
	f, _, err := openRegular(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return decodeLearned(f)
}

// decodeLearned reads lines in blocks of many, as many at a time as there are
// processors: a start waits for it.
func decodeLearned(in io.Reader) ([]rules.LearnedEntry, error) {
	type block struct {
		text    []byte // whole lines
		entries []rules.LearnedEntry
	}
	var all []*block
	work := make(chan *block, 2)
	var decoding sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		decoding.Go(func() {
			for b := range work {
				for line := range bytes.Lines(b.text) {
					var e rules.LearnedEntry
					if json.Unmarshal(line, &e) == nil && e.List != "" {
						b.entries = append(b.entries, e)
					}
				}
				b.text = nil
			}
		})
	}
	lines := bufio.NewReaderSize(in, bufferSize)
	var err error
	for err == nil {
		text := make([]byte, learnedBlock)
		n, readErr := io.ReadFull(lines, text)
		rest, lineErr := lines.ReadBytes('\n')
		if err = cmp.Or(lineErr, readErr); errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		b := &block{text: append(text[:n], rest...)}
		all = append(all, b)
		work <- b
	}
	close(work)
	decoding.Wait()
	var entries []rules.LearnedEntry
	for _, b := range all {
		entries = append(entries, b.entries...)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return entries, err
}

// learnedBlock is how many bytes are decoded at once.
const learnedBlock = 1 << 20

// openLearned opens or makes the file, which holds lines lines. Nothing is
// written before run.
func openLearned(name string, lines int, log *slog.Logger) (*learnedLog, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	f, _, err := openLines(name)
	if err != nil {
		return nil, err
	}
	l := &learnedLog{
		queue: make(chan rules.LearnedEntry, learnedQueue),
		syncs: make(chan chan error),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
		log:   log,
		name:  name,
		file:  f,
		lines: lines,
	}
	l.encoder = json.NewEncoder(&l.out)
	return l, nil
}

// start writes what changes in lists, and raises alarms.
func (l *learnedLog) start(lists *rules.LearnedLists, now func() time.Time, raise func(alert.Alert)) {
	l.lists, l.now, l.raise, l.alarms = lists, now, raise, make(map[string]bool)
	go l.run()
}

// Changed takes a change of a learned list.
func (l *learnedLog) Changed(e rules.LearnedEntry) {
	select {
	case l.queue <- e:
	default:
		l.dropped.Add(1)
	}
}

// Sync waits until all that has changed is on the disk, or says why it is not.
func (l *learnedLog) Sync() error {
	synced := make(chan error, 1)
	select {
	case l.syncs <- synced:
		return <-synced
	case <-l.done:
		return errors.New("the daemon is stopping")
	}
}

// Close writes and syncs all that has changed. The lists must be there still.
func (l *learnedLog) Close() {
	if l.lists != nil {
		close(l.stop)
		<-l.done
	}
	if err := l.file.Close(); err != nil {
		l.log.Error("learned lists: cannot close", "err", err)
	}
}

func (l *learnedLog) run() {
	defer close(l.done)
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		queue := l.queue
		if l.out.Len() >= bufferSize { // the file does not take it; the queue keeps what comes
			queue = nil
		}
		select {
		case e := <-queue:
			l.add(e)
			if l.out.Len() >= bufferSize {
				l.keep()
			}
		case synced := <-l.syncs:
			for range len(l.queue) {
				l.add(<-l.queue)
			}
			synced <- l.keep()
		case <-tick.C:
			l.keep()
			l.alarm()
		case <-l.stop:
			for len(l.queue) > 0 {
				l.add(<-l.queue)
			}
			l.keep()
			if l.out.Len() > 0 || l.dropped.Load() > l.healed {
				l.log.Error("learned lists: the last changes are lost", "file", l.name)
			}
			return
		}
	}
}

func (l *learnedLog) add(e rules.LearnedEntry) {
	if err := l.encoder.Encode(e); err != nil { // only of a time beyond the year 9999
		l.errors.Add(1)
		l.log.Error("learned lists: a change is lost", "err", err)
		return
	}
	l.lines++
}

// keep brings what has changed to the disk: appended to the file, which needs
// no more than that, and then in a file written anew when it is time for that.
// One that cannot be made keeps no change from the old one, and one that can
// heals an old one that takes no more, or is not there any more.
func (l *learnedLog) keep() error {
	err := l.append()
	gone := !inPlace(l.file, l.name)
	if gone {
		l.errors.Add(1)
		l.log.Error("learned lists: the file was removed or replaced, it is written anew", "file", l.name)
	}
	if dropped := l.dropped.Load(); gone || dropped > l.healed || l.lines > 2*l.living+compactFrom {
		if err = l.compact(); err == nil {
			l.healed = dropped
		}
	}
	l.tell(l.log, l.name, "learned lists: cannot write", "learned lists: written again", err)
	return err
}

// append writes what waits to the end of the file and syncs it.
func (l *learnedLog) append() error {
	if l.out.Len() > 0 {
		n, err := l.file.Write(l.out.Bytes())
		l.out.Next(n)
		l.dirty = l.dirty || n > 0
		if err != nil {
			return err
		}
	}
	if l.dirty {
		if err := l.file.Sync(); err != nil {
			return err
		}
		l.dirty = false
	}
	return nil
}

// compact writes the lists as they are into a new file and puts it in place of
// the old one. Changes are told under the lock of their list, so the snapshot
// has those that are queued before it is taken; behind it they would bring back
// what a change that was dropped has taken off. Changes queued later are played
// on top of it, in their order.
func (l *learnedLog) compact() error {
	queued := len(l.queue)
	entries := l.lists.Snapshot(l.now())
	if err := os.MkdirAll(filepath.Dir(l.name), 0o700); err != nil {
		return err
	}
	f, err := replaceFile(l.name, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		for _, e := range entries {
			if err := encoder.Encode(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	old := l.file
	l.file, l.lines, l.living, l.dirty = f, len(entries), len(entries), false
	l.out.Reset() // the snapshot has it
	for range queued {
		<-l.queue // nobody else takes from it
	}
	return errors.Join(old.Close(), syncFolder(filepath.Dir(l.name)))
}

// alarm tells of upstreams that teach no more because most of their answers
// would, and of the end of that: it is a fault of theirs, not of the numbers.
func (l *learnedLog) alarm() {
	ended := maps.Clone(l.alarms)
	for _, list := range l.lists.Stats() {
		for _, u := range list.Upstreams {
			subject := fmt.Sprintf("upstream %s of list %s", u.Name, list.Name)
			if !u.Silenced {
				continue
			}
			delete(ended, subject)
			if !l.alarms[subject] {
				l.alarms[subject] = true
				l.raise(alert.Alert{Kind: alert.UpstreamSilenced, Subject: subject, State: alert.Begin, Figures: silencedFigures{u.Answers, u.Teaching},
					Text: fmt.Sprintf("%s: %d of %d answers would teach, it teaches no more until that ends", subject, u.Teaching, u.Answers)})
			}
		}
	}
	for subject := range ended {
		delete(l.alarms, subject)
		l.raise(alert.Alert{Kind: alert.UpstreamSilenced, Subject: subject, State: alert.End, Text: subject + " is silenced no more"})
	}
}

// silencedFigures are those of an alert.
type silencedFigures struct {
	Answers  int `json:"answers"`
	Teaching int `json:"teaching"`
}
