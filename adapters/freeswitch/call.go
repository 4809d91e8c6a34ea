// Package freeswitch reads calls and their outcomes from the channels of a
// FreeSWITCH, and says what a verdict does to one.
package freeswitch

import (
	"net/netip"
	"strconv"
	"strings"

	"ringfence/adapters/sip"
	"ringfence/rules"
)

// Channel is what FreeSWITCH tells of a call: the headers of an event, of the
// answer to connect or of a form, under the names that it writes there, such as
// variable_sip_call_id. Names are found in any case.
type Channel interface {
	Lookup(name string) (value string, ok bool)
}

// get is the value under a name, empty for none.
func get(ch Channel, name string) string {
	value, _ := ch.Lookup(name)
	return value
}

// ReadCall fills c, but for the time, with the call that a channel is of. The
// texts of c are those of the channel. Two identities, Priority, Attestation-Info
// and most headers are there only with parse-all-invite-headers in the profile.
func ReadCall(ch Channel, c *rules.Call) {
	c.CallID, c.FromTag, c.CSeq = readAttempt(ch)
	c.Source, c.SourcePort = readSource(ch)
	c.TrunkName = get(ch, "variable_ringfence_trunk")
	c.Account = get(ch, "variable_ringfence_account")
	c.Upstream = strings.Trim(get(ch, "variable_ringfence_upstream"), "[]")
	readDestination(ch, c)
	to := sip.ParseAddress(get(ch, "variable_sip_full_to"))
	c.To = identity(&to)
	c.From = readFrom(ch)
	readAsserted(ch, c)
	if party := sip.ParseAddress(get(ch, "variable_sip_Remote-Party-ID")); isCalling(&party) {
		c.RemoteParty = identity(&party)
	}
	c.Privacy = readPrivacy(ch)
	diverting := readDiverting(ch)
	c.Diversion = diverting.URI.User
	c.UserAgent = get(ch, "variable_sip_user_agent")
	c.Priority = first(get(ch, "variable_sip_i_priority"))
	c.Attestation = readAttestation(ch)
	c.Headers = headers{ch}
}

// nobody and nowhere stand for the user and the host that a URI has not.
const (
	nobody  = "nobody"
	nowhere = "nowhere"
)

// readDestination reads the Request-URI. FreeSWITCH tells its parts, percent-decoded
// and without the scheme: one without a host was a tel URI, and a URN looks like a
// host and a port.
func readDestination(ch Channel, c *rules.Call) {
	uri := get(ch, "variable_sip_req_uri")
	if uri == "" { // no SIP, or a "${" in it
		c.RequestUser = get(ch, "Caller-Destination-Number")
		c.RequestURI = c.RequestUser
		return
	}
	user, host := get(ch, "variable_sip_req_user"), get(ch, "variable_sip_req_host")
	scheme := "sip:"
	switch {
	case user == nobody:
		uri = strings.TrimPrefix(uri, nobody+"@")
		if strings.EqualFold(host, "service") && isService(get(ch, "variable_sip_req_port")) {
			scheme = "urn:"
		}
	case host == nowhere:
		scheme, uri = "tel:", user
	}
	uri = scheme + strings.ReplaceAll(uri, "%", "%25")
	if params := get(ch, "variable_sip_req_params"); params != "" {
		uri += ";" + params
	}
	c.RequestURI = uri
	if user == nobody || host == nowhere {
		u := sip.ParseURI(uri)
		c.RequestUser, c.Domain = u.User, u.Host
		return
	}
	c.RequestUser, _, _ = strings.Cut(user, ";")
	c.Domain = host
}

// isService tells whether what stands for a port begins the name of a service
// (RFC 5031).
func isService(port string) bool { return port != "" && (port[0] < '0' || port[0] > '9') }

// readFrom reads From as it came: a parameter of the header such as ";user=x"
// overwrites the variable of that name, and PAI and RPID the caller id.
func readFrom(ch Channel) rules.Identity {
	_, other := ch.Lookup("variable_sip_cid_type") // the caller id is of another header
	if full := get(ch, "variable_sip_full_from"); full != "" {
		from := sip.ParseAddress(full)
		id := asserted(&from)
		if !other && id.Verstat == "" {
			id.Verstat = verstat(get(ch, "variable_sip_name_params"))
		}
		return id
	}
	return hiddenFrom(ch, other)
}

// hiddenFrom is what is left of a From with "${" in it, which FreeSWITCH shows in
// no variable: the caller id with "%{" for it, else the parts that have none.
func hiddenFrom(ch Channel, other bool) rules.Identity {
	id := rules.Identity{Host: get(ch, "variable_sip_from_host")}
	user := get(ch, "variable_sip_from_user")
	if !other {
		user = get(ch, "Caller-Username")
		if name := get(ch, "Caller-Caller-ID-Name"); name != user {
			id.Display = name
		}
	}
	if user != nobody {
		id.User, _, _ = strings.Cut(user, ";")
	}
	if id.Host == nowhere {
		id.Host, id.Tel = "", true
	}
	return id
}

