package rules

import (
	"net/netip"
	"strings"
)

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
)

var typeNames = [...]string{"text", "number", "set of numbers", "true or false", "IP address", "list"}

func (t ValueType) String() string { return typeNames[t] }

// Attribute is what a condition can ask about a call.
type Attribute struct {
	Name string
	Type ValueType
	Doc  string

	text    func(*frame) string
	number  func(*frame) Number
	flag    func(*frame) bool
	address func(*frame) netip.Addr
}

// attributes are all of them, in the order of the documentation.
var attributes = []Attribute{
	{Name: "caller", Type: NumberType, Doc: "the caller: network if there is one, else presentation",
		number: func(f *frame) Number { return f.call.caller }},
	{Name: "network", Type: NumberType, Doc: "P-Asserted-Identity (tel before sip), else Remote-Party-ID, of a trusted trunk",
		number: func(f *frame) Number { return f.call.network }},
	{Name: "presentation", Type: NumberType, Doc: "the number in From, whoever wrote it",
		number: func(f *frame) Number { return f.call.presentation }},
	{Name: "callers", Type: NumberSetType, Doc: "network, presentation and the E.164 numbers in P-Asserted-Identity and Remote-Party-ID of an untrusted trunk: true when it is true of any of them"},
	{Name: "callee", Type: NumberType, Doc: "the called number, from the request URI",
		number: func(f *frame) Number { return f.call.callee }},
	{Name: "diverted_by", Type: NumberType, Doc: "the party that forwarded the call last: Diversion, else History-Info",
		number: func(f *frame) Number { return f.call.divertedBy }},
	{Name: "display_name", Type: TextType, Doc: "the display name in From",
		text: func(f *frame) string { return f.call.From.Display }},
	{Name: "withheld", Type: FlagType, Doc: "the caller asked not to be shown (RFC 5079 §3, RFC 3323)",
		flag: func(f *frame) bool { return f.call.withheld }},
	{Name: "privacy", Type: TextType, Doc: "the values of Privacy, joined by ;",
		text: func(f *frame) string { return f.call.Privacy }},
	{Name: "trunk", Type: TextType, Doc: "the trunk that the call came in by, empty when none is configured for it",
		text: func(f *frame) string {
			if f.call.trunk == nil {
				return ""
			}
			return f.call.trunk.Name
		}},
	{Name: "source", Type: AddressType, Doc: "the address that sent the INVITE",
		address: func(f *frame) netip.Addr { return f.call.Source.Unmap().WithZone("") }},
	{Name: "account", Type: TextType, Doc: "the authenticated account, as the switch says",
		text: func(f *frame) string { return f.call.Account }},
	{Name: "domain", Type: TextType, Doc: "the host of the request URI",
		text: func(f *frame) string { return f.call.Domain }},
	{Name: "user_agent", Type: TextType, Doc: "User-Agent",
		text: func(f *frame) string { return f.call.UserAgent }},
}

// Function is what a condition can call.
type Function struct {
	Name      string
	Signature string
	Doc       string

	arguments int
}

// functions are all of them, in the order of the documentation.
var functions = []Function{
	{"list", `list("name")`, "a list, for in and not in", 1},
	{"learned", `learned("name")`, "a learned list, for in and not in", 1},
	{"country", "country(number)", "ISO country of a number, empty when it has none", 1},
	{"kind", "kind(number)", "mobile, fixed, toll-free, premium and so on", 1},
	{"valid", "valid(number)", "the number can exist in its numbering plan; neither valid nor invalid: absent, extensions and short codes", 1},
	{"invalid", "invalid(number)", "the number cannot exist in its numbering plan", 1},
	{"header", `header("Name")`, "the first value of a header of the request, empty when it is absent", 1},
	{"cidr", `cidr(source, "10.0.0.0/8")`, "the address lies in the network", 2},
}

// Attributes are all attributes of a call that a condition can ask about.
func Attributes() []Attribute { return append([]Attribute(nil), attributes...) }

// Functions are all functions that a condition can call.
func Functions() []Function { return append([]Function(nil), functions...) }

func attributeNamed(name string) *Attribute {
	for i := range attributes {
		if attributes[i].Name == name {
			return &attributes[i]
		}
	}
	return nil
}

func functionNamed(name string) *Function {
	for i := range functions {
		if functions[i].Name == name {
			return &functions[i]
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

func functionNames() []string {
	names := make([]string, len(functions))
	for i := range functions {
		names[i] = functions[i].Name
	}
	return names
}

// operand is a value that a test looks at.
type operand struct {
	source string // as canonical text; equal texts are equal values
	typ    ValueType

	text    func(*frame) string
	number  func(*frame) Number         // of NumberType; nil for callers
	project func(*frame, Number) string // text made of number or callers: country, kind
	address func(*frame) netip.Addr
	numbers string // source of the number or set that is projected
	set     bool   // number or set of numbers: callers
}

// isNumber tells whether tests look at numbers, or at text made of them.
func (o *operand) isNumber() bool { return o.number != nil || o.set }

// any calls test with the number, or with those of the set until one holds.
func (o *operand) any(test func(*frame, Number) bool) func(*frame) bool {
	if !o.set {
		read := o.number
		return func(f *frame) bool { return test(f, read(f)) }
	}
	return func(f *frame) bool {
		for _, n := range f.callers() {
			if test(f, n) {
				return true
			}
		}
		return false
	}
}

// show is the value in words, for explanations.
func (o *operand) show(f *frame) string {
	if !o.isNumber() {
		if o.address != nil {
			if a := o.address(f); a.IsValid() {
				return a.String()
			}
			return ""
		}
		return o.text(f)
	}
	var all []string
	one := func(n Number) {
		switch {
		case o.project != nil:
			all = append(all, o.project(f, n))
		case !n.IsZero():
			all = append(all, n.String())
		}
	}
	if !o.set {
		one(o.number(f))
		return strings.Join(all, ", ")
	}
	for _, n := range f.callers() {
		one(n)
	}
	return strings.Join(all, ", ")
}
