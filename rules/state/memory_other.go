//go:build !linux

package state

// reserve is zeroed memory of so many bytes, which comes as it is written to.
func reserve(bytes int) (m []uint32, release func()) {
	return make([]uint32, bytes/wordBytes), func() {}
}
