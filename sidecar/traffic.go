package sidecar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ringfence/rules"
)

// trafficHour is a line of the traffic file: calls that came within an hour, by
// trunk, each attempt once. Several lines of one hour add up.
type trafficHour struct {
	Hour  time.Time         `json:"hour"`
	Calls map[string]uint64 `json:"calls"` // by trunk, empty for none
}

// append writes h in lines of so many trunks as a reader of lines takes.
func (h trafficHour) append(to []byte) ([]byte, error) {
	for trunks := range slices.Chunk(slices.Sorted(maps.Keys(h.Calls)), 100) {
		part := trafficHour{h.Hour, make(map[string]uint64, len(trunks))}
		for _, trunk := range trunks {
			part.Calls[trunk] = h.Calls[trunk]
		}
		line, err := json.Marshal(part)
		if err != nil {
			return to, err
		}
		to = append(append(to, line...), '\n')
	}
	return to, nil
}

// How long and how often the traffic is kept.
const (
	trafficKept  = 90 * 24 * time.Hour
	trafficEvery = 10 * time.Second // a crash loses as much
)

// trafficLog keeps how many calls each trunk had, so that a report can say what
// share of them a rule would stop. Calls are counted by the engine; a line
// every ten seconds says how many came.
type trafficLog struct {
	failures
	stop  chan struct{}
	done  chan struct{}
	calls func() []rules.TrunkCalls
	now   func() time.Time
	log   *slog.Logger
	name  string

	// The rest belongs to the goroutine.
	file    *os.File
	written map[string]uint64 // of the calls of each trunk
	lines   int               // in the file
	living  int               // of them after it was last written anew
}

// openTraffic opens or makes the file and starts to write.
func openTraffic(name string, calls func() []rules.TrunkCalls, now func() time.Time, log *slog.Logger) (*trafficLog, error) {
	l := &trafficLog{stop: make(chan struct{}), done: make(chan struct{}), calls: calls, now: now, log: log, name: name, written: map[string]uint64{}}
	if err := l.compact(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go l.run()
	return l, nil
}

// Close writes what has come.
func (l *trafficLog) Close() {
	close(l.stop)
	<-l.done
	if err := l.file.Close(); err != nil {
		l.log.Error("traffic: cannot close", "err", err)
	}
}

func (l *trafficLog) run() {
	defer close(l.done)
	tick := time.NewTicker(trafficEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.take()
		case <-l.stop:
			l.take()
			return
		}
	}
}

// take writes a line with the calls since the one before. What could not be
// written is in the next.
func (l *trafficLog) take() {
	hour := trafficHour{Hour: l.now().UTC().Truncate(time.Hour), Calls: map[string]uint64{}}
	all := l.calls()
	for _, t := range all {
		if n := t.Calls - l.written[t.Trunk]; n > 0 {
			hour.Calls[t.Trunk] = n
		}
	}
	if len(hour.Calls) == 0 {
		return
	}
	err := l.append(hour)
	if err == nil {
		for _, t := range all {
			l.written[t.Trunk] = t.Calls
		}
		if l.lines > 2*l.living+compactFrom {
			err = l.compact()
		}
	}
	l.tell(l.log, l.name, "traffic: cannot write", "traffic: written again", err)
}

func (l *trafficLog) append(hour trafficHour) error {
	if !inPlace(l.file, l.name) { // somebody has moved or removed it
		if err := os.MkdirAll(filepath.Dir(l.name), 0o700); err != nil {
			return err
		}
		f, _, err := openLines(l.name)
		if err != nil {
			return err
		}
		_ = l.file.Close() // it was synced
		l.file = f
	}
	lines, err := hour.append(nil)
	if err != nil {
		return err
	}
	if n, err := l.file.Write(lines); err != nil {
		if n > 0 { // a part of a line must not join the next
			_, _ = l.file.Write([]byte{'\n'})
		}
		return err
	}
	l.lines += bytes.Count(lines, []byte{'\n'})
	return l.file.Sync()
}

// compact writes the file anew with one line an hour, without what is too old.
func (l *trafficLog) compact() error {
	hours := map[time.Time]*trafficHour{}
	oldest := l.now().Add(-trafficKept)
	err := eachHour(l.name, func(h trafficHour) {
		if h.Hour.Before(oldest) {
			return
		}
		if sum := hours[h.Hour]; sum != nil {
			for trunk, n := range h.Calls {
				sum.Calls[trunk] += n
			}
			return
		}
		hours[h.Hour] = &h
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(l.name), 0o700); err != nil {
		return err
	}
	living := 0
	f, err := replaceFile(l.name, func(w io.Writer) error {
		for _, at := range slices.SortedFunc(maps.Keys(hours), time.Time.Compare) {
			lines, err := hours[at].append(nil)
			if err == nil {
				_, err = w.Write(lines)
			}
			if err != nil {
				return err
			}
			living += bytes.Count(lines, []byte{'\n'})
		}
		return nil
	})
	if err != nil {
		return err
	}
	var closed error
	if l.file != nil {
		closed = l.file.Close()
	}
	l.file, l.lines, l.living = f, living, living
	return errors.Join(closed, syncFolder(filepath.Dir(l.name)))
}

// eachHour visits the lines of a traffic file. A torn or foreign one is passed
// over.
func eachHour(name string, visit func(trafficHour)) error {
	return eachLine(name, func(line []byte) bool {
		var h trafficHour
		if json.Unmarshal(line, &h) == nil && h.Calls != nil {
			h.Hour = h.Hour.UTC()
			visit(h)
		}
		return true
	})
}
