package rules

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"
)

// Trunk is one connection to a carrier, customer or PBX, as the configuration
// has it.
type Trunk struct {
	Name       string
	Networks   []netip.Prefix // its source addresses; the longest network of all trunks wins
	Country    string         // whose national numbers it sends, ISO 3166-1 alpha-2 or empty for Settings.Country
	Trusted    bool           // its P-Asserted-Identity, Remote-Party-ID and attestation are believed
	Direction  Direction      // of its calls
	Mode       Mode           // Monitor: its calls are as with the daemon in monitor
	Extensions []string       // patterns of its private plan, as NewPlan reads them
	plan       *Plan
	hash       uint64 // of its name, the same over reloads
	place      int    // among the trunks, from 1
}

// Direction is that of the calls of a trunk, as seen from the operator's
// network.
type Direction uint8

// The directions.
const (
	Undirected Direction = iota
	Inbound
	Outbound
)

var directionWords = [...]string{"", "inbound", "outbound"}

// String is the word that rules and the configuration use.
func (d Direction) String() string { return directionWords[d] }

// trunks finds trunks by name and by address. It does not change and is safe
// for concurrent use.
type trunks struct {
	names    map[string]*Trunk
	networks bart.Table[*Trunk]
	plan     *Plan // of a call without a trunk
}

// newTrunks reads the trunks of a configuration. The plan is that of calls
// without a trunk, and its country that of trunks without one; nil for none.
// The error holds all that is wrong with them.
func newTrunks(list []Trunk, plan *Plan) (*trunks, error) {
	t := &trunks{names: make(map[string]*Trunk, len(list)), plan: plan}
	country := ""
	if plan != nil {
		country = plan.country
	}
	var bad []error
	for i := range list {
		trunk := list[i]
		if strings.TrimSpace(trunk.Name) == "" {
			bad = append(bad, fmt.Errorf("trunk %d has no name, give it one", i+1))
			continue
		}
		if t.names[trunk.Name] != nil {
			bad = append(bad, fmt.Errorf("trunk %q is there twice, rename one", trunk.Name))
			continue
		}
		plan, err := NewPlan(cmp.Or(trunk.Country, country), trunk.Extensions)
		if err != nil {
			bad = append(bad, fmt.Errorf("trunk %q: %w", trunk.Name, err))
			continue
		}
		trunk.plan, trunk.hash = plan, nameHash(trunk.Name)
		t.names[trunk.Name] = &trunk
		trunk.place = len(t.names)
		for _, network := range trunk.Networks {
			if err := t.add(network, &trunk); err != nil {
				bad = append(bad, err)
			}
		}
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return t, nil
}

func (t *trunks) add(network netip.Prefix, trunk *Trunk) error {
	if !network.IsValid() {
		return fmt.Errorf("trunk %q has a network that is none, write it as 192.0.2.0/24", trunk.Name)
	}
	if network = unmapped(network); network.Addr().Is4In6() {
		return fmt.Errorf("trunk %q: network %s holds more than IPv4 addresses, write it as IPv4", trunk.Name, network)
	}
	network = network.Masked()
	if other, ok := t.networks.Get(network); ok && other != trunk {
		return fmt.Errorf("network %s is of trunk %q and of trunk %q, take it from one", network, other.Name, trunk.Name)
	}
	t.networks.Insert(network, trunk)
	return nil
}

var originSeed = maphash.MakeSeed()

// nameHash is that of the name of a trunk, the same over reloads.
func nameHash(name string) uint64 { return maphash.String(originSeed, name) }

// origin is a hash of where a call came from: of its trunk, or of its source
// address when it has none.
func origin(trunk *Trunk, source netip.Addr) uint64 {
	if trunk != nil {
		return trunk.hash
	}
	a := source.As16()
	return hashKey(binary.LittleEndian.Uint64(a[:8]) ^ hashKey(binary.LittleEndian.Uint64(a[8:])))
}

// planOf is how the numbers of a call are read, by its trunk or nil for none.
func (t *trunks) planOf(trunk *Trunk) *Plan {
	if trunk == nil {
		return t.plan
	}
	return trunk.plan
}

// named is the trunk of that name, nil for none.
func (t *trunks) named(name string) *Trunk { return t.names[name] }

// upstream is the trunk that a switch means by a name or an address, nil for
// none that is configured.
func (t *trunks) upstream(name string) *Trunk {
	if trunk := t.names[name]; trunk != nil || name == "" || !isAddress(name) {
		return trunk
	}
	a, _ := netip.ParseAddr(name)
	return t.at(a)
}

// isAddress tells whether s can be an IP address and nothing else, so that it
// is parsed without an error, which takes room.
func isAddress(s string) bool {
	dots, colons := 0, 0
	for _, c := range []byte(s) {
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case c < '0' || c > '9' && c < 'A' || c > 'F' && c < 'a' || c > 'f':
			return false
		}
	}
	return dots == 3 || colons > 1
}

// at is the trunk with the longest network that holds a, nil for none.
func (t *trunks) at(a netip.Addr) *Trunk {
	if !a.IsValid() {
		return nil
	}
	trunk, _ := t.networks.Lookup(a.Unmap().WithZone(""))
	return trunk
}
