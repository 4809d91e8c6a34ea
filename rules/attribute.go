package rules

import "net/netip"

// ValueType is the type of an attribute, an argument or a result in the
// language of rules.
type ValueType uint8

// The value types.
const (
	TextType      ValueType = iota // text; absent is ""
	NumberType                     // a telephone number; absent is ""
	NumberSetType                  // several numbers; a comparison holds when it holds for any of them
	FlagType                       // true or false
	AddressType                    // an IP address
	ListType                       // a list or a learned list, for in and not in
	TimeType                       // a time of day, "HH:MM"
	CountType                      // how many; unknown is no value
	ShareType                      // 0 to 1; unknown is no value
	SpanType                       // a duration, in seconds; unknown is no value
	KeyType                        // what calls are counted by
)

var typeNames = [...]string{"text", "number", "set of numbers", "true or false", "IP address", "list", "time of day", "count", "share", "duration", "key"}

func (t ValueType) String() string { return typeNames[t] }

// Attribute is what a condition can ask about a call.
type Attribute struct {
	Name string
	Type ValueType
	Doc  string

	Kamailio   string // where the adapter for Kamailio takes it from
	FreeSWITCH string // the channel variables that the adapter for FreeSWITCH takes it from
	Example    string // a condition

	text    func(*frame) string
	number  func(*frame) Number
	flag    func(*frame) bool
	address func(*frame) netip.Addr
	measure func(*frame) (value float64, known bool)
	words   []string // all values that text can have; nil: any
	state   string   // what it asks beside the call and the lists, empty for nothing
}

