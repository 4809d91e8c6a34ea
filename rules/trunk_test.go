package rules

import (
	"net/netip"
	"strings"
	"testing"
)

func networks(s ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, n := range s {
		all = append(all, netip.MustParsePrefix(n))
	}
	return all
}

func TestTrunks(t *testing.T) {
	all, err := newTrunks([]Trunk{
		{Name: "carrier-a", Networks: networks("192.0.2.0/24", "2001:db8::/32"), Country: "US", Trusted: true},
		{Name: "pbx-acme", Networks: networks("192.0.2.128/25", "::ffff:198.51.100.0/120"), Country: "GB", Extensions: []string{"2XXX"}},
		{Name: "pbx-door", Networks: networks("192.0.2.130/32")},
		{Name: "by-name"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"192.0.2.1": "carrier-a", "192.0.2.127": "carrier-a", "192.0.2.128": "pbx-acme", "192.0.2.130": "pbx-door",
		"192.0.2.131": "pbx-acme", "198.51.100.7": "pbx-acme", "::ffff:192.0.2.1": "carrier-a",
		"2001:db8::1": "carrier-a", "2001:db8::1%eth0": "carrier-a", "203.0.113.1": "", "2001:db9::1": "",
	} {
		got := ""
		if trunk := all.at(netip.MustParseAddr(address)); trunk != nil {
			got = trunk.Name
		}
		if got != want {
			t.Errorf("at %s is %q, want %q", address, got, want)
		}
	}
	if all.at(netip.Addr{}) != nil || all.named("") != nil || all.named("carrier") != nil {
		t.Error("there is a trunk of no address or of a name that nobody has")
	}
	acme := all.named("pbx-acme")
	if n := acme.plan.Number("2001"); n.Kind() != Private {
		t.Errorf("extension 2001 of pbx-acme is of kind %d", n.Kind())
	}
	if n := acme.plan.Number("02079460000"); n.String() != "+442079460000" {
		t.Errorf("02079460000 of pbx-acme is %s", n)
	}
	if !all.named("carrier-a").Trusted || acme.Trusted {
		t.Error("the wrong trunk is trusted")
	}
}

func TestTrunksTellAllThatIsWrong(t *testing.T) {
	_, err := newTrunks([]Trunk{
		{Name: " "},
		{Name: "a", Networks: networks("192.0.2.0/24")},
		{Name: "a"},
		{Name: "b", Country: "XX"},
		{Name: "c", Extensions: []string{"?"}},
		{Name: "d", Networks: []netip.Prefix{{}}},
		{Name: "e", Networks: networks("::ffff:0:0/90")},
		{Name: "f", Networks: networks("192.0.2.7/24")},
	}, nil)
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		"trunk 1 has no name", `trunk "a" is there twice`, `trunk "b": unknown country "XX"`, `trunk "c": extension "?"`,
		`trunk "d" has a network that is none`, `trunk "e": network`, `network 192.0.2.0/24 is of trunk "a" and of trunk "f"`,
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got\n%v\nwant %d lines", err, len(want))
	}
	for i, w := range want {
		if !strings.Contains(lines[i], w) {
			t.Errorf("line %d is %q, want %q", i+1, lines[i], w)
		}
	}
}
