// Package dialplan holds the tests of what docker/freeswitch ships that need no
// FreeSWITCH.
package dialplan

import (
	"encoding/xml"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ringfence/adapters/freeswitch"
	"ringfence/rules"
)

const shipped = "../../docker/freeswitch"

// node is an element of a file.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Nodes   []node     `xml:",any"`
}

func (n *node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// each yields n and all below it of a name, any of "".
func (n *node) each(name string, yield func(*node)) {
	if name == "" || n.XMLName.Local == name {
		yield(n)
	}
	for i := range n.Nodes {
		n.Nodes[i].each(name, yield)
	}
}

// find is the element of a name and an attribute name.
func (n *node) find(t *testing.T, element, name string) (found *node) {
	t.Helper()
	n.each(element, func(e *node) {
		if e.attr("name") == name {
			found = e
		}
	})
	if found == nil {
		t.Fatalf("no %s %q", element, name)
	}
	return found
}

func read(t *testing.T, file string) *node {
	t.Helper()
	f, err := os.Open(filepath.Join(shipped, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var n node
	d := xml.NewDecoder(f)
	if err := d.Decode(&n); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return &n
}

// variables are those that a file sets for the preprocessor.
func variables(t *testing.T, file string) map[string]string {
	t.Helper()
	all := map[string]string{}
	read(t, file).each("X-PRE-PROCESS", func(n *node) {
		if name, value, ok := strings.Cut(n.attr("data"), "="); ok && (n.attr("cmd") == "set" || n.attr("cmd") == "exec-set") {
			all[name] = value
		}
	})
	return all
}

var preprocessed = regexp.MustCompile(`\$\$\{(\w+)\}`)

// expand is what the preprocessor makes of text.
func expand(text string, with map[string]string) string {
	return preprocessed.ReplaceAllStringFunc(text, func(s string) string { return with[preprocessed.FindStringSubmatch(s)[1]] })
}

// TestEmergency runs the table that tests the engine and the Kamailio include
// through the expressions of the dialplan, with what FreeSWITCH makes of each
// Request-URI in its variables.
func TestEmergency(t *testing.T) {
	set := variables(t, "ringfence.xml")
	context := read(t, "ringfence.xml").find(t, "context", "ringfence")
	condition := func(extension string) *node { return &context.find(t, "extension", extension).Nodes[0] }
	number, service := condition("ringfence_emergency"), condition("ringfence_service")
	if number.attr("field") != "${sip_req_user}" || service.attr("field") != "${sip_req_user} ${sip_req_host}:${sip_req_port}" {
		t.Fatalf("the fields are %s and %s", number.attr("field"), service.attr("field"))
	}
	compile := func(n *node, more string) *regexp.Regexp {
		set["ringfence_emergency"] = more
		re, err := regexp.Compile(expand(n.attr("expression"), set))
		if err != nil {
			t.Fatal(err)
		}
		return re
	}
	plain, site, urn := compile(number, ""), compile(number, "|117|118"), compile(service, "")
	table, err := os.ReadFile("../../rules/testdata/emergency.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(table)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 || strings.HasPrefix(line, "#") {
			continue
		}
		rows++
		user, host := seen(t, f[0])
		if got := plain.MatchString(user) || urn.MatchString(user+" "+host); got != (f[1] == "yes") {
			t.Errorf("%s: %v, want %s: %s", f[0], got, f[1], f[2])
		}
	}
	if rows < 50 {
		t.Errorf("the table has %d rows", rows)
	}
	for user, want := range map[string]bool{"117": true, "+1-1-8": false, "+118": true, "1170": false, "911": true, "": false, "nobody": false} {
		if site.MatchString(user) != want {
			t.Errorf("%q with more numbers: want %v", user, want)
		}
	}
}

// seen is what FreeSWITCH shows of a Request-URI in sip_req_user, and in
// sip_req_host and sip_req_port with a colon between, as tried on 1.11.1.
func seen(t *testing.T, uri string) (user, host string) {
	t.Helper()
	scheme, rest, _ := strings.Cut(uri, ":")
	switch strings.ToLower(scheme) {
	case "urn":
		host, port, _ := strings.Cut(rest, ":")
		return "nobody", host + ":" + port
	case "tel":
		number, _, _ := strings.Cut(rest, ";")
		return number, "nowhere:"
	}
	rest, _, _ = strings.Cut(rest, "?")
	user, host, ok := strings.Cut(rest, "@")
	if !ok {
		user, host = "", rest
	}
	host, _, _ = strings.Cut(host, ";")
	if user == "" {
		user = "nobody"
	}
	user, err := url.PathUnescape(user)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(host, ":") {
		host += ":"
	}
	return user, host
}

// TestVariables holds that what the files read is set, and what is set is read.
func TestVariables(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shipped, "*.xml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	set, used := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		for name := range variables(t, filepath.Base(file)) {
			set[name] = true
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range preprocessed.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`\$\{(ringfence_context)\}`).FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true // of the call, or else the global one
		}
		for i, line := range strings.Split(string(text), "\n") {
			// Of a line with one of these FreeSWITCH drops what comes behind.
			if at := strings.Index(line, "<X-PRE-PROCESS"); at >= 0 && !strings.HasPrefix(line, "    <") {
				_, rest, _ := strings.Cut(line[at:], "/>")
				if rest = strings.TrimSpace(rest); rest != "" && !strings.HasPrefix(rest, "<!--") {
					t.Errorf("%s:%d: %q is dropped", file, i+1, rest)
				}
			}
		}
	}
	for name := range used {
		if !set[name] {
			t.Errorf("$${%s} is never set", name)
		}
	}
	for name := range set {
		if !used[name] {
			t.Errorf("%s is set and never read", name)
		}
	}
}