// attributes are all of them, in the order of the documentation.
var attributes = []Attribute{
	{Name: "caller", Type: NumberType, Doc: "the caller: network if there is one, else presentation",
		Kamailio: "P-Asserted-Identity, Remote-Party-ID, From", FreeSWITCH: "as network, else as presentation",
		Example: `caller == "+12122000000"`,
		number:  func(f *frame) Number { return f.call.caller }},
	{Name: "network", Type: NumberType, Doc: "P-Asserted-Identity (tel before sip), else Remote-Party-ID, of a trusted trunk",
		Kamailio: "P-Asserted-Identity, Remote-Party-ID", FreeSWITCH: "sip_P-Asserted-Identity, sip_i_p_asserted_identity (not a second number), sip_Remote-Party-ID",
		Example: `network startsWith "+1212"`,
		number:  func(f *frame) Number { return f.call.network }},
	{Name: "presentation", Type: NumberType, Doc: "the number in From, whoever wrote it",
		Kamailio: "From", FreeSWITCH: "sip_full_from",
		Example: `presentation != network`,
		number:  func(f *frame) Number { return f.call.presentation }},
	{Name: "callers", Type: NumberSetType, Doc: "network, presentation and the E.164 numbers in P-Asserted-Identity and Remote-Party-ID of an untrusted trunk: true when it is true of any of them",
		Kamailio: "P-Asserted-Identity, Remote-Party-ID, From", FreeSWITCH: "as network and presentation",
		Example: `callers in ["+12122000000", "+12122000001"]`},
	{Name: "callee", Type: NumberType, Doc: "the called number, from the request URI",
		Kamailio: "query key ruri", FreeSWITCH: "sip_req_user",
		Example: `callee endsWith "0000"`,
		number:  func(f *frame) Number { return f.call.callee }},
	{Name: "diverted_by", Type: NumberType, Doc: "the party that forwarded the call last: Diversion, else History-Info",
		Kamailio: "Diversion, History-Info", FreeSWITCH: "sip_i_diversion, sip_h_Diversion, sip_history_info",
		Example: `diverted_by != ""`,
		number:  func(f *frame) Number { return f.call.divertedBy }},
	{Name: "display_name", Type: TextType, Doc: "the display name in From",
		Kamailio: "From", FreeSWITCH: "sip_full_from",
		Example: `display_name matches "(?i)^(warranty|irs)\\b"`,
		text:    func(f *frame) string { return f.call.From.Display }},
	{Name: "withheld", Type: FlagType, Doc: "the caller asked not to be shown (RFC 5079 §3, RFC 3323)",
		Kamailio: "From, Privacy", FreeSWITCH: "sip_full_from, sip_Privacy",
		Example: `withheld`,
		flag:    func(f *frame) bool { return f.call.withheld }},
	{Name: "privacy", Type: TextType, Doc: "the values of Privacy, joined by ;",
		Kamailio: "Privacy", FreeSWITCH: "sip_Privacy",
		Example: `privacy contains "critical"`,
		text:    func(f *frame) string { return f.call.Privacy }},
	{Name: "trunk", Type: TextType, Doc: "the trunk that the call came in by, empty when none is configured for it",
		Kamailio: "query key trunk, else found by src", FreeSWITCH: "ringfence_trunk, else found by sip_network_ip",
		Example: `trunk in ["pbx-acme", "carrier-a"]`,
		text: func(f *frame) string {
			if f.call.trunk == nil {
				return ""
			}
			return f.call.trunk.Name
		}},
	{Name: "upstream", Type: TextType, Doc: "the trunk by which the call will go, when the switch knows that already; else empty",
		Kamailio: "query key upstream", FreeSWITCH: "ringfence_upstream",
		Example: `upstream == "carrier-a"`,
		text: func(f *frame) string {
			if f.call.upstream == nil {
				return ""
			}
			return f.call.upstream.Name
		}},
	{Name: "direction", Type: TextType, Doc: "inbound or outbound, as the configuration says of the trunk; empty when it does not",
		Kamailio: "the trunk", FreeSWITCH: "the trunk",
		Example: `direction == "inbound"`, words: []string{"", Inbound.String(), Outbound.String()},
		text: func(f *frame) string {
			if f.call.trunk == nil {
				return ""
			}
			return f.call.trunk.Direction.String()
		}},
	{Name: "source", Type: AddressType, Doc: "the address that sent the INVITE",
		Kamailio: "query key src", FreeSWITCH: "sip_network_ip",
		Example: `source == "192.0.2.7"`,
		address: func(f *frame) netip.Addr { return f.call.Source.Unmap().WithZone("") }},
	{Name: "account", Type: TextType, Doc: "the authenticated account, as the switch says",
		Kamailio: "query key account", FreeSWITCH: "ringfence_account",
		Example: `account == "alice"`,
		text:    func(f *frame) string { return f.call.Account }},
	{Name: "domain", Type: TextType, Doc: "the host of the request URI",
		Kamailio: "query key ruri", FreeSWITCH: "sip_req_host",
		Example: `domain == "example.net"`,
		text:    func(f *frame) string { return f.call.Domain }},
	{Name: "user_agent", Type: TextType, Doc: "User-Agent",
		Kamailio: "User-Agent", FreeSWITCH: "sip_user_agent",
		Example: `user_agent startsWith "friendly-scanner"`,
		text:    func(f *frame) string { return f.call.UserAgent }},
	{Name: "attestation", Type: TextType, Doc: "A, B or C, as a trusted trunk says of the caller's number; else none",
		Kamailio: "P-Attestation-Indicator, Attestation-Info, verstat", FreeSWITCH: "sip_h_P-Attestation-Indicator, sip_i_attestation_info, verstat as verification",
		Example: `attestation in ["C", "none"]`, words: attestationWords[:],
		text: func(f *frame) string { return f.vouched().attestation.String() }},
	{Name: "verification", Type: TextType, Doc: "passed or failed, as a trusted trunk says of the caller's signature; else none",
		Kamailio: "verstat of P-Asserted-Identity, else of From", FreeSWITCH: "verstat in sip_i_p_asserted_identity, sip_P-Asserted-Identity, else in sip_full_from, sip_name_params",
		Example: `verification == "failed"`, words: verificationWords[:],
		text: func(f *frame) string { return f.vouched().verification.String() }},
	{Name: "signer", Type: TextType, Doc: "the origination id of whoever signed the call, as a trusted trunk says; else empty",
		Kamailio: "P-Origination-ID, else Origination-Id", FreeSWITCH: "sip_h_P-Origination-ID, else sip_i_origination_id",
		Example: `signer == "3a47ca23-d7ab-446b-821d-33d5deedbed4"`,
		text:    (*frame).signer},
	{Name: "score", Type: CountType, Doc: "what rules before this one gave by score:, from -1000 to 1000; 0 when none did",
		Kamailio: "the rule files", FreeSWITCH: "the rule files",
		Example: "score >= 80", state: whatRulesGave,
		measure: func(f *frame) (float64, bool) { return float64(scoreOf(f.points)), true }},
}

// Attributes are all attributes of a call that a condition can ask about.
func Attributes() []Attribute { return append([]Attribute(nil), attributes...) }

func attributeNamed(name string) *Attribute {
	for i := range attributes {
		if attributes[i].Name == name {
			return &attributes[i]
		}
	}
	return nil
}

func attributeNames() []string {
	names := make([]string, len(attributes))
	for i := range attributes {
		names[i] = attributes[i].Name
	}
	return names
}

// operand is the attribute as what a test looks at.
func (a *Attribute) operand() *operand {
	return &operand{source: a.Name, typ: a.Type, text: a.text, number: a.number, address: a.address, measure: a.measure,
		set: a.Type == NumberSetType, what: a.Name, words: a.words, state: a.state}
}
