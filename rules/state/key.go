package state

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Key names a record: a hash of what it is about, of 128 bits.
type Key struct{ Hi, Lo uint64 }

// Hash is what a key is made of: equal for what is about the same. It is never 0.
type Hash uint64

// Text is the hash of a text.
func (s Seed) Text(text string) Hash {
	var d xxhash.Digest
	d.ResetWithSeed(s[0])
	_, _ = d.WriteString(text) // knows no error
	return Hash(max(d.Sum64(), 1))
}

// With is the hash of what h is of and a value together. Order counts.
func (s Seed) With(h Hash, value uint64) Hash {
	hi, lo := bits.Mul64(uint64(h)^s[0], value^s[1]|1<<63)
	return Hash(max(hi^lo, 1))
}

// Key is that of a hash.
func (s Seed) Key(h Hash) Key {
	hi, lo := bits.Mul64(uint64(h)^s[1], s[0]|1)
	return Key{Hi: hi ^ lo, Lo: uint64(h)}
}
