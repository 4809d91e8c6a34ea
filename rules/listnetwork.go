package rules

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// isNetwork tells whether a row is meant as an address or a network and not as
// a number: it has a colon, or four groups of digits with dots between them.
func isNetwork(text []byte) bool {
	if text[0] == '+' {
		return false
	}
	if bytes.IndexByte(text, ':') >= 0 {
		return true
	}
	address, _, _ := bytes.Cut(text, []byte("/"))
	dots := 0
	for i, c := range address {
		switch {
		case c == '.' && i > 0 && address[i-1] != '.' && i < len(address)-1:
			dots++
		case c < '0' || c > '9':
			return false
		}
	}
	return dots == 3
}

// readNetwork reads an address or a network; the message says what is wrong
// with it.
func readNetwork(text string) (e entry, message, hint string) {
	if strings.HasPrefix(text, "sip:") || strings.HasPrefix(text, "sips:") || strings.HasPrefix(text, "tel:") {
		return e, fmt.Sprintf("%q is a URI", text), "write its number alone"
	}
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		switch {
		case err != nil:
			return e, fmt.Sprintf("%q is no IP address", text), "as in 192.0.2.7 or 2001:db8::7"
		case a.Zone() != "":
			return e, fmt.Sprintf("%q has a zone", text), "did you mean " + a.WithZone("").String() + "?"
		}
		a = a.Unmap()
		return entry{network: netip.PrefixFrom(a, a.BitLen())}, "", ""
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return e, fmt.Sprintf("%q is no network", text), "as in 192.0.2.0/24 or 2001:db8::/32"
	}
	network = unmapped(network)
	switch {
	case network.Addr().Is4In6():
		return e, fmt.Sprintf("%q is neither an IPv4 nor an IPv6 network", text), "write IPv4 networks as in 192.0.2.0/24"
	case network.Bits() == 0:
		return e, fmt.Sprintf("%q covers every address", text), "write at least one bit after the /"
	case network != network.Masked():
		return e, fmt.Sprintf("%q has bits beyond its length", text), "did you mean " + network.Masked().String() + "?"
	}
	return entry{network: network}, "", ""
}

// unmapped is an IPv4 network that is written as IPv6 as the IPv4 network, and
// any other as it is.
func unmapped(network netip.Prefix) netip.Prefix {
	if network.Addr().Is4In6() && network.Bits() >= mapped {
		return netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-mapped)
	}
	return network
}

const mapped = 96 // bits before an IPv4 address that is written as IPv6

// ParseNetwork reads "192.0.2.0/24" or a single address, false when s is
// neither. IPv4 written as IPv6 ("::ffff:192.0.2.0/120") is IPv4.
func ParseNetwork(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	network, err := netip.ParsePrefix(s)
	return unmapped(network), err == nil
}
