//go:build !race

package rules

import (
	"net/netip"
	"testing"
	"time"
)

func TestNumbersDoNotAllocate(t *testing.T) {
	us, de := plan(t, "US", "2XXX"), plan(t, "DE")
	table := facts(t, 1<<20)
	emergency, err := NewEmergency([]string{"116117"})
	if err != nil {
		t.Fatal(err)
	}
	carriers, err := newTrunks([]Trunk{{Name: "a", Networks: networks("192.0.2.0/24", "2001:db8::/32")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := mustList(t, listSpec{}, "number,expires", "+12025551234,2030-01-01", "+1202555*,", "+1202NXX*,", "+12025551000-+12025551999,", "+442079460000,")
	learned := newSchool(100, dead)
	learned.hear(t, gone, 404, "carrier-a", noon)
	dead := learned.Named("dead")
	pending := newPending(1000)
	american, british := global(t, "+12025551234"), global(t, "+442079460000")
	table.keep(british)
	address := netip.MustParseAddr("::ffff:192.0.2.1")
	buffer := make([]byte, 0, 32)
	next := 0
	for name, f := range map[string]func(){
		"Number of ten digits":       func() { us.Number("2025551234") },
		"Number with separators":     func() { us.Number("+1 (202) 555-1234") },
		"Number with a prefix":       func() { us.Number("011442079460000") },
		"Number of an extension":     func() { us.Number("2001") },
		"Number in an open plan":     func() { de.Number("442079460000") },
		"Number that is none":        func() { us.Number("anonymous") },
		"Number that is too long":    func() { us.Number("1234567890123456789012345678901234567890") },
		"Append":                     func() { buffer = american.Append(buffer[:0]) },
		"facts in the NANP":          func() { table.Of(american) },
		"facts in the Caribbean":     func() { table.Of(Number{12425551234}) },
		"facts that are cached":      func() { table.Of(british) },
		"emergency call":             func() { emergency.Called("sip:9-1-1@example.net", "9-1-1") },
		"emergency service":          func() { emergency.Called("urn:service:SOS.fire", "") },
		"emergency number":           func() { emergency.Holds(american) },
		"trunk of an address":        func() { carriers.at(address) },
		"list, a number":             func() { list.Find(american, noon) },
		"list, a pattern":            func() { list.Find(Number{12025559999}, noon) },
		"list, a range":              func() { list.Find(Number{12025551000}, noon) },
		"list, expired":              func() { list.Find(american, noon.AddDate(10, 0, 0)) },
		"list, none":                 func() { list.Find(Number{33123456789}, noon) },
		"why of a row":               func() { list.WhyOf(1) },
		"learned":                    func() { dead.has(everybody(american), noon) },
		"learned, none":              func() { dead.has(everybody(british), noon.Add(time.Hour)) },
		"pending, added and told of": func() { next++; remember(pending, next) },
	} {
		if got := testing.AllocsPerRun(1000, f); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
	if stats := pending.Stats(); stats.Evicted != 0 || stats.Length < 900 {
		t.Errorf("%+v, want a ring that went round", stats)
	}
}
