package main

import (
	"regexp"

	"ringfence/integration/rig"
)

// Where the demo's calls come from; the configuration says which trunks these are.
const (
	outside = "127.0.0.4"
	acme    = "127.0.0.3"
)

// deadNumber is one that the carrier does not know.
const deadNumber = "+12025557199"

// call is one call of the demo and all that must be true of it.
type call struct {
	name   string
	source string
	caller string
	callee string // user of the Request-URI

	rule    string         // rule that must have decided, empty: it passed
	status  string         // status line on the wire
	reason  *regexp.Regexp // Reason header on the wire; nil: none
	arrives bool           // it reaches the carrier
}

const redress603 = `^SIP;cause=603;text="v=analytics1;url=https://redress\.example\.net/calls;id=[0-9a-z]{20}";location=TN$`

// declined is the Reason of a block that analytics had no part in.
var declined = regexp.MustCompile(`^Q\.850;cause=21;text="[^"]+"$`)

var calls = []call{
	{name: "clean call, answered and hung up", source: outside, caller: "+13015557101", callee: "+12025557100",
		status: "SIP/2.0 200 OK", arrives: true},
	{name: "caller on the spam feed", source: outside, caller: "+13035550260", callee: "+12025557100",
		rule: "spam", status: "SIP/2.0 603 Network Blocked", reason: regexp.MustCompile(redress603)},
	{name: "do-not-originate number", source: outside, caller: "+18005550190", callee: "+12025557100",
		rule: "dno", status: "SIP/2.0 603 Decline", reason: declined},
	{name: "customer shows another's number", source: acme, caller: "+13015557101", callee: "+12025557100",
		rule: "acme-screening", status: "SIP/2.0 603 Decline", reason: declined},
	{name: "subscriber refuses this caller", source: outside, caller: "+13015550250", callee: "+12025550220",
		rule: "refused", status: "SIP/2.0 607 Unwanted", reason: declined},
	{name: "unknown number, first call", source: outside, caller: "+13015557101", callee: deadNumber,
		status: "SIP/2.0 404 Not Found", arrives: true},
	{name: "unknown number, second call", source: outside, caller: "+13015557102", callee: deadNumber,
		rule: "dead-number", status: "SIP/2.0 404 Not Found", reason: regexp.MustCompile(`^Q\.850;cause=1;text="[^"]+"$`)},
	{name: "listed caller, emergency call", source: outside, caller: "+13035550260", callee: "911",
		status: "SIP/2.0 200 OK", arrives: true},
}

// answers are the carrier's to numbers that it does not answer.
var answers = map[string]rig.Answer{deadNumber: {Status: "404 Not Found"}}
