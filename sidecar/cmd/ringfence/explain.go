package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ringfence/sidecar"
)

type explain struct {
	located
	Caller  string   `required:"" placeholder:"NUMBER" help:"Calling number, user or URI of From."`
	Callee  string   `required:"" placeholder:"NUMBER" help:"Called number, user or Request-URI."`
	Trunk   string   `placeholder:"NAME" help:"Trunk, as the switch names it."`
	Source  string   `placeholder:"ADDRESS" help:"Address that sent the call to the switch; finds the trunk when none is named."`
	Account string   `placeholder:"NAME" help:"Authenticated account."`
	Display string   `placeholder:"TEXT" help:"Display name of From."`
	PAI     []string `name:"pai" sep:"none" placeholder:"NUMBER" help:"P-Asserted-Identity: number, user or URI; can be repeated."`
	Header  []string `sep:"none" placeholder:"NAME: VALUE" help:"Any other header; can be repeated."`
	JSON    bool     `name:"json" help:"Print the explanation as JSON."`
}

// Help is what --help adds.
func (explain) Help() string {
	return `Loads configuration, rules and what was learned, as the daemon would, and prints each rule with
what it asked, the rule that decided, and the SIP answer. Nothing is recorded.

Exit codes: 0 explained, whatever the verdict; 1 the configuration or a rule does not load.

Examples:
  ringfence explain --caller +13035550260 --callee +12025557100
  ringfence explain --caller +13035550260 --callee +12025557100 --source 192.0.2.7 --json
  ringfence explain --caller anonymous --callee 2001 --trunk pbx --header 'Privacy: id'`
}

// Run explains.
func (e explain) Run(t *terminal) error {
	form, err := e.form()
	if err != nil {
		return err
	}
	c, err := sidecar.LoadConfig(e.file())
	if err != nil {
		return err
	}
	x, err := c.Explain(form, time.Now())
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

// form is the call as the decision endpoint takes it.
func (e explain) form() (url.Values, error) {
	from := e.Caller
	if e.Display != "" {
		if !strings.Contains(from, ":") {
			user, host, _ := strings.Cut(from, "@")
			from = "sip:" + user + "@" + host
		}
		from = strconv.Quote(e.Display) + " <" + from + ">"
	}
	form := url.Values{"call_id": {"explain"}, "from": {from}, "to": {e.Callee}, "ruri": {e.Callee}, "pai": e.PAI}
	for key, value := range map[string]string{"trunk": e.Trunk, "src": e.Source, "account": e.Account} {
		if value != "" {
			form.Set(key, value)
		}
	}
	for _, h := range e.Header {
		name, value, ok := strings.Cut(h, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("--header %q is no header (write 'Name: value')", h)
		}
		form.Add("header."+strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return form, nil
}
