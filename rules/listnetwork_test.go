package rules

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestListFindsNetworks(t *testing.T) {
	l := mustList(t, listSpec{Country: "US"},
		"number,expires",
		"192.0.2.0/24,",            // 2
		"192.0.2.7,",               // 3
		"192.0.2.64/26,2026-03-03", // 4
		"192.0.2.64/27,2026-03-02", // 5
		"2001:db8::/32,",           // 6
		"2001:DB8::7,",             // 7
		"::ffff:198.51.100.0/120,", // 8
		"::ffff:203.0.113.9,",      // 9
		"+12025551234,",            // 10
		"202.555.1235,",            // 11
		"10.0.0.0/8,2026-03-03",    // 12
	)
	for address, want := range map[string]int{
		"192.0.2.1": 2, "192.0.2.7": 3, "::ffff:192.0.2.7": 3, "192.0.2.65": 2, "192.0.3.1": 0,
		"2001:db8::1": 6, "2001:db8::7": 7, "2001:db8::7%eth0": 7, "2001:db9::": 0,
		"198.51.100.200": 8, "203.0.113.9": 9, "203.0.113.8": 0, "10.1.2.3": 0,
	} {
		if got := l.Row(l.FindAddr(netip.MustParseAddr(address), noon)).Line; got != want {
			t.Errorf("%s is found on line %d, want %d", address, got, want)
		}
	}
	early := noon.AddDate(0, 0, -2)
	for address, want := range map[string]int{"192.0.2.65": 5, "192.0.2.100": 4, "192.0.2.7": 3, "10.1.2.3": 12} {
		if got := l.Row(l.FindAddr(netip.MustParseAddr(address), early)).Line; got != want {
			t.Errorf("%s is found on line %d before its network expires, want %d", address, got, want)
		}
	}
	if r := l.FindAddr(netip.Addr{}, noon); r != 0 {
		t.Errorf("no address is found in row %d", r)
	}
	if l.Len() != 11 || l.Networks() != 9 {
		t.Errorf("%d rows, %d networks", l.Len(), l.Networks())
	}
	if got := l.Row(l.FindAddr(netip.MustParseAddr("198.51.100.1"), noon)).Pattern; got != "198.51.100.0/24" {
		t.Errorf("an IPv4 network written as IPv6 is %s", got)
	}
	if l.Find(global(t, "+12025551235"), noon) == 0 {
		t.Error("a number with dots is taken for an address")
	}
	allocations := testing.AllocsPerRun(100, func() {
		l.FindAddr(netip.MustParseAddr("192.0.2.65"), noon)
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// FindAddr gives the row that a scan over all rows gives.
func TestListFindsAddressesAsAScanDoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.csv")
	rapid.Check(t, func(rt *rapid.T) {
		address := rapid.Custom(func(rt *rapid.T) netip.Addr {
			b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 128, 255}), 4, 4).Draw(rt, "bytes")
			a := netip.AddrFrom4([4]byte(b))
			if rapid.Bool().Draw(rt, "v6") {
				sixteen := [16]byte{0x20, 1}
				copy(sixteen[2:], b)
				return netip.AddrFrom16(sixteen)
			}
			return a
		})
		lines := []string{"number,expires"}
		type row struct {
			network netip.Prefix
			expires time.Time
		}
		var rows []row
		known := map[netip.Prefix]bool{}
		for range rapid.IntRange(1, 30).Draw(rt, "rows") {
			a := address.Draw(rt, "network")
			n := netip.PrefixFrom(a, rapid.IntRange(1, 48).Draw(rt, "length")%(a.BitLen()+1)).Masked()
			if known[n] || n.Bits() == 0 {
				continue
			}
			known[n] = true
			r, end := row{network: n}, ""
			if rapid.IntRange(0, 2).Draw(rt, "lives") == 0 {
				r.expires = noon.Add(time.Duration(rapid.IntRange(-1, 1).Draw(rt, "hours")) * time.Hour)
				end = r.expires.Format(time.RFC3339)
			}
			rows = append(rows, r)
			lines = append(lines, n.String()+","+end)
		}
		l := mustList(t, listSpec{Empty: true, File: file}, lines...)
		for range 40 {
			a, want := address.Draw(rt, "address"), ""
			longest := -1
			for _, r := range rows {
				if r.network.Contains(a) && r.network.Bits() > longest && (r.expires.IsZero() || noon.Before(r.expires)) {
					longest, want = r.network.Bits(), entry{network: r.network}.String()
				}
			}
			if got := l.Row(l.FindAddr(a, noon)).Pattern; got != want {
				rt.Fatalf("%s is in %q, a scan finds %q", a, got, want)
			}
		}
	})
}

