package rules

import "github.com/expr-lang/expr/ast"

// Function is what a condition can call. A function is one entry of the table:
// what it is called, what it takes, and how a call of it is lowered.
type Function struct {
	Name      string
	Signature string
	Result    ValueType // FlagType: it is a condition; ListType: for in and not in
	Doc       string
	Example   string // a condition

	Kamailio   string // where the adapter for Kamailio takes it from
	FreeSWITCH string // the channel variables that the adapter for FreeSWITCH takes it from

	// State is what it asks beside the call and the lists, such as the clock;
	// empty for a pure function. What has a state is asked last and is in no
	// index.
	State string

	least, most int // arguments
	test        func(l *lowering, n *ast.CallNode, fn *Function) *condition
	value       func(l *lowering, n *ast.CallNode, fn *Function) *operand
	words       []string // all values that text can have; nil: any
}

// What functions ask beside the call and the lists.
const (
	theClock      = "the clock"
	whatLearned   = "what was learned"
	whatBlocked   = "what carriers blocked"
	whatUsers     = "what users reported"
	whatSlowed    = "what is slowed"
	whatRulesGave = "the rules before"
)

// functions are all of them, in the order of the documentation.
var functions []Function

// The table names methods that look functions up in it.
func init() {
	functions = []Function{
		{Name: "list", Signature: `list("name")`, Result: ListType, Doc: `a list, for in and not in; of a list per subscriber list("name", callee)`,
			Kamailio: "the rule files", FreeSWITCH: "the rule files",
			Example: `callers in list("spam")`, least: 1, most: 2},
		{Name: "learned", Signature: `learned("name")`, Result: ListType, Doc: `a learned list, for in and not in; of one per subscriber learned("name", callee)`,
			Kamailio: "what became of calls", FreeSWITCH: "what became of calls",
			Example: `callee in learned("not-found")`, State: whatLearned, least: 1, most: 2},
		{Name: "country", Signature: "country(number)", Doc: "ISO 3166-1 country of a number, empty when it has none",
			Kamailio: "the digits", FreeSWITCH: "the digits",
			Example: `country(callers) in ["US", "CA"]`, least: 1, most: 1, value: (*lowering).projection},
		{Name: "kind", Signature: "kind(number)", Doc: "mobile, fixed, fixed-or-mobile, toll-free, premium, shared-cost, voip, personal, pager, uan, voicemail, unknown, or private for an extension; empty when there is no number",
			Kamailio: "the digits", FreeSWITCH: "the digits",
			Example: `kind(callee) == "premium"`, least: 1, most: 1, value: (*lowering).projection, words: append([]string{""}, kinds...)},
		{Name: "valid", Signature: "valid(number)", Result: FlagType, Doc: "the number can exist in its numbering plan; neither valid nor invalid: absent, extensions and short codes",
			Kamailio: "the digits", FreeSWITCH: "the digits",
			Example: `valid(caller)`, least: 1, most: 1, test: (*lowering).validity},
		{Name: "invalid", Signature: "invalid(number)", Result: FlagType, Doc: "the number cannot exist in its numbering plan",
			Kamailio: "the digits", FreeSWITCH: "the digits",
			Example: `invalid(callers)`, least: 1, most: 1, test: (*lowering).validity},
		{Name: "pattern", Signature: `pattern(number, "+1NXX555XXXX")`, Result: FlagType, Doc: "the number fits the pattern, written as an entry of a list: N is 2 to 9, X any digit, * at the end more digits; also a range",
			Kamailio: "the digits", FreeSWITCH: "the digits",
			Example: `pattern(callers, "+1NXX555XXXX")`, least: 2, most: 2, test: (*lowering).pattern},
		{Name: "neighbour", Signature: "neighbour(number, number, digits)", Result: FlagType, Doc: "both are E.164 numbers of one calling code with the same first national digits; 6 are area code and exchange of a NANP number",
			Kamailio: "the digits", FreeSWITCH: "the digits",
			Example: `neighbour(callers, callee, 6)`, least: 3, most: 3, test: (*lowering).neighbour},
		{Name: "weekday", Signature: "weekday(number)", Doc: "sun, mon, tue, wed, thu, fri or sat where the number is; of several time zones any counts",
			Kamailio: "the digits, the time of the call", FreeSWITCH: "the digits, the time of the call",
			Example: `weekday(callee) in ["sat", "sun"]`, State: theClock, least: 1, most: 1, value: (*lowering).clock, words: weekdays[:]},
		{Name: "local_time", Signature: "local_time(number)", Result: TimeType, Doc: "the time of day where the number is, for == != < <= > >=; of several time zones any counts",
			Kamailio: "the digits, the time of the call", FreeSWITCH: "the digits, the time of the call",
			Example: `local_time(callee) < "08:00" or local_time(callee) >= "21:00"`, State: theClock, least: 1, most: 1, value: (*lowering).clock},
		{Name: "permitted", Signature: `permitted(number, "calendar")`, Result: FlagType, Doc: "the calendar permits calls to the number now, in every time zone in which it can lie; also a number of another country, and one that is no place, such as a toll-free one",
			Kamailio: "the digits, the time of the call", FreeSWITCH: "the digits, the time of the call",
			Example: `not permitted(callee, "us-federal")`, State: theClock, least: 2, most: 2, test: (*lowering).permitted},
		{Name: "header", Signature: `header("Name")`, Doc: "the first value of a header of the request, empty when it is absent",
			Kamailio: "the request", FreeSWITCH: "sip_h_NAME, sip_i_NAME",
			Example: `header("X-Campaign") == "spring"`, least: 1, most: 1, value: (*lowering).header},
		{Name: "blocked_upstream", Signature: `blocked_upstream(number, "7d")`, Result: CountType, Doc: "how often carriers stopped the number's calls by analytics (603+, 608) within the window, at most 30d; it counts to 64; of callers the most",
			Kamailio: "what became of calls", FreeSWITCH: "what became of calls",
			Example: `blocked_upstream(caller, "7d") >= 3`, State: whatBlocked, least: 2, most: 2, value: (*lowering).blockedUpstream},
		{Name: "reports", Signature: `reports(number, "30d")`, Result: CountType, Doc: "how many users reported the number (ringfence report add) within the window, at most 90d; it counts to 64; of callers the most",
			Kamailio: "reports", FreeSWITCH: "reports",
			Example: `reports(callers, "30d") >= 5`, State: whatUsers, least: 2, most: 2, value: (*lowering).reported},
		{Name: "slowed", Signature: "slowed(account)", Result: FlagType, Doc: "the account, or trunk, is slowed down for a while because its calls caused an alarm of a carrier",
			Kamailio: "what became of calls", FreeSWITCH: "what became of calls",
			Example: `slowed(account)`, State: whatSlowed, least: 1, most: 1, test: (*lowering).slowdown},
		{Name: "cidr", Signature: `cidr(source, "10.0.0.0/8")`, Result: FlagType, Doc: "the address lies in the network",
			Kamailio: "the address", FreeSWITCH: "the address",
			Example: `cidr(source, "192.0.2.0/24")`, least: 2, most: 2, test: (*lowering).cidr},
	}
	functions = append(functions, signals()...)
}

// Functions are all functions that a condition can call.
func Functions() []Function { return append([]Function(nil), functions...) }

func functionNamed(name string) *Function {
	for i := range functions {
		if functions[i].Name == name {
			return &functions[i]
		}
	}
	return nil
}

func functionNames() []string {
	names := make([]string, len(functions))
	for i := range functions {
		names[i] = functions[i].Name
	}
	return names
}
