package sidecar

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ringfence/rules"
)

// liveLog makes live changes to lists outlive a restart: each change is a line
// of JSON, on the disk before any call sees it, and a start plays them again.
// When most of it is history the file is written anew.
//
// All but errors is guarded by the lock under which changes are made.
type liveLog struct {
	errors atomic.Uint64

	log     *slog.Logger
	name    string
	file    *os.File
	size    int64 // of what is good
	torn    bool  // more than that is in the file
	entries int   // in the file
	living  int   // of them after the last compaction
}

// damagedSuffix names the file that keeps a journal with lines that cannot be
// read.
const damagedSuffix = ".damaged"

// readLive plays what was kept to lists, in its order, and tells how far the
// file is good and how many entries it has. A last line without its end was
// never acknowledged and is no fault; faults are the other lines that make no
// change. A file that is not there holds nothing.
func readLive(name string, lists *rules.LiveLists, at time.Time) (size int64, entries int, faults []error, err error) {
	f, _, err := openRegular(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil, nil
	}
	if err != nil {
		return 0, 0, nil, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, bufferSize)
	for line := 1; ; line++ {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return size, entries, faults, nil
		}
		if err != nil {
			return 0, 0, nil, err
		}
		size += int64(len(text))
		var ch rules.LiveChange
		if err = json.Unmarshal(text, &ch); err == nil {
			err = lists.Restore(ch, at)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", name, line, err))
		}
		entries += len(ch.Entries)
	}
}

// openLive opens or makes the file and plays what is in it to lists.
func openLive(name string, lists *rules.LiveLists, at time.Time, log *slog.Logger) (*liveLog, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	size, entries, faults, err := readLive(name, lists, at)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	l := &liveLog{log: log, name: name, file: f, size: size, entries: entries, torn: true}
	if err := errors.Join(l.cut(), syncFolder(filepath.Dir(name))); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if len(faults) > 0 {
		l.keepDamaged(faults)
	}
	l.living = lists.Len()
	return l, nil
}

// keepDamaged tells of lines that cannot be read and keeps the file, so that a
// compaction loses nothing.
func (l *liveLog) keepDamaged(faults []error) {
	for _, err := range faults[:min(len(faults), 10)] {
		l.log.Error("live lists: a change cannot be read", "err", err)
	}
	l.errors.Add(uint64(len(faults)))
	kept, err := l.keepFile()
	if err != nil {
		l.log.Error("live lists: changes are lost, and the file cannot be kept", "changes", len(faults), "err", err)
		return
	}
	l.log.Error("live lists: changes are lost, the file is kept", "changes", len(faults), "file", kept)
}

// keepFile gives the file that is there a second name, under which it stays.
func (l *liveLog) keepFile() (string, error) {
	kept := l.name + damagedSuffix
	err := os.Link(l.name, kept)
	for n := 2; errors.Is(err, fs.ErrExist) && !sameFile(l.name, kept); n++ { // an earlier damage is kept, too
		kept = fmt.Sprintf("%s%s.%d", l.name, damagedSuffix, n)
		err = os.Link(l.name, kept)
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil // kept by the start before
	}
	return kept, err
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	y, more := os.Stat(b)
	return err == nil && more == nil && os.SameFile(x, y)
}

// cut takes off what a write that failed, or a crash, has left behind the last
// good line.
func (l *liveLog) cut() error {
	if !l.torn {
		return nil
	}
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.torn = false
	return nil
}

// errMoved is the error of a file that was removed, replaced or emptied while
// the daemon ran.
var errMoved = errors.New("the file was removed, replaced or emptied")

// whole tells whether the file is in its place, with all that was written.
func (l *liveLog) whole() bool {
	info, err := l.file.Stat()
	return inPlace(l.file, l.name) && err == nil && info.Size() >= l.size
}

// heal writes the file anew when it is not whole. What is in its place is kept.
func (l *liveLog) heal(lists *rules.LiveLists, at time.Time) error {
	return lists.Snapshot(at, func(changes iter.Seq[rules.LiveChange]) error {
		if l.whole() {
			return nil
		}
		err := os.MkdirAll(filepath.Dir(l.name), 0o700)
		kept := ""
		if info, missing := os.Lstat(l.name); err == nil && missing == nil && info.Size() > 0 {
			kept, err = l.keepFile()
		}
		if err == nil {
			err = l.rewrite(changes)
		}
		if err != nil {
			l.errors.Add(1)
			l.log.Error("live lists: the file was removed, replaced or emptied, and cannot be written anew", "file", l.name, "err", err)
			return err
		}
		l.log.Error("live lists: the file was removed, replaced or emptied, it is written anew", "file", l.name, "kept", kept)
		return nil
	})
}

// append brings a change to the disk, or leaves nothing of it.
func (l *liveLog) append(ch rules.LiveChange) error {
	var err error
	if !l.whole() {
		err = fmt.Errorf("%s: %w", l.name, errMoved)
	} else {
		err = l.cut()
	}
	if err == nil {
		err = l.write(ch)
	}
	if err != nil {
		l.errors.Add(1)
		if !errors.Is(err, errMoved) {
			err = errors.Join(err, l.cut())
		}
		return fmt.Errorf("the change is not made, for it cannot be kept: %w", err)
	}
	l.entries += len(ch.Entries)
	return nil
}

