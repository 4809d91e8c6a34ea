package rules

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Settings)
		want string // the error, empty for none
	}{
		{"good", func(s *Settings) {}, ""},
		{"monitor", func(s *Settings) { s.Mode = Monitor }, ""},
		{"off", func(s *Settings) { s.Mode = Off }, `mode: "off" is for single rules (use enforce or monitor)`},
		{"us", func(s *Settings) { s.Profile = "us" }, ""},
		{"rfc8688", func(s *Settings) { s.Profile = "rfc8688" }, "profile: rfc8688 (608 Rejected with its Call-Info, RFC 8688) is not supported (use us: 603 Network Blocked)"},
		{"profile", func(s *Settings) { s.Profile = "eu" }, `profile: unknown profile "eu" (use us)`},
		{"403", func(s *Settings) { s.Answers = map[Why]int{DNO: 403} }, ""},
		{"404", func(s *Settings) { s.Answers = map[Why]int{DNO: 404} }, `answers: 404 is no answer to "dno" (use 603 or 403)`},
		{"fixed", func(s *Settings) { s.Answers = map[Why]int{Analytics: 403} }, `answers: the answer to "analytics" is fixed (only dno and administrative have a choice)`},
		{"no contact", func(s *Settings) { s.Redress.URL = "" }, `rules.yaml:2:32: rule "a": blocks for analytics without a redress contact (url, tel or email) (603 Network Blocked must name one; set redress in the configuration)`},
		{"no location", func(s *Settings) { s.Redress.Location = "" }, `rules.yaml:2:32: rule "a": blocks for analytics without a redress location (LN, TN, RLN, LPN, RPN) (603 Network Blocked must name one; set redress in the configuration)`},
		{"location", func(s *Settings) { s.Redress.Location = "U" }, `redress.location: "U" is no location of LN, TN, RLN, LPN, RPN`},
		{"http", func(s *Settings) { s.Redress.URL = "http://example.net" }, `redress.url: "http://example.net" is no https address`},
		{"quote", func(s *Settings) { s.Redress.URL = `https://example.net/"` }, `redress.url: "https://example.net/\"" holds a character that a Reason header cannot carry (write quotes, backslashes, semicolons, commas, spaces and non-ASCII characters as %22, %5C, %3B, %2C, %20 and so on)`},
		{"tel", func(s *Settings) { s.Redress.Tel = "18005550199" }, `redress.tel: "18005550199" is no number of + and 7 to 15 digits`},
		{"email", func(s *Settings) { s.Redress.Email = "redress" }, `redress.email: "redress" is no mail address`},
		{"newline", func(s *Settings) { s.Redress.Email = "a@b.c\r\nX:1" }, `redress.email: "a@b.c\r\nX:1" holds a character`},
		{"long", func(s *Settings) { s.Redress.URL = "https://example.net/" + strings.Repeat("x", 450) }, `rules.yaml:2:32: rule "a": its Reason header would be 545 characters long, at most 512 (shorten the redress contact)`},
		{"country", func(s *Settings) { s.Country = "UK" }, `country: unknown country "UK", write it as in ISO 3166-1 (US, CA, GB, DE, …)`},
		{"trunks", func(s *Settings) {
			n := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
			s.Trunks = []Trunk{{Name: "a", Networks: n}, {Name: "b", Networks: n}}
		}, "trunks: network 192.0.2.0/24 is of trunk"},
		{"emergency", func(s *Settings) { s.Emergency = []string{"x"} }, `emergency: emergency number "x" is none`},
		{"no file", func(s *Settings) { s.Files = []string{"nowhere.yaml"} }, "nowhere.yaml: cannot be read: no such file or directory"},
		{"no files", func(s *Settings) { s.Files = nil }, "rules: no rules in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeFiles(t, "rules.yaml", "rules:\n  - {id: a, when: true, block: analytics}\n")
			s := Settings{Redress: testRedress, Files: []string{filepath.Join(dir, "rules.yaml")}}
			tt.edit(&s)
			_, err := Compile(s)
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), dir+"/", "")
			}
			if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) || strings.Contains(got, "\n") {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// The country of the settings reads the numbers of calls whose trunk has none.
func TestCountry(t *testing.T) {
	trunks := []Trunk{{Name: "plain"}, {Name: "british", Country: "GB"}, {Name: "pbx", Extensions: []string{"3XXX"}}}
	for _, tt := range []struct {
		country, trunk, user, want string
	}{
		{"US", "", "3035550260", "+13035550260"},
		{"us", "unknown", "3035550260", "+13035550260"},
		{"US", "plain", "3035550260", "+13035550260"},
		{"US", "pbx", "3035550260", "+13035550260"},
		{"US", "pbx", "3001", "3001"},
		{"US", "british", "02079460000", "+442079460000"},
		{"GB", "", "02079460000", "+442079460000"},
		{"", "plain", "3035550260", "+3035550260"},
		{"", "", "13035550260", "+13035550260"},
	} {
		e := running(t, Options{}, compiled(t, Settings{Country: tt.country, Trunks: trunks}, "rules.yaml", rulesOf("{id: a, when: withheld, allow: true}")))
		c := testCall(tt.user, "+12025550123")
		c.TrunkName = tt.trunk
		if v := decided(e, c); v.Caller.String() != tt.want {
			t.Errorf("%s by trunk %q in %q is %s, want %s", tt.user, tt.trunk, tt.country, v.Caller, tt.want)
		}
	}
}

func TestNoCountryWarns(t *testing.T) {
	const read = "national numbers are taken for those of other countries or for invalid (set country, as in country: US)"
	for _, tt := range []struct {
		settings Settings
		want     string
	}{
		{Settings{}, "country: is not set: " + read},
		{Settings{Country: "US"}, ""},
		{Settings{Trunks: []Trunk{{Name: "a", Country: "US"}}}, ""},
		{Settings{Trunks: []Trunk{{Name: "a", Country: "US"}, {Name: "b"}, {Name: "c"}}}, "trunks: no country for b, c: " + read},
		{Settings{Country: "US", Trunks: []Trunk{{Name: "a"}}}, ""},
	} {
		rs := compiled(t, tt.settings, "rules.yaml", rulesOf("{id: a, when: withheld, allow: true}"))
		if got := Diagnostics(rs.Warnings()).Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestLongReasonWarns(t *testing.T) {
	rs := compiled(t, Settings{Country: "US", Redress: Redress{URL: "https://redress.example.net/a/long/path/to/the/form?for=blocked-calls", Location: "RLN"}}, "rules.yaml", "rules:\n  - {id: a, when: withheld, block: analytics}\n")
	if w := rs.Warnings(); len(w) != 1 || !strings.Contains(w[0].Message, "its Reason header is 14") {
		t.Errorf("warnings: %v", w)
	}
}

// Everything wrong with the redress contact is said at once, once each.
func TestRedressIsCheckedWhole(t *testing.T) {
	var d Diagnostics
	(&Redress{URL: "https://example.net/a b", Tel: "+1 800 555 0199", Email: "redress", Location: "XX"}).check(&d)
	var got []string
	for _, one := range d {
		got = append(got, one.Subject+" "+strings.Fields(one.Message[strings.LastIndex(one.Message, `"`)+1:])[0])
	}
	if want := "redress.url holds, redress.tel holds, redress.email is, redress.location is"; strings.Join(got, ", ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, ", "), want)
	}
}

// An unknown upstream is shown where it stands.
func TestUnknownUpstream(t *testing.T) {
	dir := writeFiles(t, "rules.yaml", "learn:\n  dead:\n    from: callee\n    on: [404]\n    upstream: [carrier-a, carrier-c,\n      carrier-b]\n    for: 30d\n"+
		rulesOf(`{id: a, when: 'callee in learned("dead")', block: not-found}`))
	_, err := Compile(Settings{Trunks: []Trunk{testTrunk(t, "carrier-a", "192.0.2.0/24", true)}, Files: []string{dir}})
	file := filepath.Join(dir, "rules.yaml")
	want := file + `:5:27: learn "dead": upstream "carrier-c" is no trunk of the configuration (did you mean carrier-a?)` + "\n" +
		file + `:6:7: learn "dead": upstream "carrier-b" is no trunk of the configuration (did you mean carrier-a?)`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Folders are read by path in byte order; tests, hidden files and others are not.
func TestFolders(t *testing.T) {
	rule := func(id string) string { return "rules:\n  - {id: " + id + ", when: withheld, allow: true}\n" }
	dir := writeFiles(t, "b.yaml", rule("b"), "B.yml", rule("B"), "a/z.yaml", rule("az"), "a.yaml", rule("a"),
		"x.test.yaml", "not: [a rule file", "notes.txt", "x", ".hidden.yaml", "{", "..data/c.yaml", rule("c"))
	rs, err := Compile(Settings{Files: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range rs.Rules() {
		ids = append(ids, r.ID)
	}
	if got := strings.Join(ids, " "); got != "B a az b" {
		t.Errorf("order %q", got)
	}
	_, err = Compile(Settings{Files: []string{dir, filepath.Join(dir, "a.yaml")}})
	if err == nil || !strings.Contains(err.Error(), "a.yaml: is named twice") {
		t.Errorf("named twice: %v", err)
	}
	_, err = Compile(Settings{Files: []string{t.TempDir()}})
	if err == nil || !strings.Contains(err.Error(), "no rule files (*.yaml, *.yml) in this folder") {
		t.Errorf("empty folder: %v", err)
	}
	_, err = Compile(Settings{Files: []string{"/dev/zero"}})
	if err == nil || err.Error() != "/dev/zero: is no regular file" {
		t.Errorf("device: %v", err)
	}
	huge := writeFiles(t, "huge.yaml", strings.Repeat("# comment\n", maxRuleFile/10+1))
	_, err = Compile(Settings{Files: []string{huge}})
	if err == nil || !strings.HasSuffix(err.Error(), "is larger than 16 MB: rule files are small, numbers belong into lists") {
		t.Errorf("huge: %v", err)
	}
}

// Lists and learned lists of one file serve the rules of another; a name that
// two files define is an error.
func TestSharedNames(t *testing.T) {
	dir := writeFiles(t, "a.yaml", "rules:\n  - {id: a, when: 'caller in list(\"x\") or callee in learned(\"l\")', block: dno}\n",
		"b.yaml", "lists: {x: {file: x.csv}}\nlearn: {l: {from: callee, on: [404], upstream: [], for: 1d}}\n", "x.csv", "+12025550123\n")
	_, err := Compile(Settings{Files: []string{dir}})
	if want := filepath.Join(dir, "b.yaml") + `:2:48: learn "l": upstream is empty`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	dir = writeFiles(t, "a.yaml", "lists: {x: {file: x.csv}}\nrules:\n  - {id: a, when: 'caller in list(\"x\")', block: dno}\n",
		"b.yaml", "lists: {x: {file: x.csv}}\n", "x.csv", "+12025550123\n")
	_, err = Compile(Settings{Files: []string{dir}})
	if want := filepath.Join(dir, "b.yaml") + `:1:9: list "x": is declared already at ` + filepath.Join(dir, "a.yaml") + ":1:9 (give it a name of its own)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLint(t *testing.T) {
	rs := compiled(t, Settings{Country: "US"}, "rules.yaml", `lists:
  friends: {file: x.csv}
  unused: {file: x.csv}
  inventory: {file: x.csv, own: true}
rules:
  - {id: friends, when: 'caller in list("friends")', allow: true}
  - {id: ua, when: 'user_agent == "x" and network == "+12025550123"', allow: true}
  - {id: dno, when: invalid(callers), block: dno}
  - {id: set, when: 'trunk == "pbx" and callers in list("friends")', allow: true}
  - {id: spare, when: 'not (callers in list("friends"))', allow: true}
  - {id: theirs, when: 'trunk == "pbx" and country(callers) != "US"', block: subscriber}
  - {id: late, when: 'presentation == "+12025550123"', allow: true}
  - {id: short, when: 'callee startsWith "202"', block: subscriber}
  - {id: never, when: false, block: dno}
  - {id: both, when: 'trunk == "pbx" and withheld and trunk in ["", "carrier"]', block: dno}
  - {id: not, when: 'account == "a" and (account != "a" and withheld)', block: dno}
  - {id: prefixes, when: 'caller startsWith "+1212" and caller == "+13012223344"', block: dno}
  - {id: several, when: 'callers startsWith "+1212" and callers == "+13012223344" and direction == "inbound"', block: dno}
  - {id: networks, when: 'cidr(source, "192.0.2.0/24") and cidr(source, "198.51.100.0/24")', block: dno}
  - {id: emergency, when: 'callee == "911" or callee in ["112", "+933"] and withheld', block: dno}
  - {id: codes, when: 'callee in ["911", "4711"]', block: dno}
  - {id: signed, when: 'attestation == "A" and trunk == "carrier"', allow: true}
  - {id: passed, when: 'verification == "passed"', allow: true, mode: monitor}
  - {id: customer, when: 'attestation == "A" and network in list("friends")', allow: true}
  - {id: unsigned, when: 'attestation in ["C", "none"]', allow: true}
  - {id: wide, when: 'callee startsWith "+44" or account in ["b", "c"]', block: subscriber}
  - {id: narrow, when: 'callee == "+442079460000"', block: subscriber}
  - {id: narrow-2, when: 'account == "b" and withheld', block: subscriber}
  - {id: narrow-3, when: 'account == "b" and withheld or pattern(callee, "+4420N*")', label: x}
  - {id: beside, when: 'account == "d" or callee startsWith "+4"', label: x}
  - {id: narrow-4, when: '(direction == "inbound" or withheld) and (callee startsWith "+4420" or account == "c")', label: x}
  - {id: text, when: 'user_agent contains "x" and not (withheld)', block: subscriber}
  - {id: text-2, when: 'not (withheld) and valid(callee) and user_agent contains "x"', block: subscriber}
  - {id: watch, when: 'domain == "x"', block: subscriber, mode: monitor}
  - {id: after-watch, when: 'domain == "x"', block: subscriber}
  - {id: again, when: 'domain == "x" and cidr(source, "10.1.0.0/16")', block: subscriber}
  - {id: night, when: 'local_time(caller) > "21:00" and withheld and local_time(caller) < "08:00"', block: subscriber}
  - {id: day, when: 'local_time(callee) > "08:00" and local_time(callee) < "21:00" and local_time(caller) < "07:00"', block: subscriber}
  - {id: outbound, when: 'direction == "outbound" and domain == "y"', block: subscriber}
  - {id: ratio, when: 'account == "z" and not (answer_ratio(caller, "1h", 20) > 0.1) and not (rate(caller, "1m") > 5)', block: pacing}
  - {id: all, when: true, block: subscriber}
  - {id: dead, when: withheld, block: dno}
  - {id: kept, when: withheld, block: dno, mode: off}
`, "x.csv", "+12025550123\n")
	var got []string
	for _, d := range rs.Warnings() {
		got = append(got, strings.TrimPrefix(d.Error(), filepath.Dir(d.File)+"/"))
	}
	golden(t, "testdata/lint.golden", strings.Join(got, "\n")+"\n")
}