// readAsserted reads P-Asserted-Identity. The variable with all of it also takes a
// header P_Asserted_Identity, which no border strips; the first value is known by
// the user that the other variable has, and a second number is believed when the
// first value is no number or the same one.
func readAsserted(ch Channel, c *rules.Call) {
	user := get(ch, "variable_sip_P-Asserted-Identity")
	if user == "" {
		return
	}
	all := array(get(ch, "variable_sip_i_p_asserted_identity"))
	one := sip.ParseAddress(all.next())
	if plain, _, _ := strings.Cut(user, ";"); one.URI.User != plain {
		alone := sip.ParseAddress(user) // p-asserted-id-parse verbatim
		known := !alone.IsZero()
		if !known {
			alone = sip.ParseAddress("tel:" + user)
		}
		if one.URI.User != alone.URI.User {
			c.Asserted[0] = asserted(&alone)
			c.Asserted[0].Tel = known && c.Asserted[0].Tel
			return
		}
	}
	c.Asserted[0] = asserted(&one)
	if _, params, ok := strings.Cut(user, ";"); ok && c.Asserted[0].Verstat == "" {
		c.Asserted[0].Verstat = verstat(params)
	}
	if two := sip.ParseAddress(all.next()); !isNumber(one.URI.User) || two.URI.User == one.URI.User {
		c.Asserted[1] = asserted(&two)
	}
}

// verstat is what the parameters of a user part say; FreeSWITCH cuts them off the
// identity that it shows as the caller's.
func verstat(params string) string {
	if params == "" {
		return ""
	}
	a := sip.ParseAddress("tel:0;" + params)
	return a.Verstat()
}

// asserted is an address with what is said of its number.
func asserted(a *sip.Address) rules.Identity {
	id := identity(a)
	id.Verstat = a.Verstat()
	return id
}

// isNumber tells whether a user part begins as a telephone number does.
func isNumber(user string) bool {
	user = strings.TrimPrefix(user, "+")
	return user != "" && '0' <= user[0] && user[0] <= '9'
}

// isCalling tells whether a Remote-Party-ID is of the caller.
func isCalling(a *sip.Address) bool {
	party, ok := a.Param("party")
	return !ok || strings.EqualFold(party, "calling")
}

// readPrivacy joins the values of Privacy by ";".
func readPrivacy(ch Channel) string {
	value := get(ch, "variable_sip_Privacy")
	if strings.ContainsAny(value, " ,") {
		value = strings.Join(strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == ',' || c == ';' }), ";")
	}
	return value
}

// readDiverting reads who diverted the call last: Diversion, of which sip_h_ has
// the last header and sip_i_ all, else History-Info.
func readDiverting(ch Channel) sip.Address {
	diversion, ok := ch.Lookup("variable_sip_i_diversion")
	if !ok {
		diversion = get(ch, "variable_sip_h_Diversion")
	}
	all := array(diversion)
	for value := range all.each {
		if a := sip.FirstAddress(value); !a.IsZero() {
			return a
		}
	}
	history := array(get(ch, "variable_sip_history_info"))
	if history.rest == "" {
		return sip.Address{}
	}
	return sip.DivertingTarget(history.each)
}

// maxAttestations is how many attestation headers are read. Each is looked for
// among all variables: a caller who writes thousands would use up the time that
// the decision has.
const maxAttestations = 16

// readAttestation joins what the attestation headers say by ",". FreeSWITCH
// numbers the second P-Attestation-Indicator and those after it. Of more than are
// read, the rest counts as the least that can be said.
func readAttestation(ch Channel) (said string) {
	n := 0
	more := func(value string) bool {
		switch {
		case value == "":
			return false
		case n == maxAttestations:
			said += ",C"
			return false
		case n > 0:
			said += ","
		}
		said += value
		n++
		return true
	}
	const indicator = "variable_sip_h_P-Attestation-Indicator"
	for name := indicator; more(get(ch, name)); {
		name = indicator + "-" + strconv.Itoa(n)
	}
	all := array(get(ch, "variable_sip_i_attestation_info"))
	for value := range all.each {
		if value != "" && !more(value) {
			break
		}
	}
	return said
}

// readAttempt is by what calls are told from each other.
func readAttempt(ch Channel) (callID, fromTag string, cseq uint32) {
	callID = get(ch, "variable_sip_call_id")
	if callID == "" {
		callID = get(ch, "Unique-ID")
	}
	return callID, get(ch, "variable_sip_from_tag"), readCSeq(ch)
}

func readCSeq(ch Channel) uint32 {
	value := get(ch, "variable_sip_i_cseq")
	if value == "" {
		value = get(ch, "variable_sip_cseq")
	}
	if value == "" {
		return 0 // it is often absent, and an error takes room
	}
	value, _, _ = strings.Cut(value, " ")
	n, _ := strconv.ParseUint(value, 10, 32)
	return uint32(n)
}

// readSource is where the INVITE came from.
func readSource(ch Channel) (netip.Addr, uint16) {
	a, err := netip.ParseAddr(strings.Trim(get(ch, "variable_sip_network_ip"), "[]"))
	if err != nil {
		a, _ = netip.ParseAddr(strings.Trim(get(ch, "Caller-Network-Addr"), "[]"))
	}
	port, _ := strconv.ParseUint(get(ch, "variable_sip_network_port"), 10, 16)
	return a.Unmap().WithZone(""), uint16(port)
}

// identity is an address as rules know it.
func identity(a *sip.Address) rules.Identity {
	return rules.Identity{User: a.URI.User, Host: a.URI.Host, Display: a.Display, Tel: a.URI.Scheme == sip.Tel}
}