func (l *liveLog) write(ch rules.LiveChange) error {
	line, err := encodeChange(ch)
	if err != nil {
		return err
	}
	l.torn = true
	if _, err := l.file.Write(line); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.size += int64(len(line))
	l.torn = false
	return nil
}

// encodeChange is a change as a line.
func encodeChange(ch rules.LiveChange) ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(ch)
	return line.Bytes(), err
}

// compact writes the changes that count into a new file and puts it in place of
// the old one, when most of that is history. When it fails the old one goes on.
func (l *liveLog) compact(lists *rules.LiveLists, at time.Time) {
	err := lists.Snapshot(at, func(changes iter.Seq[rules.LiveChange]) error {
		if l.entries <= 2*l.living+compactFrom {
			return nil
		}
		return l.rewrite(changes)
	})
	if err != nil {
		l.errors.Add(1)
		l.log.Error("live lists: cannot write the file anew, the old one goes on", "err", err)
	}
}

func (l *liveLog) rewrite(changes iter.Seq[rules.LiveChange]) error {
	size, entries := int64(0), 0
	f, err := replaceFile(l.name, func(w io.Writer) error {
		for ch := range changes {
			line, err := encodeChange(ch)
			if err != nil {
				return err
			}
			size += int64(len(line))
			entries += len(ch.Entries)
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	old := l.file
	l.file, l.size, l.entries, l.living, l.torn = f, size, entries, entries, false
	return errors.Join(old.Close(), syncFolder(filepath.Dir(l.name)))
}

// Close closes the file, when no change is made any more.
func (l *liveLog) Close() {
	if err := l.file.Close(); err != nil {
		l.log.Error("live lists: cannot close", "err", err)
	}
}

// ChangeList makes a live change to a list: it is on the disk and counts for
// the next call when ChangeList returns, or nothing of it is done. The error of
// a change that is at fault is a rules.Diagnostics.
func (p *Program) ChangeList(ch rules.LiveChange) (rules.LiveChange, error) {
	now := p.now()
	if p.engine.Learns(ch.List) {
		return p.unlearn(ch, now)
	}
	if ch.Added = now; ch.Action == rules.LiveRevert {
		ch.Added = time.Time{}
	}
	made, err := p.engine.ChangeList(ch, now, p.live.append)
	if errors.Is(err, errMoved) {
		if err = p.live.heal(p.engine.Live(), now); err == nil {
			made, err = p.engine.ChangeList(ch, now, p.live.append)
		} else {
			err = fmt.Errorf("the change is not made, for it cannot be kept: %w", err)
		}
	}
	if err != nil {
		return made, err
	}
	p.log.Info("list changed", "list", made.List, "action", string(made.Action), "entries", len(made.Entries), "by", made.By)
	p.live.compact(p.engine.Live(), now)
	return made, nil
}

// unlearn takes numbers off a learned list: they are off for the next call, and
// a restart does not bring them back when unlearn returns without an error.
func (p *Program) unlearn(ch rules.LiveChange, now time.Time) (rules.LiveChange, error) {
	made, err := p.engine.ChangeList(ch, now, nil)
	if err != nil {
		return made, err
	}
	p.log.Info("list changed", "list", made.List, "action", string(made.Action), "entries", len(made.Entries), "by", made.By)
	if err := p.learned.Sync(); err != nil {
		return made, fmt.Errorf("the numbers are off the list, and a restart may bring them back, for that cannot be kept: %w", err)
	}
	return made, nil
}

// ListState is one list as the daemon has it.
type ListState struct {
	Name     string    `json:"name"`
	File     string    `json:"file,omitempty"`
	Changed  time.Time `json:"changed,omitzero"` // the file, as it is on the disk
	Why      string    `json:"why,omitempty"`
	Per      string    `json:"per,omitempty"`
	Rows     int       `json:"rows"`
	Live     int       `json:"live"`              // rows added and removed live
	Learned  bool      `json:"learned,omitempty"` // from what upstreams answer
	Declared bool      `json:"declared"`          // by the rules at work
}

// Lists are all lists, by name: those of the rules, those that only live
// changes keep, and the learned ones.
func (p *Program) Lists() []ListState {
	stats, rs := p.engine.Stats(), p.engine.Ruleset()
	live := map[string]int{}
	for _, l := range stats.Live {
		live[l.Name] = l.Rows
	}
	var all []ListState
	for _, l := range rs.Lists() {
		s := ListState{Name: l.Name, File: l.File, Why: l.Why.String(), Per: l.Per, Rows: l.Len(), Live: live[l.Name], Declared: true}
		if info, err := os.Stat(l.File); err == nil {
			s.Changed = info.ModTime().UTC()
		}
		delete(live, l.Name)
		all = append(all, s)
	}
	for name, rows := range live {
		all = append(all, ListState{Name: name, Live: rows})
	}
	slices.SortFunc(all, func(a, b ListState) int { return strings.Compare(a.Name, b.Name) })
	for _, l := range stats.Learned {
		s := ListState{Name: l.Name, Rows: l.Length, Learned: true}
		if i := slices.IndexFunc(rs.Learns(), func(spec rules.LearnSpec) bool { return spec.Name == l.Name }); i >= 0 {
			s.Declared, s.Per = true, rs.Learns()[i].Per
		}
		all = append(all, s)
	}
	return all
}
