//go:build !linux

package rules

import (
	"io/fs"
	"time"
)

// room is memory for a bulk.
type room struct {
	starts []uint32
	words  []uint16
}

// newRoom is zeroed. Its owner releases it when nothing points into it.
func newRoom(starts, words int) (*room, error) {
	return &room{starts: make([]uint32, starts), words: make([]uint16, words)}, nil
}

func (r *room) release() {}

// shrink is the first n words.
func shrink(words []uint16, n int) []uint16 { return words[:n:n] }

// changeTime is when a file changed last, zero when that is not known.
func changeTime(fs.FileInfo) time.Time { return time.Time{} }
