package rules

import (
	"hash/maphash"
	"strings"
	"sync"
)

// nameTable numbers the names of trunks and accounts, so that what is remembered
// of a call has no pointers. A name keeps its number; when there are too many,
// further ones have none. It is safe for concurrent use.
type nameTable struct {
	seed   maphash.Seed
	shards [nameShards]nameShard

	mu    sync.RWMutex
	names []string // by number; 0 is none
}

const (
	nameShards = 64
	maxNames   = 1 << 20
	maxNamed   = 256 // bytes of a name that is kept
)

type nameShard struct {
	mu      sync.RWMutex
	numbers map[string]uint32
	_       [32]byte // keeps neighbours' locks off this cache line
}

func newNameTable() *nameTable {
	t := &nameTable{seed: maphash.MakeSeed(), names: make([]string, 1)}
	for i := range t.shards {
		t.shards[i].numbers = map[string]uint32{}
	}
	return t
}

// number is that of a name, 0 for the empty one, one that is too long, and those
// beyond the bound. It allocates for new names alone.
func (t *nameTable) number(name string) uint32 {
	if name == "" || len(name) > maxNamed {
		return 0
	}
	s := &t.shards[maphash.String(t.seed, name)%nameShards]
	s.mu.RLock()
	n, ok := s.numbers[name]
	s.mu.RUnlock()
	if ok {
		return n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok = s.numbers[name]; ok {
		return n
	}
	if n = t.add(name); n != 0 {
		s.numbers[t.name(n)] = n
	}
	return n
}

func (t *nameTable) add(name string) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.names) > maxNames {
		return 0
	}
	t.names = append(t.names, strings.Clone(name)) // of a message, which would stay as long
	return uint32(len(t.names) - 1)
}

// name is the one of a number.
func (t *nameTable) name(n uint32) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if int(n) >= len(t.names) {
		return ""
	}
	return t.names[n]
}
