package rules

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// million writes a list of 1,000,000 numbers, one a line.
func million(tb testing.TB) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "million.csv")
	file, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	out := bufio.NewWriter(file)
	for i := range uint64(1_000_000) {
		fmt.Fprintln(out, listedNumber(i))
	}
	if err := out.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := file.Close(); err != nil {
		tb.Fatal(err)
	}
	return name
}

// listedNumber is the i-th of a million numbers, spread over the NANP.
func listedNumber(i uint64) Number { return Number{nanp + 2_000_000_000 + i*7919%8_000_000_000} }

func BenchmarkLoadList(b *testing.B) {
	name := million(b)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var l *List
	for b.Loop() {
		l, _ = loadList(listSpec{Name: "million", File: name})
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(l.Len()), "B/row")
	if l.Len() != 1_000_000 {
		b.Fatalf("%d rows", l.Len())
	}
}

func BenchmarkListFind(b *testing.B) {
	plain, _ := loadList(listSpec{Name: "million", File: million(b)})
	mixed := mustList(b, listSpec{}, "+1202555*", "+130355*", "+1404NXX0000", "+1505*", "+16065550000-+16065559999", "+17075550000-+17075550099", "+442079460000")
	numbers := make([]Number, 1<<16)
	for name, random := range map[string]func() Number{
		"listed":   func() Number { return listedNumber(rand.Uint64N(1_000_000)) },
		"unlisted": func() Number { return Number{nanp + 2_000_000_000 + rand.Uint64N(8_000_000_000)} },
	} {
		for i := range numbers {
			numbers[i] = random()
		}
		for list, l := range map[string]*List{"million": plain, "patterns": mixed} {
			b.Run(list+"/"+name, func(b *testing.B) {
				i := 0
				for b.Loop() {
					l.Find(numbers[i&(len(numbers)-1)], noon)
					i++
				}
			})
		}
	}
}

func BenchmarkPlanNumber(b *testing.B) {
	us, de := plan(b, "US", "2XXX", "1XX"), plan(b, "DE")
	for _, bb := range []struct {
		name, user string
		plan       *Plan
	}{
		{"global", "+12025551234", us},
		{"national", "2025551234", us},
		{"separators", "+1 (202) 555-1234", us},
		{"international", "011442079460000", us},
		{"extension", "2001", us},
		{"open", "03012345678", de},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				bb.plan.Number(bb.user)
			}
		})
	}
}

func BenchmarkFacts(b *testing.B) {
	table, bare := facts(b, 1<<20), facts(b, 0)
	british := global(b, "+442079460000")
	table.keep(british)
	for _, bb := range []struct {
		name  string
		table *factTable
		of    Number
	}{
		{"nanp", table, global(b, "+12125551234")},
		{"caribbean", table, global(b, "+18762345678")},
		{"cached", table, british},
		{"uncached", bare, british},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				bb.table.Of(bb.of)
			}
		})
	}
}

func BenchmarkEmergency(b *testing.B) {
	table, err := NewEmergency(nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		table.Called("sip:+12025551234@example.net", "+12025551234")
	}
}

func BenchmarkLearnedHas(b *testing.B) {
	lists := NewLearnedLists(200_000, nil)
	entries := make([]LearnedEntry, 100_000)
	for i := range entries {
		entries[i] = LearnedEntry{List: "dead", Number: listedNumber(uint64(i)), Until: noon.Add(time.Hour)}
	}
	lists.Restore(entries, noon)
	l := lists.Named("dead")
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := rand.Uint64(); pb.Next(); i++ {
			l.has(everybody(listedNumber(i%200_000)), noon)
		}
	})
}

func BenchmarkPending(b *testing.B) {
	p := newPending(1 << 17)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := rand.Int(); pb.Next(); i++ {
			remember(p, i)
		}
	})
}
