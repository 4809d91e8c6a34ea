package rules

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// allBulk makes a bulk of the plain rows of any list.
var allBulk = listOptions{plain: 1}

// loadBoth loads lines with a bulk and without.
func loadBoth(t testing.TB, spec listSpec, lines []string) (large, small *List) {
	t.Helper()
	small, findings := listOf(t, spec, lines...)
	if small == nil {
		t.Fatal(Diagnostics(findings))
		return nil, nil
	}
	large, findings = loadListWith(small.listSpec, allBulk)
	if large == nil {
		t.Fatal(Diagnostics(findings))
	}
	return large, small
}

// A list with a bulk finds the rows that one without does, numbers are those of
// a plain map.
func TestBulkFindsAsAMapDoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.csv")
	looked := 0
	rapid.Check(t, func(rt *rapid.T) {
		number := rapid.Custom(func(rt *rapid.T) uint64 {
			line := rapid.Uint64Range(0, 9_999).Draw(rt, "line")
			switch rapid.IntRange(0, 5).Draw(rt, "kind") {
			case 0:
				return rapid.Uint64Range(20_000, 999_999_999_999_900).Draw(rt, "anything")
			case 1:
				return 44_207_946_0000 + line
			case 2:
				return 49_30 + rapid.Uint64Range(0, 2).Draw(rt, "block")*blockSize
			case 3:
				return 1_202_555_0000 + line%100 // often the same
			case 4:
				return 1_999_999_0000 + line
			}
			return 1_303_555_0000 + rapid.Uint64Range(0, 3).Draw(rt, "block")*blockSize + line
		})
		lines := []string{"number,note,expires"}
		plain, known := map[uint64]bool{}, []uint64{1_000_000_0000, 1_999_999_9999, 2_000_000_0000, 999_999_9999}
		add := func(n uint64, note, expires string) {
			lines = append(lines, fmt.Sprintf("+%d,%s,%s", n, note, expires))
			known = append(known, n, n+1, n-1)
			plain[n] = plain[n] || note == "" && expires == ""
		}
		add(4420_0000, "", "")
		add(4420_0001, "", "")
		if rapid.Bool().Draw(rt, "dense") {
			from := rapid.Uint64Range(0, 9_000).Draw(rt, "from")
			for i := range rapid.Uint64Range(500, 1000).Draw(rt, "numbers") {
				add(1_212_555_0000+from+i, "", "")
			}
		}
		for range rapid.IntRange(2, 300).Draw(rt, "rows") {
			n := number.Draw(rt, "number")
			switch rapid.IntRange(0, 9).Draw(rt, "row") {
			case 0:
				add(n, "a note", "")
			case 1:
				add(n, "", noon.Add(time.Duration(rapid.IntRange(-1, 1).Draw(rt, "hours"))*time.Hour).Format(time.RFC3339))
			case 2:
				lines = append(lines, fmt.Sprintf("+%d*,,", n/1000))
			case 3:
				lines = append(lines, fmt.Sprintf("+%d-+%d,,", n, n+10-n%10))
			default:
				add(n, "", "")
			}
		}
		large, small := loadBoth(t, listSpec{Name: "spam", File: file, Why: DNO}, lines)
		if large.bulk == nil || small.bulk != nil {
			rt.Fatalf("bulk %v and %v", large.bulk, small.bulk)
		}
		if large.Len() != small.Len() {
			rt.Fatalf("%d rows, want %d", large.Len(), small.Len())
		}
		for _, n := range append(known, rapid.SliceOfN(number, 50, 50).Draw(rt, "others")...) {
			looked++
			got, want := large.Row(large.Find(Number{n}, noon)), small.Row(small.Find(Number{n}, noon))
			if got.Line == 0 {
				want.Line = 0
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("+%d differs (-want +got):\n%s", n, diff)
			}
			if held := got.Pattern == (Number{n}).String(); plain[n] && !held {
				rt.Fatalf("+%d is listed and found as %q", n, got.Pattern)
			}
		}
	})
	if !t.Failed() && looked < 20_000 {
		t.Errorf("only %d look-ups", looked)
	}
}

// Of a number that is there with and without more to say, the row that a list
// without a bulk takes counts.
func TestBulkBesideRowsWithMoreToSay(t *testing.T) {
	large, small := loadBoth(t, listSpec{}, []string{
		"number,note,expires",
		"+12025551234,,", "+12025551234,later,", // the plain one came first
		"+12025551235,first,", "+12025551235,,", // the other did
		"+12025551236,short,2026-01-01", "+12025551236,,", // the plain one lives longer
		"+12025551237,,", "+12025551237,short,2026-01-01",
		"+12025551238,short,2026-01-01", "+12025551238,,", "+12025551238,,",
		"+12025551239,,", "+12025551239,,",
	})
	if large.Len() != 6 || small.Len() != 6 {
		t.Errorf("%d and %d rows", large.Len(), small.Len())
	}
	for n := uint64(12025551234); n <= 12025551239; n++ {
		got, want := large.Row(large.Find(Number{n}, noon)), small.Row(small.Find(Number{n}, noon))
		if got.Note != want.Note || got.Pattern != want.Pattern || !got.Expires.Equal(want.Expires) {
			t.Errorf("+%d is %+v, want %+v", n, got, want)
		}
	}
	said := fmt.Sprint(Diagnostics(large.warnings))
	for _, want := range []string{":3: list \"spam\": the same number as on a line before", ":5: list \"spam\": the same as line 4", "rows that are the same as others: 1"} {
		if !strings.Contains(said, want) {
			t.Errorf("warnings %s\nlack %q", said, want)
		}
	}
}

