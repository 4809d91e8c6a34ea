package sidecar

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watcher tells when the files of the last load have changed and come to rest.
// All but pump belongs to the goroutine of the reloader.
type watcher struct {
	notify *fsnotify.Watcher
	log    *slog.Logger
	find   func() sources         // what would be read now
	own    func(file string) bool // the daemon writes it itself
	settle time.Duration
	timer  *time.Timer
	stir   chan struct{} // something in a watched folder has changed
	pumped chan struct{}

	folders []string        // that are watched
	refused map[string]bool // folders that cannot be, as the log has said
	cut     bool            // there are too many, as the log has said
	loaded  uint64          // print of what was loaded
	seen    uint64          // print when the timer last ran
	waiting bool            // the timer runs
}

func newWatcher(log *slog.Logger, settle time.Duration, find func() sources, own func(string) bool) (*watcher, error) {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &watcher{
		notify: n, log: log, find: find, own: own, settle: settle, timer: time.NewTimer(0),
		stir: make(chan struct{}, 1), pumped: make(chan struct{}),
	}
	w.timer.Stop()
	go w.pump()
	return w, nil
}

// pump takes events as they come and makes one of many. It is a goroutine of
// its own because the notifier sends errors while it holds the lock that its
// Add takes.
func (w *watcher) pump() {
	defer close(w.pumped)
	events, errors := w.notify.Events, w.notify.Errors
	for events != nil || errors != nil {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			if !w.own(e.Name) { // of any kind: new rights can cure a load
				w.stirred()
			}
		case err, ok := <-errors:
			if !ok {
				errors = nil
				continue
			}
			// Events may be lost, so anything may have changed.
			w.log.Warn("watch files", "err", err)
			w.stirred()
		}
	}
}

func (w *watcher) stirred() {
	select {
	case w.stir <- struct{}{}:
	default: // it is known already
	}
}

func (w *watcher) close() error {
	w.timer.Stop()
	err := w.notify.Close()
	<-w.pumped
	return err
}

// wait has the timer run when the files may have come to rest. What is written
// all the time beside them does not put it off.
func (w *watcher) wait() {
	if !w.waiting {
		w.waiting = true
		w.timer.Reset(w.settle)
	}
}

// rested runs when the timer does, and tells whether to load: the files are
// others than those loaded and have not changed since the timer last ran. A
// file that is still being written keeps the timer going.
func (w *watcher) rested() bool {
	w.waiting = false
	s := w.find()
	w.follow(s)
	print := s.print()
	switch {
	case print == w.loaded:
		w.seen = print
		return false
	case print != w.seen:
		w.seen = print
		w.wait()
		return false
	}
	return true
}

// load runs a load. What changes while it runs is loaded once more, and so is
// what comes into the folders: it may be what the load has missed. What only the
// load has found was not looked at before it.
func (w *watcher) load(do func()) {
	began := time.Now()
	before := w.find()
	before.names = true
	print := before.print()
	do()
	w.remember(began, before)
	if before.print() != print {
		w.forget()
	}
}

// remember takes the files as they are for those that were loaded, unless one
// was changed since the load began. Of those that were not known before, one that
// was changed just before counts, too: their clock may not have told.
func (w *watcher) remember(began time.Time, before sources) {
	s := w.find()
	w.follow(s)
	w.loaded = s.print()
	w.seen = w.loaded
	if now := time.Now(); s.changedBetween(began, now) != "" || s.foundChanged(before, began, now) {
		w.forget()
	}
}

// forget has the files loaded again when they have come to rest.
func (w *watcher) forget() {
	w.loaded = 0
	w.wait()
}

// follow watches the folders of s and no others. A folder that cannot be
// watched is named in the log, once until it can be or is gone; SIGHUP still
// reloads what is in it.
func (w *watcher) follow(s sources) {
	for _, f := range w.folders {
		if !slices.Contains(s.folders, f) {
			_ = w.notify.Remove(f) // gone with its folder
		}
	}
	told := w.refused
	w.folders, w.refused = nil, make(map[string]bool)
	for _, f := range s.folders {
		// Add again what was there: a folder of the same name can be another.
		err := w.notify.Add(f)
		if err == nil {
			w.folders = append(w.folders, f)
			continue
		}
		w.refused[f] = true
		if !told[f] {
			w.log.Warn("folder is not watched, send SIGHUP after changes", "folder", f, "err", err)
		}
	}
	if s.cut > 0 && !w.cut {
		w.log.Warn("too many folders, the last are not watched, send SIGHUP after changes", "watched", len(s.folders), "not_watched", s.cut)
	}
	w.cut = s.cut > 0
}
