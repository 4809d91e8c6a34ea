package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// opaCall is one call as both are asked about it: its JSON is OPA's input.
type opaCall struct {
	Caller  string `json:"caller"`
	Callee  string `json:"callee"`
	Trunk   string `json:"trunk"`
	Account string `json:"account"`
}

// opaKind is the i-th mixture of what is not the caller: half of the calls come
// from a carrier, half from a customer behind a trunk, and few are to a number
// that a rule names.
func opaKind(i int) opaCall {
	c := opaCall{Callee: fmt.Sprintf("+1212555%04d", 7_000+i*37%1_000), Trunk: "carrier-a"}
	if i%2 == 1 {
		c.Trunk, c.Account = fmt.Sprintf("pbx-%d", i%opaTrunks), fmt.Sprintf("customer-%d", i*91%opaAccounts)
	}
	if i%50 == 0 {
		c.Callee = fmt.Sprintf("+1216557%04d", i*7%opaRules)
	}
	return c
}

// opaCalls are n calls whose callers do not repeat, every tenth on the list.
func opaCalls(n int) []opaCall {
	all := make([]opaCall, n)
	who := callers{listed: 10, size: opaListed}
	digits := []byte(callerMark)
	for i := range all {
		who.next(digits, []int{0})
		all[i] = opaKind(i)
		all[i].Caller = "+1" + string(digits)
	}
	return all
}

// sampleOf are calls of the load, and for every rule a call that it matches.
func sampleOf(policy []opaRule) []opaCall {
	all := opaCalls(1_000)
	for i, r := range policy {
		c := opaCall{Caller: number(uint64(i)*977 | 1), Callee: "+12125557100", Trunk: "carrier-a"}
		switch {
		case r.listed:
			c.Caller = opaListedAt(uint64(i))
		case r.prefix != "":
			c.Caller = r.prefix + "77"
		case r.callee != "":
			c.Callee = r.callee
		default:
			c.Trunk, c.Account = r.trunk, r.account
		}
		all = append(all, c)
	}
	return all
}

// askRingfence posts the INVITE of the call, as Kamailio would.
func (c opaCall) askRingfence(address string) *http.Request {
	q := url.Values{"src": {"127.0.0.9"}, "port": {"5060"}, "ruri": {"sip:" + c.Callee + "@127.0.0.1"}, "trunk": {c.Trunk}}
	if c.Account != "" {
		q.Set("account", c.Account)
	}
	invite := bytes.ReplaceAll(invite700("127.0.0.9:5060"), []byte("+12125557100"), []byte(c.Callee))
	return post("http://"+address+"/kamailio/call?"+q.Encode(), "application/sip", bytes.ReplaceAll(invite, []byte(callerMark), []byte(c.Caller[2:])))
}

// askOPA asks for the decision document with the call as input.
func (c opaCall) askOPA(address string) *http.Request {
	body, err := json.Marshal(map[string]opaCall{"input": c})
	if err != nil {
		panic(err) // strings only
	}
	return post("http://"+address+"/v1/data/ringfence/decision", "application/json", body)
}

func post(target, kind string, body []byte) *http.Request {
	r, err := http.NewRequest(http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		panic(err) // made of constants
	}
	r.Header.Set("Content-Type", kind)
	return r
}

// callLines are the calls as JSON, one a line.
func callLines(calls []opaCall) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, c := range calls {
		if err := e.Encode(c); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// requestsOf are the requests of the load, one for each of a hundred mixtures.
func requestsOf(address string, ask func(opaCall, string) *http.Request) []request {
	all := make([]request, 100)
	for i := range all {
		c := opaKind(i)
		c.Caller = "+1" + callerMark
		r := ask(c, address)
		r.Header.Set("User-Agent", "")
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			panic(err) // a buffer takes all
		}
		all[i] = request{text: b.Bytes(), at: marks(b.Bytes(), callerMark)}
	}
	return all
}

// isResult accepts an answer of OPA's Data API that holds a decision.
func isResult(body []byte) error {
	if !bytes.Contains(body, []byte(`"action":"`)) {
		return fmt.Errorf("not a decision: %q", body)
	}
	return nil
}

// sameVerdicts asks both about every call of the sample and fails when an answer
// differs, or when the sample never meets one of the kinds of answers.
func sameVerdicts(sample []opaCall, ringfence, opa string) error {
	seen := make(map[string]int)
	var faults []error
	for _, c := range sample {
		ours, err := verdictOf(c.askRingfence(ringfence), readLines)
		if err != nil {
			return err
		}
		theirs, err := verdictOf(c.askOPA(opa), readResult)
		if err != nil {
			return err
		}
		if ours != theirs && len(faults) < 10 {
			faults = append(faults, fmt.Errorf("%+v: ringfence says %q, OPA %q", c, ours, theirs))
		}
		seen[ours]++
	}
	for _, want := range []string{"allow", "block 603 Network Blocked", "block 603 Decline", "block 404 Not Found", "block 607 Unwanted"} {
		if seen[want] == 0 {
			faults = append(faults, fmt.Errorf("no call of the sample was answered %q", want))
		}
	}
	fmt.Fprintf(os.Stderr, "  %d calls answered alike: %v\n", len(sample), seen)
	return errors.Join(faults...)
}

func verdictOf(r *http.Request, read func([]byte) (string, error)) (string, error) {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s: %s", r.URL, answer.Status, body)
	}
	return read(body)
}

// readLines reads an answer of docs/http.md.
func readLines(body []byte) (string, error) {
	lines := strings.Split(string(body), "\n")
	action, ok := strings.CutPrefix(lines[0], "1 ")
	if !ok || len(lines) < 9 {
		return "", fmt.Errorf("not a decision: %q", body)
	}
	return strings.TrimSpace(action + " " + lines[1] + " " + lines[2]), nil
}

// readResult reads an answer of OPA's Data API.
func readResult(body []byte) (string, error) {
	var answer struct{ Result *opaAnswer }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Result == nil {
		return "", fmt.Errorf("not a decision: %q", body)
	}
	if a := answer.Result; a.Code != 0 {
		return a.Action + " " + strconv.Itoa(a.Code) + " " + a.Phrase, nil
	}
	return answer.Result.Action, nil
}
