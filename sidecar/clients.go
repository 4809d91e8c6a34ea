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
	networks atomic.Pointer[[]netip.Prefix]
	refused  *atomic.Uint64
}

func newClients(l net.Listener, networks []netip.Prefix, refused *atomic.Uint64) *clients {
	c := &clients{Listener: l, refused: refused}
	c.set(networks)
	return c
}

// set replaces the networks; connections that are open stay.
func (c *clients) set(networks []netip.Prefix) { c.networks.Store(&networks) }

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

func (c *clients) allowed(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range *c.networks.Load() {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
