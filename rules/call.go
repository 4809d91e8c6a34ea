// Package rules is the domain and the engine of ringfence: what a call is, what
// rules say about it, and the verdict that follows. It knows no switch, no
// server and no database.
package rules

import (
	"net/netip"
	"time"
)

// Identity is one claimed identity of a calling party: a From, a
// P-Asserted-Identity value, a Remote-Party-ID. The zero value is "absent".
type Identity struct {
	User    string // user part or tel number, percent-decoded, without parameters
	Host    string // host of a SIP URI, empty for tel
	Display string // display name, unquoted and unescaped
	Tel     bool   // a tel URI
	Verstat string // its verstat parameters, joined by "," (3GPP TS 24.229 §7.2A.20)
}

// Headers gives access to any header of the request by its full name, in any
// case. The value is the first one, unfolded and trimmed.
type Headers interface {
	Header(name string) (value string, ok bool)
}

// Call is one call attempt as a switch presents it. An adapter fills the
// exported fields and owns the value; Decide fills the rest. A Call may be
// reused after Reset; its strings must not change while it is in use.
//
// An absent attribute is its zero value: what SIP allows to be missing or odd
// is never an error here.
type Call struct {
	At time.Time // when the attempt reached the daemon; the engine's only clock

	CallID  string
	FromTag string
	CSeq    uint32

	Source     netip.Addr // address that sent the INVITE to the switch
	SourcePort uint16
	TrunkName  string // trunk as the switch names it; empty: found by Source
	Account    string // authenticated account, from the switch alone
	Upstream   string // trunk by which the call will go, by name or address; empty: not known yet

	RequestURI  string // as the switch would route it, e.g. "sip:+12025550142@example.net;user=phone"
	RequestUser string // its user part or tel number, percent-decoded, without parameters
	Domain      string // its host
	To          Identity

	From        Identity
	Asserted    [2]Identity // P-Asserted-Identity in the order received, at most two (RFC 3325 §9.1)
	RemoteParty Identity    // Remote-Party-ID with party=calling or no party
	Privacy     string      // Privacy header values joined by ";" (RFC 3323)
	Diversion   string      // user of the most recent diverting party (RFC 5806 Diversion, else RFC 7044 History-Info)
	UserAgent   string
	Priority    string
	Attestation string  // P-Attestation-Indicator and Attestation-Info values, joined by ","
	Headers     Headers // nil: no header is known

	party // what Decide derives from the above
}

// party is what the engine makes of a call before the first rule is asked.
type party struct {
	trunk        *Trunk
	upstream     *Trunk // by which the call will go, nil when that is not known
	caller       Number // the one number a rule calls "caller"
	network      Number // from PAI or RPID of a trusted trunk
	presentation Number // from From
	callee       Number
	divertedBy   Number
	withheld     bool
	callers      callerSet
}

// strangeUpstream tells whether the switch named an upstream that is not
// configured. An address of none is no name.
func (c *Call) strangeUpstream() bool {
	return c.upstream == nil && c.Upstream != "" && !isAddress(c.Upstream)
}

// Reset makes c ready for another call.
func (c *Call) Reset() { *c = Call{} }
