package rules

import (
	"hash/maphash"
	"math/bits"
)

// keyTable finds the posting of a number or of a prefix: open addressing, at
// most half full, so that what is not there costs about one cache line. It does
// not change once it is made.
type keyTable struct {
	slots []keySlot
	shift int
}

type keySlot struct {
	key uint64
	id  uint32 // of the posting, + 1; 0: empty
}

// newKeyTable makes room for n keys.
func newKeyTable(n int) *keyTable {
	size := bits.Len(uint(2*n - 1))
	return &keyTable{make([]keySlot, 1<<size), 64 - size}
}

func (t *keyTable) find(key uint64) (id uint32, ok bool) {
	s := &t.slots[t.at(key)]
	return s.id - 1, s.id != 0
}

// at is the slot of a key, or the empty one in its place.
func (t *keyTable) at(key uint64) int {
	i := int(hashKey(key) >> t.shift)
	for t.slots[i].id != 0 && t.slots[i].key != key {
		i = (i + 1) & (len(t.slots) - 1)
	}
	return i
}

func (t *keyTable) put(key uint64, id uint32) { t.slots[t.at(key)] = keySlot{key, id + 1} }

// key is p as one number.
func (p prefix) key() uint64 { return uint64(p.digits)<<56 | p.value }

// wordTable finds the posting of a text by its hash.
type wordTable struct {
	seed  maphash.Seed
	slots []wordSlot
	shift int
	none  uint32 // of the empty text, + 1: most calls lack some attribute
}

type wordSlot struct {
	hash uint64
	id   uint32 // of the posting, + 1; 0: empty
	word string
}

// newWordTable makes room for n words.
func newWordTable(n int) *wordTable {
	size := bits.Len(uint(2*n - 1))
	return &wordTable{seed: maphash.MakeSeed(), slots: make([]wordSlot, 1<<size), shift: 64 - size}
}

func (t *wordTable) find(word string) (id uint32, ok bool) {
	if word == "" {
		return t.none - 1, t.none != 0
	}
	s := &t.slots[t.at(t.hash(word), word)]
	return s.id - 1, s.id != 0
}

// hash is of a word; that of the shortest, such as countries, is their letters.
func (t *wordTable) hash(word string) uint64 {
	if len(word) == 2 {
		return hashKey(uint64(word[0])<<8 | uint64(word[1]))
	}
	return maphash.String(t.seed, word)
}

func (t *wordTable) at(hash uint64, word string) int {
	i := int(hash >> t.shift)
	for s := &t.slots[i]; s.id != 0 && (s.hash != hash || s.word != word); s = &t.slots[i] {
		i = (i + 1) & (len(t.slots) - 1)
	}
	return i
}

func (t *wordTable) put(word string, id uint32) {
	if word == "" {
		t.none = id + 1
		return
	}
	hash := t.hash(word)
	t.slots[t.at(hash, word)] = wordSlot{hash, id + 1, word}
}
