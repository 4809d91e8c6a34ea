package main

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"ringfence/sidecar"
)

type explain struct {
	located
	Caller       string   `required:"" xor:"caller" placeholder:"NUMBER" help:"Calling number, user or URI of From."`
	Callee       string   `required:"" xor:"callee" placeholder:"NUMBER" help:"Called number, user or Request-URI."`
	Message      string   `required:"" xor:"caller,callee" placeholder:"FILE" help:"SIP request as it was received, - for standard input, in place of --caller and --callee."`
	Trunk        string   `placeholder:"NAME" help:"Trunk, as the switch names it."`
	Source       string   `placeholder:"ADDRESS" help:"Address that sent the call to the switch; finds the trunk when none is named."`
	Upstream     string   `placeholder:"NAME" help:"Trunk or address by which the call will go, when the switch knows that already."`
	Account      string   `placeholder:"NAME" help:"Authenticated account."`
	Display      string   `placeholder:"TEXT" help:"Display name of From."`
	PAI          []string `name:"pai" sep:"none" placeholder:"NUMBER" help:"P-Asserted-Identity: number, user or URI; can be repeated."`
	Attestation  string   `enum:",A,B,C,none" default:"" placeholder:"A|B|C" help:"What the trunk attests; counts when it is trusted."`
	Verification string   `enum:",passed,failed,none" default:"" placeholder:"passed|failed" help:"What became of the caller's signature, as the trunk says; counts when it is trusted."`
	Header       []string `sep:"none" placeholder:"NAME: VALUE" help:"Any other header; can be repeated."`
	At           string   `placeholder:"TIME" help:"When the call comes: 2026-11-22T03:00:00Z, or 2026-11-22 03:00 by this machine's clock (default: now)."`
	JSON         bool     `name:"json" help:"Print the explanation as JSON."`
}

// Help is what --help adds.
func (explain) Help() string {
	return `Loads configuration and rules, and from the state folder what was learned, what calls did and
what was reported, as the daemon saved it some seconds ago. Prints each rule with what it asked, the rule that decided, and the SIP answer. Nothing is recorded.

Exit codes: 0 explained, whatever the verdict; 1 the configuration or a rule does not load.

Examples:
  ringfence explain --caller +13035550260 --callee +12025557100
  ringfence explain --caller +13035550260 --callee +12025557100 --source 192.0.2.7 --json
  ringfence explain --caller anonymous --callee 2001 --trunk pbx-acme --header 'Privacy: id'
  ringfence explain --caller +13035550260 --callee +12025557100 --trunk carrier-a --attestation C --at '2026-11-22 03:00'
  ringfence explain --message invite.sip --source 192.0.2.7`
}

// Run explains.
func (e explain) Run(t *terminal) error {
	at, err := e.at(time.Now())
	if err != nil {
		return err
	}
	question, err := e.question()
	if err != nil {
		return err
	}
	c, err := sidecar.LoadConfig(e.file())
	if err != nil {
		return err
	}
	x, err := c.Explain(question, at)
	if err != nil {
		return err
	}
	for i := range x.Rules {
		x.Rules[i].File = short(x.Rules[i].File)
		if row := x.Rules[i].Row; row != nil {
			row.File = short(row.File)
		}
	}
	if e.JSON {
		return printJSON(t.out, x)
	}
	_, err = fmt.Fprint(t.out, x)
	return err
}

// at is when the call comes.
func (e explain) at(now time.Time) (time.Time, error) {
	if e.At == "" {
		return now, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, e.At, time.Local); err == nil {
			return at, nil
		}
	}
	return now, misused("--at %q is no time (write 2026-11-22T03:00:00Z or '2026-11-22 03:00')", e.At)
}

// question is the call as the decision endpoint takes it.
func (e explain) question() (q sidecar.Question, err error) {
	if e.Source != "" {
		if _, err := netip.ParseAddr(e.Source); err != nil {
			return q, misused("--source: %q is no IP address (as in 192.0.2.7 or 2001:db8::7)", e.Source)
		}
	}
	q.Query = url.Values{}
	for key, value := range map[string]string{"trunk": e.Trunk, "src": e.Source, "account": e.Account, "upstream": e.Upstream} {
		if value != "" {
			q.Query.Set(key, value)
		}
	}
	if e.Message == "" {
		q.Form, err = e.form()
		return q, err
	}
	if e.Display != "" || len(e.PAI) > 0 || len(e.Header) > 0 || e.Attestation != "" || e.Verification != "" {
		return q, misused("--message holds the call already (write its headers there, and leave --display, --pai, --header, --attestation and --verification out)")
	}
	if e.Message == "-" {
		q.SIP, err = io.ReadAll(os.Stdin)
	} else {
		q.SIP, err = os.ReadFile(e.Message)
	}
	return q, err
}

// form is the call by its parts.
func (e explain) form() (url.Values, error) {
	from, pai := e.Caller, append([]string(nil), e.PAI...)
	if verstat := map[string]string{"passed": "TN-Validation-Passed", "failed": "TN-Validation-Failed", "none": "No-TN-Validation"}[e.Verification]; verstat != "" {
		if len(pai) > 0 {
			pai[0] = address(pai[0], verstat)
		} else {
			from = address(from, verstat)
		}
	}
	if e.Display != "" {
		from = quoted(e.Display) + " <" + strings.Trim(address(from, ""), "<>") + ">"
	}
	form := url.Values{"call_id": {"explain"}, "from": {from}, "to": {e.Callee}, "ruri": {e.Callee}, "pai": pai}
	if e.Attestation != "" && e.Attestation != "none" {
		form.Set("header.P-Attestation-Indicator", e.Attestation)
	}
	for _, h := range e.Header {
		name, value, ok := strings.Cut(h, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, misused("--header %q is no header (write 'Name: value')", h)
		}
		form.Add("header."+strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return form, nil
}

// quoted is a display name as SIP writes it (RFC 3261 section 25.1,
// quoted-string).
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// address is a number, user or URI as an address with a verstat parameter,
// unless that is empty.
func address(s, verstat string) string {
	if verstat != "" {
		verstat = ";verstat=" + verstat
	}
	if before, after, ok := strings.Cut(s, ">"); ok {
		return before + verstat + ">" + after
	}
	if !strings.Contains(s, ":") {
		user, host, _ := strings.Cut(s, "@")
		s = "sip:" + user + "@" + host
	}
	return "<" + s + verstat + ">"
}