func TestListPerSubscriber(t *testing.T) {
	l, findings := listOf(t, listSpec{Country: "US", Per: "callee"},
		"number,subscriber,note,expires",
		"+12025551234,+13035550260,a,",            // 2
		"+12025551234,303-555-0261,b,",            // 3
		"+1404*,+13035550260,,",                   // 4
		"+14045550000-+14045550099,3035550261,,",  // 5
		"+1404555XXXX,+13035550262,,2026-03-01",   // 6
		"+1404555XXXX,+13035550263,,",             // 7
		"+12025551234,+13035550260,again,",        // 8: a duplicate
		"+1404*,+13035550260,again,",              // 9: a duplicate
		"+14045550000-+14045550099,3035550260,c,", // 10: another's
	)
	if len(findings) != 2 || findings[0].Line != 8 || findings[1].Line != 9 {
		t.Errorf("findings: %v", Diagnostics(findings))
	}
	for _, tt := range []struct {
		subscriber, number string
		want               int
	}{
		{"+13035550260", "+12025551234", 2}, {"+13035550261", "+12025551234", 3}, {"+13035550262", "+12025551234", 0},
		{"+13035550260", "+14045559999", 4}, {"+13035550261", "+14045559999", 0}, {"+13035550261", "+14045550001", 5},
		{"+13035550260", "+14045550001", 10}, {"+13035550262", "+14045550001", 0}, {"+13035550263", "+14045550001", 7},
	} {
		row := l.Row(l.FindFor(global(t, tt.subscriber), global(t, tt.number), noon))
		if row.Line != tt.want || row.Line != 0 && row.Subscriber != tt.subscriber {
			t.Errorf("%s of %s is found on line %d of %q, want %d", tt.number, tt.subscriber, row.Line, row.Subscriber, tt.want)
		}
		if r := l.Find(global(t, tt.number), noon); r != 0 {
			t.Errorf("%s is found for everybody in row %d", tt.number, r)
		}
		if r := l.FindFor(Number{}, global(t, tt.number), noon); r != 0 {
			t.Errorf("%s is found for nobody in row %d", tt.number, r)
		}
	}
	if everybody := mustList(t, listSpec{}, "+12025551234"); everybody.FindFor(global(t, "+13035550260"), global(t, "+12025551234"), noon) != 0 {
		t.Error("a row for everybody is a subscriber's")
	}
}

func TestListFaultsOfSubscribersAndNetworks(t *testing.T) {
	for _, tt := range []struct {
		per   string
		lines string
		want  string
	}{
		{"callee", "number,why\n+12025551234,", `1:1: list "spam": no column "subscriber" in the header, which the list has because of per: callee`},
		{"callee", "+12025551234", `1:1: list "spam": no header, and the list is declared with per: callee`},
		{"", "number,subscriber\n+12025551234,+13035550260", `1:8: list "spam": a column "subscriber", but the list is declared for everybody`},
		{"callee", "number,subscriber\n+12025551234,", `2:14: list "spam": a row without a subscriber`},
		{"callee", "number,subscriber\n+12025551234", `2:1: list "spam": a row without a subscriber`},
		{"callee", "number,subscriber\n+12025551234,alice", `2:14: list "spam": "alice" is no telephone number`},
		{"callee", "number,subscriber\n192.0.2.0/24,+13035550260", `2:1: list "spam": "192.0.2.0/24" in a list per subscriber`},
		{"", "192.0.2.7/24", `"192.0.2.7/24" has bits beyond its length (did you mean 192.0.2.0/24?)`},
		{"", "192.0.2.256", `"192.0.2.256" is no IP address`},
		{"", "192.0.2.0/33", `"192.0.2.0/33" is no network`},
		{"", "2001:db8::/129", `"2001:db8::/129" is no network`},
		{"", "fe80::1%eth0", `"fe80::1%eth0" has a zone (did you mean fe80::1?)`},
		{"", "::ffff:0:0/80", `"::ffff:0:0/80" is neither an IPv4 nor an IPv6 network`},
		{"", "0.0.0.0/0", `"0.0.0.0/0" covers every address`},
		{"", "::/0", `"::/0" covers every address`},
		{"", "192.0.2.0/24\n192.0.2.0/24\nalice", `3:1: list "spam": "alice" is no telephone number`},
	} {
		l, findings := listOf(t, listSpec{Per: tt.per}, strings.Split(tt.lines, "\n")...)
		if l != nil || len(findings) != 1 || !strings.Contains(findings[0].Error(), tt.want) {
			t.Errorf("%q: list %v, findings %v, want %s", tt.lines, l != nil, Diagnostics(findings), tt.want)
		}
	}
	if _, findings := listOf(t, listSpec{}, "192.0.2.0/24", "::ffff:192.0.2.0/120"); len(findings) != 1 || findings[0].Message != "the same as line 1" {
		t.Errorf("the same network twice: %v", findings)
	}
}

