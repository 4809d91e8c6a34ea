package sidecar

import (
	"net"
	"net/netip"
	"sync/atomic"
)

// clients lets a listener answer only the networks it is set to. A connection
// from elsewhere is closed before a byte is read and never gets an answer: a
// 4xx would tell a switch to refuse the call.
type clients struct {
	net.Listener
	*networks
	refused *atomic.Uint64
}

// Accept waits for the next connection from a client.
func (c *clients) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c.allowed(conn.RemoteAddr()) {
			return conn, nil
		}
		c.refused.Add(1)
		_ = conn.Close() // whatever comes of it, the peer is none of ours
	}
}

// networks are those whose switches may ask.
type networks struct {
	prefixes atomic.Pointer[[]netip.Prefix]
}

func newNetworks(prefixes []netip.Prefix) *networks {
	n := new(networks)
	n.set(prefixes)
	return n
}

// set replaces them; connections that are open stay.
func (n *networks) set(prefixes []netip.Prefix) { n.prefixes.Store(&prefixes) }

func (n *networks) allowed(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range *n.prefixes.Load() {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
