package rules

import "strings"

// derive finds the parties of a call. It is false when the call names a trunk
// that is not configured: such a call has no trunk and is not trusted.
//
// The network number of a trusted trunk is its P-Asserted-Identity, tel before
// sip, else its Remote-Party-ID (RFC 3325 §9.1); nobody else's make it, for
// anybody can write them (§8).
func (rs *Ruleset) derive(c *Call) (known bool) {
	c.party = party{}
	known = true
	if c.TrunkName != "" {
		c.trunk = rs.trunks.named(c.TrunkName)
		known = c.trunk != nil
	} else {
		c.trunk = rs.trunks.at(c.Source.Unmap())
	}
	c.upstream = rs.trunks.upstream(c.Upstream)
	plan := rs.trunks.planOf(c.trunk)
	written := "" // as the network number is; most callers write the same in From
	if c.trunk != nil && c.trunk.Trusted {
		c.network, written = asserted(c, plan)
	}
	if c.presentation = c.network; written != c.From.User {
		c.presentation = plan.Number(c.From.User)
	}
	if c.caller = c.network; c.caller.IsZero() {
		c.caller = c.presentation
	}
	c.gather(plan)
	c.callee = plan.Number(c.RequestUser)
	c.divertedBy = plan.Number(c.Diversion)
	c.withheld = isWithheld(c)
	return known
}

// asserted is the number that a trusted trunk asserts, and how it is written.
func asserted(c *Call, plan *Plan) (n Number, written string) {
	for _, tel := range [...]bool{true, false} {
		for i := range c.Asserted {
			if written = c.Asserted[i].User; c.Asserted[i].Tel == tel {
				if n = plan.Number(written); !n.IsZero() {
					return n, written
				}
			}
		}
	}
	return plan.Number(c.RemoteParty.User), c.RemoteParty.User
}

// isWithheld tells whether the caller asked not to be shown: by From, as
// RFC 5079 §3 has it and as gateways write it, or by Privacy, which anybody may
// send (RFC 3323 §4.2). A missing P-Asserted-Identity says nothing.
func isWithheld(c *Call) bool {
	from := &c.From
	return strings.EqualFold(from.Host, "anonymous.invalid") ||
		strings.EqualFold(from.Display, "anonymous") ||
		isAnonymousUser(from) || asksPrivacy(c.Privacy)
}

// isAnonymousUser tells whether the user part of From stands for nobody.
func isAnonymousUser(from *Identity) bool {
	user := from.User
	if user == "" {
		return from.Host != ""
	}
	if len(user) > 1 && user[0] == '+' && user[1] != '0' {
		return user == anonymousKeys
	}
	for _, name := range [...]string{"anonymous", "restricted", "unavailable", "private", "unknown"} {
		if strings.EqualFold(user, name) {
			return true
		}
	}
	return user == anonymousKeys[1:] || strings.Trim(strings.TrimPrefix(user, "+"), "0") == ""
}

// anonymousKeys spell "anonymous" on a keypad.
const anonymousKeys = "+266696687"

// asksPrivacy tells whether the Privacy values hold id or user.
func asksPrivacy(values string) bool {
	for values != "" {
		end := strings.IndexAny(values, ";,")
		word := values
		if end < 0 {
			values = ""
		} else {
			word, values = values[:end], values[end+1:]
		}
		if word = strings.TrimSpace(word); strings.EqualFold(word, "id") || strings.EqualFold(word, "user") {
			return true
		}
	}
	return false
}
