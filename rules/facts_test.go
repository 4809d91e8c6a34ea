package rules

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func facts(t testing.TB, cacheBytes int64) *factTable {
	t.Helper()
	f, err := newFacts(cacheBytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// keep asks about n and waits until the cache has it.
func (t *factTable) keep(n Number) {
	t.Of(n)
	for {
		if _, ok := t.cache.Get(n.key); ok {
			return
		}
		runtime.Gosched()
	}
}

func TestFacts(t *testing.T) {
	us := plan(t, "US", "2XXX")
	tests := []struct {
		number string
		want   Facts
	}{
		// NANP, geographic.
		{"+12025551212", Facts{true, false, "US", "fixed-or-mobile"}},
		{"+12125550099", Facts{true, false, "US", "fixed-or-mobile"}},
		{"+12125550200", Facts{true, false, "US", "fixed-or-mobile"}},
		{"+14165550234", Facts{true, false, "CA", "fixed-or-mobile"}},
		{"+16135551234", Facts{true, false, "CA", "fixed-or-mobile"}},
		{"+18762345678", Facts{true, false, "JM", "mobile"}},
		{"+18095551234", Facts{true, false, "DO", "fixed-or-mobile"}},
		{"+17875551234", Facts{true, false, "PR", "fixed-or-mobile"}},
		{"+12425551234", Facts{true, false, "BS", "fixed-or-mobile"}},
		{"+14412345678", Facts{true, false, "BM", "mobile"}},
		{"+14414123456", Facts{true, false, "BM", "fixed"}},
		{"+12423001234", Facts{true, false, "BS", "toll-free"}},
		{"+16792345678", Facts{true, false, "US", "fixed-or-mobile"}},
		{"+13572345678", Facts{true, false, "US", "fixed-or-mobile"}},

		// NANP, invalid.
		{"+12025550100", Facts{false, false, "US", "unknown"}},
		{"+12025550142", Facts{false, false, "US", "unknown"}},
		{"+12025550199", Facts{false, false, "US", "unknown"}},
		{"+12021555123", Facts{false, false, "US", "unknown"}},
		{"+12020555123", Facts{false, false, "US", "unknown"}},
		{"+12022115123", Facts{false, false, "US", "unknown"}},
		{"+12029115123", Facts{false, false, "US", "unknown"}},
		{"+14166115123", Facts{false, false, "CA", "unknown"}},
		{"+12115551234", Facts{false, false, "US", "unknown"}},
		{"+12905551234", Facts{false, false, "US", "unknown"}},
		{"+13705551234", Facts{false, false, "US", "unknown"}},
		{"+19605551234", Facts{false, false, "US", "unknown"}},
		{"+12222222222", Facts{false, false, "US", "unknown"}},
		{"+19999999999", Facts{false, false, "US", "unknown"}},
		{"+10000000000", Facts{false, false, "US", "unknown"}},
		{"+11234567890", Facts{false, false, "US", "unknown"}},
		{"+14562345678", Facts{false, true, "US", "unknown"}},
		{"+17002345678", Facts{false, false, "US", "unknown"}},
		{"+17102345678", Facts{false, true, "US", "unknown"}},
		{"+15552345678", Facts{false, false, "US", "unknown"}},
		{"+1202555", Facts{false, false, "US", "unknown"}},
		{"+120255512345", Facts{false, false, "US", "unknown"}},

		// NANP, of area codes that may have opened meanwhile.
		{"+19242345678", Facts{false, true, "US", "unknown"}},
		{"+17292345678", Facts{false, true, "US", "unknown"}},
		{"+19240345678", Facts{false, false, "US", "unknown"}},
		{"+19249115678", Facts{false, false, "US", "unknown"}},
		{"+15552345678", Facts{false, false, "US", "unknown"}},
		{"+19502345678", Facts{false, false, "US", "unknown"}},
		{"+13792345678", Facts{false, false, "US", "unknown"}},
		{"+19692345678", Facts{false, false, "US", "unknown"}},
		{"+18112345678", Facts{false, false, "US", "unknown"}},
		{"+18912345678", Facts{false, false, "US", "unknown"}},
		{"+14442345678", Facts{false, false, "US", "unknown"}},
		{"+11232345678", Facts{false, false, "US", "unknown"}},

		// NANP, not geographic.
		{"+18002345678", Facts{true, false, "US", "toll-free"}},
		{"+18332115678", Facts{true, false, "US", "toll-free"}},
		{"+18009115678", Facts{false, false, "US", "unknown"}},
		{"+18005550199", Facts{false, false, "US", "unknown"}},
		{"+18005550142", Facts{true, false, "US", "toll-free"}},
		{"+18222345678", Facts{false, true, "US", "unknown"}},
		{"+19002345678", Facts{true, false, "US", "premium"}},
		{"+15002345678", Facts{true, false, "US", "personal"}},

		// Elsewhere.
		{"+442079460000", Facts{true, false, "GB", "fixed"}},
		{"+447400123456", Facts{true, false, "GB", "mobile"}},
		{"+447911123456", Facts{true, false, "GG", "mobile"}},
		{"+441534456789", Facts{true, false, "JE", "fixed"}},
		{"+441624756789", Facts{true, false, "IM", "fixed"}},
		{"+448001234567", Facts{true, false, "GB", "toll-free"}},
		{"+449012345678", Facts{true, false, "GB", "premium"}},
		{"+445612345678", Facts{true, false, "GB", "voip"}},
		{"+4930123456", Facts{true, false, "DE", "fixed"}},
		{"+491512345678", Facts{false, false, "DE", "unknown"}},
		{"+390612345678", Facts{true, false, "IT", "fixed"}},
		{"+80012345678", Facts{true, false, "", "toll-free"}},
		{"+77010001234", Facts{true, false, "KZ", "mobile"}},
		{"+44123", Facts{false, false, "GB", "unknown"}},
		{"+99912345678", Facts{false, false, "", "unknown"}},

		// No global numbers.
		{"2001", Facts{}},
		{"911", Facts{}},
		{"alice", Facts{}},
	}
	for _, cacheBytes := range []int64{0, 1 << 20} {
		table := facts(t, cacheBytes)
		for _, tt := range tests {
			n := us.Number(tt.number)
			for range 2 {
				if got := *table.Of(n); got != tt.want {
					t.Errorf("cache of %d bytes: %s is %+v, want %+v", cacheBytes, tt.number, got, tt.want)
				}
			}
		}
	}
}

// The table of area codes says what the library says, except where the rules
// beyond it are the point and for area codes that it does not know yet.
func TestAreasAgreeWithLibrary(t *testing.T) {
	table := facts(t, 0)
	opened := map[int]bool{}
	for _, o := range openedAreas {
		opened[o.code] = true
	}
	valid := 0
	for code := 200; code <= 999; code++ {
		number := fmt.Sprintf("+1%d2345678", code)
		n, err := ParseNumber(number)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := phonenumbers.Parse(number, "")
		if err != nil {
			t.Fatal(err)
		}
		got, library := table.Of(n), phonenumbers.IsValidNumber(parsed)
		if opened[code] {
			if library {
				t.Errorf("the library knows area code %d now: take it out of openedAreas", code)
			}
			if !got.Valid {
				t.Errorf("%s is invalid, its area code is open", number)
			}
			continue
		}
		if library && !got.Valid {
			t.Errorf("%s is %+v, the library calls it valid", number, got)
		}
		if region := phonenumbers.GetRegionCodeForNumber(parsed); library && got.Country != region {
			t.Errorf("%s is in %s, the library has %s", number, got.Country, region)
		}
		if library && numberTypes[phonenumbers.GetNumberType(parsed)] != got.Type {
			t.Errorf("%s is %s, the library has %s", number, got.Type, numberTypes[phonenumbers.GetNumberType(parsed)])
		}
		if got.Valid {
			valid++
		}
	}
	if valid < 450 || valid > 480 {
		t.Errorf("%d area codes are valid, want about 468", valid)
	}
}

// What the library calls a valid NANP number has the same country and type
// here, and is valid but for the rules that the library does not know.
func TestNANPAgreesWithLibrary(t *testing.T) {
	table := facts(t, 0)
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom([]uint64{212, 242, 246, 305, 416, 441, 500, 600, 787, 800, 809, 868, 876, 900}).Draw(t, "area")
		line := rapid.Uint64Range(200_0000, 999_9999).Draw(t, "line")
		n := Number{nanp + code*10_000_000 + line}
		parsed, err := phonenumbers.Parse(n.String(), "")
		if err != nil {
			t.Fatal(err)
		}
		if !phonenumbers.IsValidNumber(parsed) {
			return
		}
		want := Facts{true, false, phonenumbers.GetRegionCodeForNumber(parsed), numberTypes[phonenumbers.GetNumberType(parsed)]}
		exchange := line / 10_000
		reserved := exchange%100 == 11 || exchange == 555
		if got := *table.Of(n); got != want && (got.Valid || !reserved) {
			t.Fatalf("%s is %+v, the library has %+v", n, got, want)
		}
	})
}

func TestFactStats(t *testing.T) {
	table := facts(t, 1<<20)
	n, err := ParseNumber("+442079460000")
	if err != nil {
		t.Fatal(err)
	}
	table.keep(n)
	table.Of(n)
	if got, want := table.Stats(), (FactStats{Hits: 1, Misses: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	us, err := ParseNumber("+12125551212")
	if err != nil {
		t.Fatal(err)
	}
	table.Of(us)
	if got := table.Stats(); got.Hits+got.Misses != 2 {
		t.Errorf("a NANP number went to the cache: %+v", got)
	}
}

// leavesNone is to be deferred: it waits until the goroutines that have begun
// since then have ended.
func leavesNone(t *testing.T) func() {
	before := goleak.IgnoreCurrent()
	return func() {
		for end := time.Now().Add(2 * time.Minute); ; {
			err := goleak.Find(before)
			if err == nil {
				return
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
}

func TestFactsEndWithTheirTable(t *testing.T) {
	defer leavesNone(t)()
	table, err := newFacts(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	table.Close()
}
