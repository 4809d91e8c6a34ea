package sidecar

import (
	"ringfence/rules"
	"ringfence/rules/schema"
)

// What values are made of.
const (
	addressPattern = `^.*:[0-9]{1,5}$`
	sizePattern    = `^[0-9.]+ *([KMGkmg]?[Bb]|[KMGkmg][Ii][Bb])?$`
	periodPattern  = `^([0-9]+d|([0-9.]+(ns|us|µs|ms|s|m|h))+)$`
	countPattern   = `^[0-9_]+$`
	sharePattern   = `^[0-9]+(\.[0-9]+)?%$`
)

// ConfigSchema is that of the configuration file. A key without a value keeps
// its default.
func ConfigSchema() *schema.Schema {
	text, flag := schema.Text, schema.Flag
	size := func(doc string) *schema.Schema { return schema.Pattern(doc, sizePattern) }
	period := func(doc string) *schema.Schema { return schema.Pattern(doc, periodPattern) }
	count := func(doc string) *schema.Schema { return schema.Pattern(doc, countPattern) }
	answer := func(doc string) *schema.Schema {
		return &schema.Schema{Description: doc, Enum: []any{603, 403, "603", "403"}}
	}
	root := optional("", schema.Keys{
		{Name: "listen", Value: schema.Pattern("where the switch asks, host:port", addressPattern)},
		{Name: "admin", Value: optional("metrics, status, reload", schema.Keys{
			{Name: "listen", Value: schema.Pattern("host:port", addressPattern)},
			{Name: "token_file", Value: text("file with the bearer token; needed off loopback, and for changes by HTTP")},
			{Name: "hosts", Value: schema.Some("further names that a Host header may carry", text(""))},
		})},
		{Name: "clients", Value: schema.Some("networks that the decision listeners answer", schema.Pattern("", rules.NetworkPattern))},
		{Name: "socket", Value: optional("of FreeSWITCH's socket application", schema.Keys{
			{Name: "listen", Value: schema.Pattern("host:port; off unless given", addressPattern)},
			{Name: "deadline", Value: period("of one call; beyond it the call goes on")},
			{Name: "connections", Value: count("open at once; those beyond are closed, and their calls go on")},
		})},
		{Name: "freeswitch", Value: schema.Some("FreeSWITCHes whose events are read", optional("", schema.Keys{
			{Name: "name", Needed: true, Value: text("in metrics, status and log")},
			{Name: "address", Needed: true, Value: schema.Pattern("of its event socket, host:port", addressPattern)},
			{Name: "password_file", Needed: true, Value: text("file with the password of event_socket.conf.xml, closed to others")},
		}))},
		{Name: "mode", Value: schema.Word("enforce, or monitor: record what would have happened, alter nothing", rules.Enforce.String(), rules.Monitor.String())},
		{Name: "profile", Value: schema.Word("the table of SIP answers", "us")},
		{Name: "rules", Needed: true, Value: schema.Some("rule files and folders, in order", text(""))},
		{Name: "test_before_load", Value: flag("true: load rules only when their tests pass")},
		{Name: "redress", Value: optional("how a caller blocked by analytics can complain; needed by rules that block for it", rules.RedressKeys)},
		{Name: "answers", Value: optional("SIP statuses where there is a choice", schema.Keys{
			{Name: rules.DNO.String(), Value: answer("of do-not-originate numbers")},
			{Name: rules.Administrative.String(), Value: answer("of numbers that are not the customer's")},
		})},
		{Name: "emergency", Value: schema.Some("emergency numbers beside the built-in ones", text(""))},
		{Name: "country", Value: schema.Pattern("how national numbers are read of calls without a trunk, or whose trunk has no country", `^[A-Za-z]{2}$`)},
		{Name: "trunks", Value: schema.Some("connections to carriers, customers and PBXs", optional("", rules.TrunkKeys))},
		{Name: "state", Value: text("folder of what outlives a restart")},
		{Name: "journal", Value: optional("of stopped calls", schema.Keys{
			{Name: "file", Value: text("journal.jsonl in the state folder unless set")},
			{Name: "max_size", Value: size("of one file")},
			{Name: "keep", Value: count("rotated files beside it")},
			{Name: "queue", Value: count("stopped calls not yet written")},
		})},
		{Name: "health", Value: &schema.Schema{Description: "of carriers, trunks and accounts, or off", AnyOf: []*schema.Schema{{Enum: []any{"off"}}, optional("", schema.Keys{
			{Name: "window", Value: period("that is judged; it moves on in fifths")},
			{Name: "min", Value: count("calls over within it, or it is not judged")},
			{Name: "answer_rate_drop", Value: schema.Pattern("below what is usual, as in 50%, then an alarm begins", sharePattern)},
			{Name: "block_share", Value: schema.Pattern("of calls that come back as unwanted, as in 5%, then an alarm begins", sharePattern)},
			{Name: "short", Value: period("an answered call below it is short")},
			{Name: "short_share", Value: schema.Pattern("of answered calls, as in 60%, then an alarm begins", sharePattern)},
			{Name: "slow_down", Value: period("how long slowed(account) or slowed(trunk) holds of who caused an alarm of a carrier; off unless given")},
		})}}},
		{Name: "alerts", Value: optional("who is told of what needs an operator", schema.Keys{
			{Name: "log", Value: flag("each is a line of the log")},
			{Name: "every", Value: period("the same is not told again within it")},
			{Name: "webhook", Value: optional("who is told by HTTP, signed", schema.Keys{
				{Name: "url", Needed: true, Value: schema.Pattern("https address", `^https?://`)},
				{Name: "secret_file", Needed: true, Value: text("file with the secret that requests are signed with, closed to others")},
			})},
		})},
		{Name: "cache", Value: &schema.Schema{Description: "bytes for candidate rules and number facts, as in 64MB, or off", AnyOf: []*schema.Schema{
			{Enum: []any{"off"}}, size(""), optional("", schema.Keys{{Name: "size", Value: &schema.Schema{AnyOf: []*schema.Schema{{Enum: []any{"off"}}, size("")}}}})}}},
		{Name: "pending", Value: count("decisions whose outcome is awaited")},
		{Name: "max_call_age", Value: period("after which a call is over of which no switch says that it goes on")},
		{Name: "state_memory", Value: size("of what calls did, by caller, callee and whatever else rules ask about")},
		{Name: "learned_max", Value: count("numbers in one learned list")},
		{Name: "live_max", Value: count("live changes of one list")},
		{Name: "max_body", Value: size("of a request to the decision listener")},
		{Name: "timeouts", Value: optional("of the decision listener's connections, and of a stop", schema.Keys{
			{Name: "idle", Value: period("between two requests of a connection")},
			{Name: "read", Value: period("of one request")},
			{Name: "write", Value: period("of one answer")},
			{Name: "stop", Value: period("for what is in flight when the daemon stops")},
		})},
		{Name: "log", Value: optional("what the log tells", schema.Keys{
			{Name: "level", Value: schema.Word("", "debug", "info", "warn", "error")},
			{Name: "format", Value: schema.Word("", "text", "json")},
			{Name: "numbers", Value: schema.Word("telephone numbers", "masked", "full")},
		})},
	})
	return schema.Root("config", "ringfence configuration", root)
}

// optional is a mapping in which a key may be left without a value.
func optional(doc string, keys schema.Keys) *schema.Schema {
	values := make(schema.Keys, len(keys))
	for i, k := range keys {
		values[i] = k
		if !k.Needed {
			values[i].Value = schema.OrNothing(k.Value)
		}
	}
	return schema.Object(doc, values)
}

// Schemas are those of all files that people write, by their short names.
func Schemas() map[string]func() *schema.Schema {
	return map[string]func() *schema.Schema{"rules": rules.RuleSchema, "test": rules.TestSchema, "calendar": rules.CalendarSchema, "config": ConfigSchema}
}
