package state

import (
	"sync/atomic"
	"unsafe"
)

// memory is all that records and large tables are in. It hands out pages, one
// after the other, so that those in use lie together, and takes none back.
type memory struct {
	words   []uint32
	taken   atomic.Int64 // pages
	release func()
}

const (
	wordBytes = 4
	pageBits  = 15
	pageWords = 1 << pageBits
	pageBytes = wordBytes * pageWords // 128 KB
)

// newMemory has so many bytes of pages, and the first one, which nobody gets: no
// record begins at 0.
func newMemory(bytes int64) *memory {
	m := new(memory)
	m.words, m.release = reserve(int(bytes/pageBytes+1) * pageBytes)
	m.taken.Store(1)
	return m
}

// take is where so many pages begin; false when there are none left.
func (m *memory) take(pages int64) (ref, bool) {
	end := m.taken.Add(pages)
	if end*pageWords > int64(len(m.words)) {
		m.taken.Add(-pages)
		return 0, false
	}
	return ref((end - pages) * pageWords), true
}

// slots are pages as a table's slots.
func (m *memory) slots(at ref, pages int64) []uint64 {
	words := m.words[at:][:pages*pageWords]
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(words))), len(words)/2)
}
