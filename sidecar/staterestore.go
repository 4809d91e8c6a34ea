package sidecar

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	counters "ringfence/rules/state"
)

// restore puts what the files hold into a store, several files at a time. What
// cannot be read of a file is passed over; a torn end will be cut off. Calls that
// went on at the last save do so still when going says so.
func (f *stateFiles) restore(store *counters.Store, going bool) {
	began := time.Now()
	var next atomic.Int64
	var restored atomic.Uint64
	var running sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(f.parts)) {
		running.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(f.parts); i = next.Add(1) - 1 {
				restored.Add(f.restorePart(&f.parts[i], &partReader{store: store, at: f.now(), going: going}))
			}
		})
	}
	running.Wait()
	share := store.Stats().Bytes / int64(len(f.parts))
	for i := range f.parts {
		p := &f.parts[i]
		p.living = min(p.size, share)
		f.bytes.Add(p.size)
	}
	if restored.Load()+f.lost.Load()+f.unkept.Load() > 0 {
		f.log.Info("state: what was counted is back", "records", restored.Load(), "keys", store.Stats().Keys, "took", time.Since(began).Round(time.Millisecond))
	}
}

func (f *stateFiles) restorePart(p *statePart, r *partReader) (restored uint64) {
	if p.fresh {
		return 0
	}
	if err := r.read(p.name); err != nil {
		p.fresh = true
		f.setAside(p.name, err)
		return r.restored
	}
	p.size = r.frames.good
	if lost := r.frames.lost + r.frames.read - r.frames.good; lost > 0 || r.unkept > 0 {
		f.lost.Add(uint64(lost))
		f.unkept.Add(r.unkept)
		f.log.Warn("state: a part of what was counted is lost", "file", p.name, "damaged_bytes", r.frames.lost,
			"torn_bytes", r.frames.read-r.frames.good, "records_left_out", r.unkept, "err", r.fault)
	}
	return r.restored
}

// seedOf is that of the files of a folder, zero when there are none.
func seedOf(folder string) counters.Seed {
	for i := range counters.Parts {
		if seed, err := headerOf(partName(folder, i)); err == nil {
			return seed
		}
	}
	return counters.Seed{}
}

// recallState puts what the files of a folder hold into a store with their seed,
// while their daemon may write to them. What cannot be read is left out.
func recallState(folder string, store *counters.Store, at time.Time) {
	for i := range counters.Parts {
		if seed, err := headerOf(partName(folder, i)); err == nil && seed == store.Seed() {
			r := partReader{store: store, at: at, going: true}
			_ = r.read(partName(folder, i)) // what is good of it is taken
		}
	}
}

// partReader reads one file into a store.
type partReader struct {
	store    *counters.Store
	at       time.Time
	going    bool
	frames   *frameReader
	kinds    map[int]*counters.Kind // by their numbers in the file
	words    []uint32
	restored uint64
	unkept   uint64
	fault    error // of the first record that was not taken, when there is one
}

// read reads all of a file. Its error is that of the file as a whole.
func (r *partReader) read(name string) error {
	file, _, err := openRegular(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := readHeader(file); err != nil {
		return err
	}
	r.frames, r.kinds = newFrameReader(file), map[int]*counters.Kind{}
	for {
		ok, err := r.frames.next()
		if !ok {
			return err
		}
		r.take()
	}
}

// take takes a frame into the store.
func (r *partReader) take() {
	f := r.frames
	if f.kind == shapeFrame {
		delete(r.kinds, f.shape)
		shape, ok := f.asShape()
		if !ok {
			return // its records will be left out
		}
		kind, err := r.store.Kind(shape)
		if err != nil {
			r.leaveOut(err)
			return
		}
		r.kinds[f.shape] = kind
		return
	}
	hi, words, ok := f.record(r.words[:0])
	r.words = words
	kind := r.kinds[f.shape]
	if f.kind != recordFrame || !ok || kind == nil || len(words) < 2 {
		r.leaveOut(errForeign)
		return
	}
	key := counters.Key{Hi: hi, Lo: uint64(words[0]) | uint64(words[1])<<32}
	if err := r.store.Restore(key, kind, words, r.at, r.going); err != nil {
		r.leaveOut(err)
		return
	}
	r.restored++
}

func (r *partReader) leaveOut(err error) {
	r.unkept++
	if r.fault == nil {
		r.fault = err
	}
}
