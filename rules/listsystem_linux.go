package rules

import (
	"io/fs"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// room is memory for a bulk: huge pages outside the heap. A look-up in hundreds
// of megabytes of small pages would wait for the page tables as long as for the
// memory, and the heap would keep as much again free for garbage.
type room struct {
	starts []uint32
	words  []uint16
	memory []byte
}

// newRoom is zeroed. Its owner releases it when nothing points into it.
func newRoom(starts, words int) (*room, error) {
	if words == 0 {
		words = 1
	}
	size := 4*starts + 2*words
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	_ = unix.Madvise(memory, unix.MADV_HUGEPAGE) // a kernel without them serves small ones
	at := unsafe.Pointer(unsafe.SliceData(memory))
	return &room{
		starts: unsafe.Slice((*uint32)(at), starts),
		words:  unsafe.Slice((*uint16)(unsafe.Add(at, 4*starts)), words),
		memory: memory,
	}, nil
}

// release gives the memory back.
func (r *room) release() { _ = unix.Munmap(r.memory) } // it is ours and whole, nothing else can fail

// shrink is the first n words; the memory of whole pages after them goes back.
func shrink(words []uint16, n int) []uint16 {
	rest := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words[n:]))), 2*len(words[n:]))
	if len(rest) > 0 {
		page := uintptr(unix.Getpagesize())
		skip := int(-uintptr(unsafe.Pointer(&rest[0])) & (page - 1))
		if skip < len(rest) {
			_ = unix.Madvise(rest[skip:], unix.MADV_DONTNEED) // it only saves memory
		}
	}
	return words[:n:n]
}

// changeTime is when a file changed last, which nobody can set.
func changeTime(info fs.FileInfo) time.Time {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}
	}
	return time.Unix(s.Ctim.Unix())
}
