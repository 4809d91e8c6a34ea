package sidecar

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	counters "ringfence/rules/state"
)

// stateFiles make what was counted outlive a restart. Every saveEvery what has
// changed is appended to the file of its part, and all at the stop; a file of
// which most is history is written anew, one at a time. A process that is killed
// loses what was counted since the last time; a machine that crashes, what its
// kernel had not written: only a file that is written anew, and the stop, are
// synced. Nothing here holds up a call, and no fault of a file a start.
type stateFiles struct {
	failures               // to read and to write
	lost     atomic.Uint64 // bytes of files that could not be read
	unkept   atomic.Uint64 // records that were read and not taken
	saved    atomic.Int64  // when all that had changed was in the files, nanoseconds since 1970; 0: not yet
	bytes    atomic.Int64  // of the files

	log    *slog.Logger
	folder string
	seed   counters.Seed
	now    func() time.Time
	store  *counters.Store
	parts  [counters.Parts]statePart
	write  func(*os.File, []byte) (int, error)
	stop   chan struct{}
	done   chan struct{}
}

// statePart is the file of one part.
type statePart struct {
	name   string
	fresh  bool     // there is no file with a good header
	file   *os.File // nil: could not be opened
	out    []byte   // frames that are not written
	size   int64    // of the file
	living int64    // its size when it was last written anew
	told   int      // shapes that the file has from this process
}

const (
	stateName   = "state." // and the number of the part
	asideSuffix = ".aside" // of a file that is not of this format

	saveEvery    = 2 * time.Second
	saveBuffer   = 256 << 10 // bytes that wait for one write
	stateHistory = 4 << 20   // bytes of history that are worth writing a file anew
)

// openState finds the files, and the seed of the keys in them; without one it
// makes a new one. A file that is of no use is set aside. Nothing is written
// before start.
func openState(folder string, log *slog.Logger, now func() time.Time) *stateFiles {
	f := &stateFiles{log: log, folder: folder, now: now, write: (*os.File).Write, stop: make(chan struct{}), done: make(chan struct{})}
	f.seed = counters.NewSeed()
	seeded := false
	for i := range f.parts {
		p := &f.parts[i]
		p.name = partName(folder, i)
		seed, err := headerOf(p.name)
		switch {
		case err == nil && !seeded:
			f.seed, seeded = seed, true
		case err == nil && seed != f.seed:
			err = errors.New("the file is of another state than " + f.parts[0].name)
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errTornHeader):
		default:
			f.setAside(p.name, err)
		}
		p.fresh = true
	}
	return f
}

func partName(folder string, part int) string {
	return filepath.Join(folder, fmt.Sprintf("%s%d", stateName, part))
}

// Seed is what keys are made with, so that they are those of the files.
func (f *stateFiles) Seed() counters.Seed { return f.seed }

func headerOf(name string) (counters.Seed, error) {
	file, _, err := openRegular(name)
	if err != nil {
		return counters.Seed{}, err
	}
	defer file.Close()
	return readHeader(file)
}

// setAside keeps a file that cannot be read, the last one of its name.
func (f *stateFiles) setAside(name string, cause error) {
	f.errors.Add(1)
	if err := os.Rename(name, name+asideSuffix); err != nil {
		f.log.Error("state: what was counted is lost, and its file cannot be set aside", "file", name, "err", cause, "rename", err)
		return
	}
	f.log.Error("state: what was counted is lost, its file is set aside", "file", name, "aside", name+asideSuffix, "err", cause)
}

// start saves what changes in the store, which the files were restored to.
func (f *stateFiles) start(store *counters.Store) {
	f.store = store
	go f.run()
}

// Close saves and syncs all that has changed, and tells whether it could.
func (f *stateFiles) Close() bool {
	close(f.stop)
	<-f.done
	return !f.failing.Load()
}

func (f *stateFiles) run() {
	defer close(f.done)
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.tell(errors.Join(f.save(), f.compact(stateHistory)))
		case <-f.stop:
			err := f.save()
			for i := range f.parts {
				err = errors.Join(err, f.parts[i].close())
			}
			if err = errors.Join(err, syncFolder(f.folder)); err != nil {
				f.log.Error("state: the last of what was counted is lost", "folder", f.folder, "err", err)
			}
			f.failing.Store(err != nil)
			return
		}
	}
}

