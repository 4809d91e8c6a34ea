package rules

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
)

// listedAt is a number in a list, and where.
type listedAt struct {
	number, subscriber uint64
	where              uint64 // list << lineBits | line
}

const lineBits = 40

func (x listedAt) list() int { return int(x.where >> lineBits) }
func (x listedAt) line() int { return int(x.where & (1<<lineBits - 1)) }

func (x listedAt) compare(y listedAt) int {
	return cmp.Or(cmp.Compare(x.number, y.number), cmp.Compare(x.subscriber, y.subscriber), cmp.Compare(x.where, y.where))
}

// listedSize is that of a listedAt on disk and in memory, in bytes.
const listedSize = 24

// listSorter sorts more numbers than it keeps in memory: what is beyond lies
// sorted in temporary files, which have no name and go with the process.
type listSorter struct {
	bound int // numbers in memory
	now   []listedAt
	runs  []*os.File
}

func (s *listSorter) add(x listedAt) error {
	if len(s.now) >= s.bound {
		if err := s.spill(); err != nil {
			return err
		}
	}
	if len(s.now) == cap(s.now) && len(s.now) > s.bound/8 {
		s.now = slices.Grow(s.now, s.bound-len(s.now))
	}
	s.now = append(s.now, x)
	return nil
}

// spill writes what is in memory to a file of its own.
func (s *listSorter) spill() error {
	slices.SortFunc(s.now, listedAt.compare)
	f, err := os.CreateTemp("", "ringfence-list-")
	if err != nil {
		return err
	}
	s.runs = append(s.runs, f)
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var b [listedSize]byte
	for _, x := range s.now {
		binary.LittleEndian.PutUint64(b[:], x.number)
		binary.LittleEndian.PutUint64(b[8:], x.subscriber)
		binary.LittleEndian.PutUint64(b[16:], x.where)
		if _, err := w.Write(b[:]); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	s.now = s.now[:0]
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// each visits all numbers in order.
func (s *listSorter) each(visit func(listedAt)) error {
	slices.SortFunc(s.now, listedAt.compare)
	merge := listMerge{{now: s.now}}
	for _, f := range s.runs {
		merge = append(merge, &listRun{file: bufio.NewReaderSize(f, 1<<18)})
	}
	for _, r := range merge {
		if err := r.next(); err != nil {
			return err
		}
	}
	merge = slices.DeleteFunc(merge, func(r *listRun) bool { return r.ended })
	heap.Init(&merge)
	for len(merge) > 0 {
		r := merge[0]
		visit(r.first)
		if err := r.next(); err != nil {
			return err
		}
		if r.ended {
			heap.Pop(&merge)
		} else {
			heap.Fix(&merge, 0)
		}
	}
	return nil
}

// close lets go of the files.
func (s *listSorter) close() (err error) {
	for _, f := range s.runs {
		err = errors.Join(err, f.Close())
	}
	return err
}

// listRun is one sorted part: in memory, or in a file.
type listRun struct {
	now   []listedAt
	file  *bufio.Reader
	first listedAt
	ended bool
}

// next reads the next number into first.
func (r *listRun) next() error {
	if r.file == nil {
		if r.ended = len(r.now) == 0; !r.ended {
			r.first, r.now = r.now[0], r.now[1:]
		}
		return nil
	}
	var b [listedSize]byte
	switch _, err := io.ReadFull(r.file, b[:]); {
	case errors.Is(err, io.EOF):
		r.ended = true
	case err != nil:
		return err
	}
	r.first = listedAt{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])}
	return nil
}

// listMerge is a heap of runs by their first numbers.
type listMerge []*listRun

func (m listMerge) Len() int           { return len(m) }
func (m listMerge) Less(i, j int) bool { return m[i].first.compare(m[j].first) < 0 }
func (m listMerge) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *listMerge) Push(x any)        { *m = append(*m, x.(*listRun)) }
func (m *listMerge) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}
