package rules

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Bounds of what is kept of the names of unknown trunks.
const (
	maxUnknownTrunks = 16
	maxUnknownName   = 64 // bytes
)

// unknownTrunks counts the calls that named a trunk which is not configured,
// and keeps the first few names. It allocates for a new name only.
type unknownTrunks struct {
	calls atomic.Uint64
	names atomic.Pointer[[]string]
	mu    sync.Mutex // of a change
}

func (u *unknownTrunks) count(name string) {
	u.calls.Add(1)
	name = name[:min(len(name), maxUnknownName)]
	if u.holds(name) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.holds(name) {
		return
	}
	names := append(u.list(), strings.Clone(name))
	u.names.Store(&names)
}

// holds tells whether there is nothing to keep of a name.
func (u *unknownTrunks) holds(name string) bool {
	names := u.names.Load()
	return names != nil && (len(*names) == maxUnknownTrunks || slices.Contains(*names, name))
}

// list is a copy of the names in the order in which they came.
func (u *unknownTrunks) list() []string {
	if names := u.names.Load(); names != nil {
		return slices.Clone(*names)
	}
	return nil
}
