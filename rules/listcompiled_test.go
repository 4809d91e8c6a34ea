package rules

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// variety are rows of all kinds, and more plain ones than allBulk keeps.
var variety = []string{
	"number,why,source,note,added,expires",
	"+12025551234,,,,,", "+12025551235,,,,,", "+442079460000,,,,,", "+442079460001,,,,,",
	"+13035550260,dno,feed,\"a, note\",2026-01-02,2026-06-01", "+13035550261,,feed,\"a, note\",,",
	"+1404*,,,,,2026-01-01", "+1505NXX0000,subscriber,,,,", "+16065550000-+16065550099,,,r,,",
	"192.0.2.0/24,,,n,,", "2001:db8::7,,,,,",
}

// compile writes the compiled form of l beside its file.
func compile(t testing.TB, l *List) string {
	t.Helper()
	file := strings.TrimSuffix(l.File, ".csv") + ".rfl"
	if err := l.WriteCompiled(file); err != nil {
		t.Fatal(err)
	}
	return file
}

// The compiled form loads as the list that it was built from.
func TestCompiledIsTheSameList(t *testing.T) {
	dense := []string{}
	for i := range 1000 {
		dense = append(dense, fmt.Sprintf("+1212555%04d", 9*i))
	}
	for name, tt := range map[string]struct {
		spec    listSpec
		options listOptions
		lines   []string
	}{
		"with a bulk":    {listSpec{Why: Analytics}, allBulk, slices.Concat(variety, dense)},
		"without a bulk": {listSpec{Why: Analytics, Country: "US"}, listOptions{}, variety},
		"per subscriber": {listSpec{Per: "callee"}, allBulk, []string{"number,subscriber,note", "+12025551234,+13035550260,x", "+1202*,+13035550260,", "+12025551234,+13035550261,"}},
		"empty":          {listSpec{Empty: true}, listOptions{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			source, findings := listOf(t, tt.spec, tt.lines...)
			if source == nil {
				t.Fatal(Diagnostics(findings))
			}
			source, _ = loadListWith(source.listSpec, tt.options)
			if got := source.bulk != nil; got != (name == "with a bulk") {
				t.Fatalf("bulk: %v", got)
			}
			spec := source.listSpec
			spec.File = compile(t, source)
			l, findings := loadList(spec)
			if l == nil || len(findings) > 0 {
				t.Fatal(Diagnostics(findings))
			}
			if l.Len() != source.Len() || l.Networks() != source.Networks() || l.Origin() != filepath.Base(source.File) {
				t.Errorf("%d rows, %d networks, from %s", l.Len(), l.Networks(), l.Origin())
			}
			for r := RowRef(1); int(r) <= len(source.rows); r++ {
				if diff := cmp.Diff(source.Row(r), l.Row(r)); diff != "" {
					t.Errorf("row %d differs (-want +got):\n%s", r, diff)
				}
			}
			for n := uint64(1_202_555_1000); n < 1_202_555_2000; n++ {
				checkSame(t, source, l, n)
			}
			for n := uint64(1_212_555_0000); n < 1_212_556_0000; n++ {
				checkSame(t, source, l, n)
			}
			for _, n := range []uint64{44_207_946_0000, 44_207_946_0001, 44_207_946_0002, 1_303_555_0260, 1_404_555_0000, 1_505_222_0000, 1_606_555_0001} {
				checkSame(t, source, l, n)
			}
			again := filepath.Join(t.TempDir(), "again.rfl")
			if err := l.WriteCompiled(again); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(content(t, spec.File), content(t, again)) {
				t.Error("what is built from a compiled list differs from it")
			}
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(spec.File), ".*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func content(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func checkSame(t *testing.T, want, got *List, number uint64) {
	t.Helper()
	n, subscriber := Number{number}, Number{13035550260}
	if a, b := want.Find(n, noon), got.Find(n, noon); a != b {
		t.Errorf("%s is found in row %d, want %d", n, b, a)
	}
	if a, b := want.FindFor(subscriber, n, noon), got.FindFor(subscriber, n, noon); a != b {
		t.Errorf("%s of %s is found in row %d, want %d", n, subscriber, b, a)
	}
}

func TestCompiledThatIsBroken(t *testing.T) {
	source := mustList(t, listSpec{}, variety...)
	source, _ = loadListWith(source.listSpec, allBulk)
	good := content(t, compile(t, source))
	change := func(f func(b []byte) []byte) []byte { return f(slices.Clone(good)) }
	for name, tt := range map[string]struct {
		content []byte
		spec    listSpec
		want    string
	}{
		"cut off":        {good[:len(good)-3], listSpec{}, fmt.Sprintf("is cut off after %d of %d bytes (copy it again, or build it again: ringfence list build)", len(good)-3, len(good))},
		"header":         {good[:20], listSpec{}, "is cut off after 20 of 48 bytes"},
		"nothing":        {nil, listSpec{}, "is cut off after 0 of 48 bytes"},
		"longer":         {change(func(b []byte) []byte { return append(b, 0) }), listSpec{}, "is damaged"},
		"a bit":          {change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), listSpec{}, "is damaged: what it holds does not fit its checksum (copy it again, or build it again: ringfence list build)"},
		"a text":         {change(func(b []byte) []byte { b[compiledHeader+20] ^= 1; return b }), listSpec{}, "is damaged"},
		"checksum":       {change(func(b []byte) []byte { b[12] ^= 1; return b }), listSpec{}, "is damaged"},
		"sizes":          {change(func(b []byte) []byte { b[24] ^= 1; return b }), listSpec{}, "is damaged"},
		"version":        {change(func(b []byte) []byte { b[8] = 9; return b }), listSpec{}, "is a compiled list of version 9, this program reads version 1 (build it again: ringfence list build with this program)"},
		"garbage":        {bytes.Repeat([]byte("garbage\n"), 100), listSpec{}, "is no compiled list, though it is named .rfl (build it again: ringfence list build)"},
		"per subscriber": {good, listSpec{Per: "callee"}, "its rows are everybody's, but the list is declared with per: callee"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.spec.Name, tt.spec.File = "spam", filepath.Join(t.TempDir(), "list.rfl")
			if err := os.WriteFile(tt.spec.File, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			l, findings := loadList(tt.spec)
			if l != nil || len(findings) != 1 || !strings.Contains(findings[0].Error(), "list.rfl: list \"spam\": "+tt.want) {
				t.Errorf("list %v, findings %v, want %s", l != nil, Diagnostics(findings), tt.want)
			}
		})
	}
	subscribers := mustList(t, listSpec{Per: "callee"}, "number,subscriber", "+12025551234,+13035550260")
	l, findings := loadList(listSpec{Name: "spam", File: compile(t, subscribers)})
	if l != nil || len(findings) != 1 || !strings.Contains(findings[0].Error(), "its rows are those of subscribers, but the list is declared for everybody (declare it with per: callee)") {
		t.Errorf("subscribers' rows for everybody: %v", findings)
	}
	if err := source.WriteCompiled(source.File); err == nil || !strings.Contains(err.Error(), "is the list itself, which would be lost") {
		t.Errorf("onto itself: %v", err)
	}
	if err := source.WriteCompiled(filepath.Join(t.TempDir(), "list.csv.gz")); err == nil || !strings.Contains(err.Error(), "would be read as gzip (name it list.csv.rfl)") {
		t.Errorf("into a packed file: %v", err)
	}
	for _, mode := range []fs.FileMode{0o600, 0o644} {
		if err := os.Chmod(source.File, mode); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(compile(t, source)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode %v of a list of %v: %v", info.Mode(), mode, err)
		}
	}
	if err := source.WriteCompiled(filepath.Join(t.TempDir(), "none", "list.rfl")); err == nil || !strings.Contains(err.Error(), fs.ErrNotExist.Error()) && !strings.Contains(err.Error(), "no such") {
		t.Errorf("into no folder: %v", err)
	}
}

// FuzzCompiled: whatever a compiled list holds under a good checksum, it loads
// whole or not at all, and what loads can be asked.
func FuzzCompiled(f *testing.F) {
	for _, lines := range [][]string{variety, variety[:3], {"+12025551234"}} {
		for _, o := range []listOptions{allBulk, {}} {
			l := mustList(f, listSpec{}, lines...)
			l, _ = loadListWith(l.listSpec, o)
			data := content(f, compile(f, l))
			sizes := binary.LittleEndian
			f.Add(data[compiledHeader:], sizes.Uint64(data[24:]), sizes.Uint64(data[32:]))
		}
	}
	f.Fuzz(func(t *testing.T, sections []byte, rows, blocks uint64) {
		sizes := compiledSizes{File: uint64(len(sections)) + compiledHeader, Rows: rows, Blocks: blocks, Words: uint64(len(sections)) - rows - blocks}
		header := append([]byte(compiledMagic), 1, 0, 0, 0)
		sum := crc32.Update(crc32.Checksum(sections, castagnoli), castagnoli, sizes.bytes())
		data := slices.Concat(binary.LittleEndian.AppendUint32(header, sum), sizes.bytes(), sections)
		l := newListLoader(listSpec{Name: "fuzz", File: "fuzz.rfl", Empty: true})
		list, findings := l.loadCompiled(bytes.NewReader(data), int64(len(data)))
		if list == nil {
			if len(findings) == 0 || findings[0].Message == "" || findings[0].File != "fuzz.rfl" {
				t.Fatalf("refused with %v", findings)
			}
			return
		}
		for r := RowRef(1); int(r) <= len(list.rows); r++ {
			row := list.Row(r)
			if n, err := ParseNumber(row.Pattern); err == nil && row.Expires.IsZero() && list.Find(n, noon) != r {
				t.Fatalf("%s of row %d is not found", row.Pattern, r)
			}
		}
		if list.Len() < len(list.rows) {
			t.Fatalf("%d rows of %d", list.Len(), len(list.rows))
		}
		for n := uint64(1); n < 1_000_000_000_000_000; n = n*3 + 1 {
			list.Find(Number{n}, noon)
		}
	})
}