func TestBulkOfPackedAndEmptyAndBrokenFiles(t *testing.T) {
	dir := t.TempDir()
	var rows strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&rows, "+1303%07d\n", i*7%5000)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(rows.String()))
	_ = w.Close()
	write := func(name string, content []byte) listSpec {
		spec := listSpec{Name: "spam", File: filepath.Join(dir, name)}
		if err := os.WriteFile(spec.File, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return spec
	}
	l, findings := loadListWith(write("a.csv.gz", packed.Bytes()), listOptions{plain: 1000})
	if l == nil || l.bulk == nil || l.Len() != 5000 || len(findings) > 0 {
		t.Errorf("a packed list: %v", Diagnostics(findings))
	}
	if l.bulk != nil && len(l.bulk.words) != bitmapWords {
		t.Errorf("a dense block takes %d words", len(l.bulk.words))
	}
	if l, _ = loadListWith(write("b.csv", []byte(rows.String())), listOptions{plain: 5000}); l == nil || l.bulk != nil || l.Row(1).Line != 1 {
		t.Error("a list of as many rows as keep their lines does not keep them")
	}
	for name, content := range map[string]string{
		"cut.csv":   rows.String() + "+1303",
		"nul.csv":   rows.String() + "\x00\n",
		"alice.csv": rows.String() + strings.Repeat("alice\n", 300),
	} {
		l, findings := loadListWith(write(name, []byte(content)), allBulk)
		if l != nil || len(findings) == 0 || len(findings) > maxFindings+1 || findings[0].Line != 5001 {
			t.Errorf("%s: %d findings, first %v", name, len(findings), findings[:1])
		}
	}
	if _, findings := loadListWith(write("cut.csv.gz", packed.Bytes()[:packed.Len()-9]), allBulk); len(findings) != 1 {
		t.Errorf("a packed list that is cut off: %v", findings)
	}
	if l, findings := loadListWith(write("c.csv", []byte(rows.String())), listOptions{bytes: 1000}); l != nil || len(findings) != 1 || !strings.Contains(findings[0].Message, "is larger than 0 MB, split the list") {
		t.Errorf("a file beyond the bound: %v", findings)
	}
	if l, findings := loadListWith(write("d.csv.gz", packed.Bytes()), listOptions{bytes: 60_000}); l != nil || len(findings) != 1 || !strings.Contains(findings[0].Message, "MB unpacked") {
		t.Errorf("a packed file beyond the bound: %v", findings)
	}
}

// A file that other numbers are written to between both readings is refused.
func TestBulkOfAFileThatChanges(t *testing.T) {
	count := func(numbers ...uint64) *bulkBuilder {
		b := newBulkBuilder()
		for _, n := range numbers {
			b.count(n)
		}
		if err := b.allocate(); err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, fill := range map[string][]uint64{
		"less": {13035550000}, "more": {13035550000, 13035550001, 13035550002}, "another": {13035550000, 13035550002},
		"another block": {13035550000, 13035560000}, "abroad": {13035550000, 442079460000}, "order": {13035550001, 13035550000}, "none": nil,
	} {
		b := count(13035550000, 13035550001)
		for _, n := range fill {
			b.fill(n, true)
		}
		if _, ok := b.finish(nil); ok {
			t.Errorf("%s: not noticed", name)
		}
	}
	b := count(13035550000, 13035550001)
	b.fill(13035550000, true)
	b.fill(13035550001, true)
	if got, ok := b.finish(nil); !ok || got.size != 2 || !got.has(13035550001) {
		t.Error("the same numbers are refused")
	}
}

func TestHoldsInAnyBlock(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		block := make([]uint16, 1+r.IntN(bitmapWords-1))
		from, span := r.IntN(blockSize/2), 1+r.IntN(blockSize/2)
		for i := range block {
			block[i] = uint16(from + r.IntN(span))
		}
		slices.Sort(block)
		block = slices.Compact(block)
		for line := range uint16(blockSize) {
			if _, want := slices.BinarySearch(block, line); holds(block, line) != want {
				t.Fatalf("%d in %v is %v", line, block, !want)
			}
		}
	}
}

// The memory of a bulk does not go back while the list is in use.
func TestBulkStaysInUse(t *testing.T) {
	lines := make([]string, 100_000)
	for i := range lines {
		lines[i] = fmt.Sprintf("+1303%07d", i*97)
	}
	spec := listSpec{File: filepath.Join(t.TempDir(), "list.csv")}
	_, small := loadBoth(t, spec, lines)
	for range 20 {
		l, _ := loadListWith(small.listSpec, allBulk)
		runtime.GC()
		for i := range 100 {
			if l.Find(Number{13030000000 + uint64(i*97)}, noon) == 0 {
				t.Fatal("a number is gone")
			}
		}
	}
}