const networkRules = `
lists:
  hosts: {file: hosts.csv}
  numbers: {file: numbers.csv}
  personal: {file: personal.csv, per: callee}
  empty: {file: empty.csv, empty: true}
rules:
`

var networkLists = []string{
	"hosts.csv", "192.0.2.0/24\n2001:db8::/32\n", "numbers.csv", "+12125550143\n",
	"personal.csv", "number,subscriber\n+12125550143,+12025550142\n", "empty.csv", "",
}

func TestRulesAskForNetworksAndSubscribers(t *testing.T) {
	text := networkRules +
		`  - {id: hosts, when: 'source in list("hosts") or callee in list("empty")', block: administrative}` + "\n" +
		`  - {id: personal, when: 'callers in list("personal", callee) and caller in list("numbers")', block: subscriber}` + "\n"
	rs := compiled(t, Settings{Country: "US"}, append([]string{"rules.yaml", text}, networkLists...)...)
	if len(rs.Warnings()) > 0 {
		t.Errorf("warnings: %v", rs.Warnings())
	}
	e := running(t, Options{}, rs)
	for _, tt := range []struct{ source, caller, callee, want string }{
		{"192.0.2.9", "+12125550199", "+12025550142", "hosts"},
		{"::ffff:192.0.2.9", "+12125550199", "+12025550142", "hosts"},
		{"2001:db8::9", "+12125550199", "+12025550142", "hosts"},
		{"198.51.100.1", "+12125550143", "+12025550142", "personal"},
		{"198.51.100.1", "+12125550143", "+12025550143", ""},
		{"198.51.100.1", "+12125550144", "+12025550142", ""},
	} {
		c := testCall(tt.caller, tt.callee)
		c.Source, c.At = netip.MustParseAddr(tt.source), noon
		var v Verdict
		e.Decide(c, &v)
		got := ""
		if v.Rule != nil {
			got = v.Rule.ID
		}
		if got != tt.want {
			t.Errorf("%s to %s from %s is stopped by %q, want %q", tt.caller, tt.callee, tt.source, got, tt.want)
		}
		if x := e.Explain(c).String(); tt.want == "personal" && !strings.Contains(x, "personal.csv:2") || tt.want == "hosts" && !strings.Contains(x, "hosts.csv:") {
			t.Errorf("the explanation does not name the row:\n%s", x)
		}
	}
}

func TestRulesAskForTheWrongKindOfList(t *testing.T) {
	for _, tt := range []struct{ when, want string }{
		{`caller in list("personal")`, `list "personal" is per callee and has no rows for everybody (write list("personal", callee))`},
		{`caller in list("personal", caller)`, `list "personal" is per callee, not per caller (write list("personal", callee))`},
		{`caller in list("numbers", callee)`, `list "numbers" is for everybody, not per subscriber (write list("numbers"), or declare it with per: callee)`},
		{`source in list("personal", callee)`, `list "personal" is per callee, which holds numbers`},
		{`domain in list("hosts")`, `domain is text, a list holds numbers`},
		{`caller in list("numbers", callee, caller)`, `list takes one or two arguments, got 3`},
		{`caller in list("personal", "callee")`, `"callee" is a constant`},
		{`source in list("numbers")`, `warning: source is in no row of list "numbers": it holds only numbers`},
		{`caller in list("hosts")`, `warning: caller is in no row of list "hosts": it holds only networks`},
	} {
		text := networkRules + fmt.Sprintf("  - {id: a, when: '%s', block: administrative}\n", tt.when)
		dir := writeFiles(t, append([]string{"rules.yaml", text}, networkLists...)...)
		rs, err := Compile(Settings{Country: "US", Files: []string{dir + "/rules.yaml"}})
		got := fmt.Sprint(err)
		if rs != nil {
			for _, w := range rs.Warnings() {
				got += "\nwarning: " + w.Message
			}
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.when, got, tt.want)
		}
	}
}