// TestEventSocket holds that the event socket is closed to others as the files come:
// an empty password is ClueCon, and $${core_uuid} is empty while FreeSWITCH starts.
func TestEventSocket(t *testing.T) {
	vars := variables(t, "ringfence_vars.xml")
	if vars["esl_ip"] != "127.0.0.1" || vars["esl_client"] != "127.0.0.1/32" || vars["esl_port"] != "8021" {
		t.Errorf("the defaults are %v", vars)
	}
	set := 0
	for _, file := range []string{"ringfence_vars.xml", "freeswitch.xml"} {
		read(t, file).each("X-PRE-PROCESS", func(n *node) {
			if name, value, _ := strings.Cut(n.attr("data"), "="); name == "esl_password" && n.attr("cmd") != "env-set" {
				if set++; n.attr("cmd") != "exec-set" || value != "cat /proc/sys/kernel/random/uuid" {
					t.Errorf("%s: the password is known: %s", file, n.attr("data"))
				}
			}
		})
	}
	if set != 1 {
		t.Errorf("the password is set %d times", set)
	}
}

// TestNoTextOfCallers holds that no argument names a variable whose text a caller
// chooses: FreeSWITCH would run what stands in it. The application curl has to,
// and may name those that FreeSWITCH checks, in url_encode.
func TestNoTextOfCallers(t *testing.T) {
	ours := regexp.MustCompile(`\$\{(ringfence_\w+|uuid|sofia_profile_name|curl_response_data|sip_network_ip|sip_network_port|sip_cseq|sip_cid_type)\}`)
	for _, file := range []string{"ringfence.xml", "route.xml", "freeswitch.xml"} {
		read(t, file).each("action", func(n *node) {
			data := preprocessed.ReplaceAllString(n.attr("data"), "")
			if n.attr("application") == "curl" {
				data = regexp.MustCompile(`\$\{url_encode\(\$\{(sip_(h_)?[A-Za-z_-]+|username|caller_id_name|ringfence_\w+)\}\)\}`).ReplaceAllStringFunc(data, func(s string) string {
					if strings.Contains(s, "{sip_i_") || strings.Contains(s, "{sip_identity") {
						return s // not checked
					}
					return ""
				})
			}
			if data = ours.ReplaceAllString(data, ""); strings.Contains(data, "${") {
				t.Errorf("%s: %s names a caller's text: %s", file, n.attr("application"), data)
			}
		})
	}
}

// asked is a channel that remembers what it was asked for.
type asked map[string]bool

func (a asked) Lookup(name string) (string, bool) {
	a[name] = true
	return "", false
}

// TestCurl holds that the dialplan sends what a call is read from, but for what
// FreeSWITCH does not check.
func TestCurl(t *testing.T) {
	var sent []string
	read(t, "ringfence.xml").each("action", func(n *node) {
		if n.attr("application") == "curl" {
			_, query, _ := strings.Cut(n.attr("data"), "?")
			for pair := range strings.SplitSeq(query, "&") {
				name, _, _ := strings.Cut(pair, "=")
				sent = append(sent, name)
			}
		}
	})
	read := asked{}
	freeswitch.ReadCall(read, new(rules.Call))
	for name := range read {
		unchecked := strings.HasPrefix(name, "variable_sip_i_") || name == "variable_sip_history_info" || name == "variable_sip_P-Asserted-Identity"
		fallback := name == "Caller-Network-Addr" || name == "Caller-Destination-Number"
		if !unchecked && !fallback && !slices.Contains(sent, name) {
			t.Errorf("%s is read and not sent", name)
		}
	}
}