// save brings what has changed to the files.
func (f *stateFiles) save() (failed error) {
	at := f.now()
	var bytes int64
	for i := range f.parts {
		p := &f.parts[i]
		err := p.check()
		if p.fresh || errors.Is(err, errMoved) {
			err = errors.Join(err, f.rewrite(i))
		}
		if err == nil {
			err = f.append(i)
		}
		failed = errors.Join(failed, err)
		bytes += p.size
	}
	f.bytes.Store(bytes)
	if failed == nil {
		f.saved.Store(at.UnixNano())
	}
	return failed
}

// compact writes the first file anew of which most is history. The others wait
// for the next time, so that what they hold does not become old meanwhile.
func (f *stateFiles) compact(history int64) error {
	for i := range f.parts {
		p := &f.parts[i]
		if p.file != nil && p.size > 2*p.living+history {
			return f.rewrite(i)
		}
	}
	return nil
}

// rewrite writes what the store has of a part into a new file. What changes
// meanwhile is saved behind it.
func (f *stateFiles) rewrite(part int) error {
	p := &f.parts[part]
	if err := os.MkdirAll(f.folder, 0o700); err != nil {
		return err
	}
	size, told := int64(0), 0
	file, err := replaceFile(p.name, func(w io.Writer) error {
		put := func(b []byte) error {
			n, err := w.Write(b)
			size += int64(n)
			return err
		}
		b := appendHeader(nil, f.seed)
		if err := put(b); err != nil {
			return err
		}
		return f.store.All(part, func(k counters.Key, shape int, words []uint32) error {
			b = b[:0]
			b, told = appendShapes(b, f.store, told, shape)
			return put(appendRecord(b, k, shape, words))
		})
	})
	if err != nil {
		return err
	}
	old := p.file
	p.file, p.size, p.living, p.told, p.fresh = file, size, size, told, false
	p.out = p.out[:0] // the new file has it
	err = syncFolder(f.folder)
	if old != nil {
		err = errors.Join(err, old.Close())
	}
	return err
}

// appendShapes appends the shapes up to a number, unless the file was told of them.
func appendShapes(b []byte, store *counters.Store, told, number int) ([]byte, int) {
	if number < told {
		return b, told
	}
	for i, s := range store.Shapes()[told : number+1] {
		b = appendShape(b, told+i, &s)
	}
	return b, number + 1
}

// check tells whether the file can be appended to, and opens it when it is not
// open: it is cut where what could be read of it ends.
func (p *statePart) check() error {
	if p.fresh {
		return nil // rewrite makes it
	}
	if p.file == nil {
		file, err := os.OpenFile(p.name, os.O_WRONLY|os.O_APPEND, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", p.name, errMoved)
		}
		if err != nil {
			return err
		}
		if err := file.Truncate(p.size); err != nil {
			return errors.Join(err, file.Close())
		}
		p.file = file
	}
	info, err := p.file.Stat()
	if err == nil && info.Size() < p.size || !inPlace(p.file, p.name) {
		return fmt.Errorf("%s: %w", p.name, errMoved)
	}
	return nil
}

// append appends what has changed of a part. What could not be written waits for
// the next time, and what was not taken is still changed.
func (f *stateFiles) append(part int) error {
	p := &f.parts[part]
	if err := f.flush(p); err != nil {
		return err
	}
	err := f.store.Save(part, func(k counters.Key, shape int, words []uint32) error {
		p.out, p.told = appendShapes(p.out, f.store, p.told, shape)
		p.out = appendRecord(p.out, k, shape, words)
		if len(p.out) < saveBuffer {
			return nil
		}
		return f.flush(p)
	})
	if err != nil {
		return err
	}
	return f.flush(p)
}

func (f *stateFiles) flush(p *statePart) error {
	if len(p.out) == 0 {
		return nil
	}
	n, err := f.write(p.file, p.out)
	p.size += int64(n)
	p.out = p.out[:copy(p.out, p.out[n:])]
	return err
}

func (p *statePart) close() error {
	if p.file == nil {
		return nil
	}
	return errors.Join(p.file.Sync(), p.file.Close())
}

func (f *stateFiles) tell(err error) {
	f.failures.tell(f.log, f.folder, "state: cannot save what was counted", "state: what was counted is saved again", err)
}

// isStateFile tells whether a name in the state folder is that of a file that is
// written here, or of the calls that go on over a stop.
func isStateFile(name string) bool {
	name = strings.TrimSuffix(strings.TrimSuffix(name, newSuffix), asideSuffix)
	if name == pendingName {
		return true
	}
	part, ok := strings.CutPrefix(name, stateName)
	n, err := strconv.ParseUint(part, 10, 8)
	return ok && err == nil && n < counters.Parts
}
