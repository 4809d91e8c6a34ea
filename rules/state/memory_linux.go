package state

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserve is zeroed memory of so many bytes: huge pages outside the heap, which
// come as they are written to. In small pages a record would wait for the page
// tables as long as for the memory.
func reserve(bytes int) (m []uint32, release func()) {
	memory, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return make([]uint32, bytes/wordBytes), func() {}
	}
	_ = unix.Madvise(memory, unix.MADV_HUGEPAGE) // a kernel without them serves small ones
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(memory))), bytes/wordBytes), func() { _ = unix.Munmap(memory) }
}