// TestAnswer holds that the dialplan takes every answer to curl for one, and
// nothing else.
func TestAnswer(t *testing.T) {
	condition := read(t, "ringfence.xml").find(t, "extension", "ringfence_curled").Nodes[1]
	if field := condition.attr("field"); field != "${curl_response_code} ${curl_response_data}" {
		t.Fatalf("the field is %s", field)
	}
	expression := regexp.MustCompile(condition.attr("expression"))
	id := rules.ID([]byte("0123456789abcdefghjk"))
	for _, v := range []rules.Verdict{
		{ID: id},
		{ID: id, Label: "Spam likely", Rule: &rules.Rule{ID: "a"}},
		{ID: id, Withhold: true},
		{ID: id, Action: rules.Divert, Target: "sip:ivr@example.net"},
		{ID: id, Action: rules.Block, Code: 603, Phrase: "Network Blocked", Reason: []byte(`SIP;cause=603;text="v=analytics1"`), Retry: 1},
	} {
		var a freeswitch.Answer
		if err := a.Set(&rules.Call{From: rules.Identity{Display: "Zoë"}}, &v); err != nil {
			t.Fatal(err)
		}
		said := string(a.AppendMultiset(nil))
		if !expression.MatchString("200 " + said) {
			t.Errorf("%q is no answer", said)
		}
		for _, other := range []string{"0 ", "503 " + said, "200 " + said + "\n<html>", "200 " + said[2:], "200 " + said + "\x1fx=$", "200 " + strings.Replace(said, "k\x1f", "k\x1fa=${b}\x1f", 1)} {
			if expression.MatchString(other) {
				t.Errorf("%q is an answer", other)
			}
		}
	}
}

// TestWays holds that each way to ask is found by its name and asks, and that
// emergency calls are told apart before.
func TestWays(t *testing.T) {
	context := read(t, "ringfence.xml").find(t, "context", "ringfence")
	for way, application := range map[string]string{"socket": "socket", "window": "sleep", "park": "park", "curl": "curl"} {
		extension, found := context.find(t, "extension", "ringfence_"+way), false
		extension.each("action", func(n *node) { found = found || n.attr("application") == application })
		if got := extension.Nodes[0].attr("expression"); got != "^"+way+"_(open|closed)$" || !found {
			t.Errorf("%s: %s, runs %s: %v", way, got, application, found)
		}
		if extension.attr("continue") != "" {
			t.Errorf("%s goes on to other extensions", way)
		}
	}
	unknown := context.find(t, "extension", "ringfence_unknown")
	known, closed := regexp.MustCompile(unknown.Nodes[0].attr("expression")), regexp.MustCompile(unknown.Nodes[2].attr("expression"))
	for _, way := range []string{"socket", "window", "park", "curl", "xml_curl"} {
		if !known.MatchString(way+"_open") || !known.MatchString(way+"_closed") {
			t.Errorf("%s is unknown", way)
		}
	}
	context.each("action", func(n *node) {
		name, of, _ := strings.Cut(n.attr("data"), " ")
		if n.attr("application") == "execute_extension" && of == "XML ringfence" {
			name = strings.NewReplacer("$1", "closed", "${ringfence_policy}", "open").Replace(name)
			if inner := regexp.MustCompile(context.find(t, "extension", "ringfence_new").Nodes[0].attr("expression")); !known.MatchString(name) || !inner.MatchString(name) {
				t.Errorf("%s is unknown, or asks anew", name)
			}
		}
	})
	for name, refused := range map[string]bool{"socket": false, "sockt_open": false, "sockt_closed": true, "socket_Closed": true, "socket_close": true, "socket_open_": false, "open": false, "": false, "911": false} {
		if known.MatchString(name) || closed.MatchString(name) != refused {
			t.Errorf("%q is known: %v, is refused: %v", name, known.MatchString(name), closed.MatchString(name))
		}
	}
	var order []string
	for _, n := range context.Nodes {
		order = append(order, n.attr("name"))
	}
	if first := slices.Index(order, "ringfence_socket"); first < slices.Index(order, "ringfence_emergency") || first < slices.Index(order, "ringfence_service") {
		t.Errorf("the order is %q", order)
	}
	if order[0] != "ringfence_new" || order[len(order)-1] != "ringfence_unknown" {
		t.Errorf("the order is %q", order)
	}
}
