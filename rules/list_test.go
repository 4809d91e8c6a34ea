package rules

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// listOf loads a list of lines; findings are what loadList says.
func listOf(t testing.TB, spec listSpec, lines ...string) (*List, []Diagnostic) {
	t.Helper()
	if spec.Name == "" {
		spec.Name = "spam"
	}
	if spec.File == "" {
		spec.File = filepath.Join(t.TempDir(), "list.csv")
	}
	if err := os.WriteFile(spec.File, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return loadList(spec)
}

// mustList loads a list without findings, but that a row is wide.
func mustList(t testing.TB, spec listSpec, lines ...string) *List {
	t.Helper()
	l, findings := listOf(t, spec, lines...)
	if slices.ContainsFunc(findings, func(d Diagnostic) bool { return d.Hint != wideHint }) {
		t.Fatal(Diagnostics(findings))
	}
	return l
}

func global(t testing.TB, s string) Number {
	t.Helper()
	n, err := ParseNumber(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestListFind(t *testing.T) {
	l := mustList(t, listSpec{Country: "US"},
		"# numbers of the feed",
		"+12025551234",                // 2
		"  (303) 555-1234  # noise",   // 3
		"",                            // 4
		"+1303555*",                   // 5
		"+13035551*",                  // 6
		"+1404NXX0000",                // 7
		"+14045550000-+14045550099",   // 8
		"505-555-0100-505-555-0199",   // 9
		"+1505555010X",                // 10
		"011442079460000",             // 11
		"+4420*",                      // 12
		"1606555*",                    // 13
		"707NXX*",                     // 14
		"+88213*",                     // 15
		"8085550100-8085559999",       // 16
		"+18085550100 - +18085550200", // 17
		"+18085550100-+18085550150",   // 18
		"01133*",                      // 19
		"+1-909-555-1234",             // 20
	)
	tests := map[string]int{
		"+12025551234": 2, "+12025551235": 0, "+1202555123": 0, "+120255512345": 0,
		"+13035551234": 3, "+13035551235": 6, "+13035552345": 5, "+1303555": 5, "+130355": 0, "+130355523456789": 5,
		"+14042340000": 7, "+14041340000": 0, "+14042341000": 0, "+14045550000": 8, "+14045550100": 0, "+140423400001": 0,
		"+15055550100": 10, "+15055550109": 10, "+15055550110": 9, "+15055550199": 9, "+15055550200": 0,
		"+442079460000": 11, "+442079460001": 12, "+442179460001": 0,
		"+16065550000": 13, "+17072345": 14, "+17071345": 0, "+7072345678": 0, "+88213123456": 15,
		"+18085550100": 18, "+18085550151": 17, "+18085550201": 16, "+18085550099": 0, "+18085559999": 16,
		"+33123456789": 19, "+19095551234": 20,
	}
	for number, want := range tests {
		r := l.Find(global(t, number), noon)
		if got := l.Row(r).Line; got != want {
			t.Errorf("%s is found on line %d, want %d", number, got, want)
		}
	}
	if l.Len() != 18 {
		t.Errorf("%d rows, want 18", l.Len())
	}
	us := plan(t, "US", "2XXX")
	for _, user := range []string{"2001", "911", "alice", ""} {
		if r := l.Find(us.Number(user), noon); r != 0 {
			t.Errorf("%q is found on row %d", user, r)
		}
	}
}

func TestListPatternsInTheirCountry(t *testing.T) {
	for country, rows := range map[string]map[string]string{
		"US": {"202555*": "+1202555*", "1202555*": "+1202555*", "nxx5550100": "+1NXX5550100", "011 44 20*": "+4420*", "+49*": "+49*", "2025550100-2025550199": "+12025550100-+12025550199", "+1 (202) 555-01XX": "+120255501XX"},
		"GB": {"020 7946*": "+44207946*", "0044 20*": "+4420*", "001202*": "+1202*", "07700900XXX": "+447700900XXX", "02079460000": "+442079460000"},
		"IT": {"06 1234*": "+39061234*", "3XX1234567": "+393XX1234567", "0044*": "+44*"},
		"RU": {"8495*": "+7495*", "8101202*": "+1202*"},
		"":   {"+1202555*": "+1202555*", "+4NX*": "+4NX*", "+12025550100-+12025550100": "+12025550100"},
	} {
		for in, want := range rows {
			l := mustList(t, listSpec{Country: country}, in)
			if got := l.Row(1).Pattern; got != want {
				t.Errorf("%s reads %q as %q, want %q", country, in, got, want)
			}
		}
	}
}

func TestListRows(t *testing.T) {
	l, findings := listOf(t, listSpec{Why: Analytics},
		"\ufeffNumber, why, Source ,note,added,expires,score\r",
		"+12025551234,,feed-a,\"called \"\"me\"\", twice\",2026-01-02,,9\r",
		"\r",
		"# out: +12025550000\r",
		"+1202555*,dno,feed-b,,2026-01-02T03:04:05Z,2026-03-04\r",
		"+12025559999,subscriber,,,,2026-03-04T12:00:00+01:00,\r",
		"+13035551234",
	)
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	want := []Row{
		{Line: 2, Pattern: "+12025551234", Why: Analytics, Source: "feed-a", Note: `called "me", twice`, Added: day(2026, 1, 2)},
		{Line: 5, Pattern: "+1202555*", Why: DNO, Source: "feed-b", Added: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Expires: day(2026, 3, 5)},
		{Line: 6, Pattern: "+12025559999", Why: Subscriber, Expires: time.Date(2026, 3, 4, 11, 0, 0, 0, time.UTC)},
		{Line: 7, Pattern: "+13035551234", Why: Analytics},
	}
	var got []Row
	for r := RowRef(1); int(r) <= l.Len(); r++ {
		got = append(got, l.Row(r))
		if l.WhyOf(r) != l.Row(r).Why {
			t.Errorf("row %d: WhyOf is %v", r, l.WhyOf(r))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	if len(findings) != 1 || !strings.Contains(findings[0].Error(), `column "score" is not read`) {
		t.Errorf("findings: %v", findings)
	}
	for _, r := range []RowRef{0, -1, 5} {
		if got := l.Row(r); got != (Row{}) {
			t.Errorf("row %d is %+v", r, got)
		}
	}
}

func TestListExpiry(t *testing.T) {
	l := mustList(t, listSpec{},
		"number,expires",
		"+12025551234,2026-03-03",
		"+1202555*,2026-03-04",
		"+12025551000-+12025551999,2026-03-04T12:00:00Z",
		"+1202*,",
	)
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tt := range []struct {
		at   string
		want int
	}{
		{"2026-03-03T23:59:59Z", 2},
		{"2026-03-04T00:00:00Z", 4},
		{"2026-03-04T11:59:59Z", 4},
		{"2026-03-04T12:00:00Z", 3},
		{"2026-03-04T23:59:59.999Z", 3},
		{"2026-03-05T00:30:00+01:00", 3},
		{"2026-03-05T00:00:00Z", 5},
	} {
		if got := l.Row(l.Find(global(t, "+12025551234"), at(tt.at))).Line; got != tt.want {
			t.Errorf("at %s line %d, want %d", tt.at, got, tt.want)
		}
	}
}

func TestListDuplicates(t *testing.T) {
	l, findings := listOf(t, listSpec{Country: "US"},
		"number,note,expires",
		"+12025551234,a,2026-01-01",
		"2025551234,b,",
		"(202) 555-1234,c,2027-01-01",
		"+1303*,a,2027-01-01",
		"303*,b,2026-01-01",
		"+14045550000-+14045550099,a,",
		"404-555-0000-404-555-0099,b,",
	)
	want := []string{"3: list \"spam\": the same as line 2", "4: list \"spam\": the same as line 3", "6: list \"spam\": the same as line 5", "8: list \"spam\": the same as line 7"}
	if len(findings) != len(want) {
		t.Fatalf("findings: %v", Diagnostics(findings))
	}
	for i, w := range want {
		if !strings.Contains(findings[i].Error(), w) {
			t.Errorf("finding %d is %v, want %s", i, findings[i], w)
		}
	}
	if l.Len() != 3 {
		t.Errorf("%d rows, want 3", l.Len())
	}
	for number, note := range map[string]string{"+12025551234": "b", "+13035551234": "a", "+14045550001": "a"} {
		if got := l.Row(l.Find(global(t, number), noon)).Note; got != note {
			t.Errorf("%s has note %q, want %q", number, got, note)
		}
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

// Each file of testdata/lists that has a .golden beside it is refused, or
// warned of, in these words.
func TestListFindings(t *testing.T) {
	t.Chdir("testdata/lists")
	files, err := filepath.Glob("*.csv")
	if err != nil || len(files) < 6 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			country, _, _ := strings.Cut(name, "-")
			if country == "xx" {
				country = ""
			}
			l, findings := loadList(listSpec{Name: "spam", File: name, Country: country, Pos: Position{"rules.yaml", 3, 5}})
			got := fmt.Sprintf("loaded: %v\n%s\n", l != nil, Diagnostics(findings).Error())
			golden := strings.TrimSuffix(name, ".csv") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListFaultsOfTheFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	packed := func(content string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(content))
		_ = w.Close()
		return b.String()
	}
	whole := packed(strings.Repeat("+12025551234\n", 1000))
	long := strings.Repeat("9", maxLine)
	for _, tt := range []struct {
		file string
		want []string
	}{
		{filepath.Join(dir, "missing.csv"), []string{`cannot be read: no such file or directory`}},
		{dir, []string{"is a directory"}},
		{os.DevNull, []string{"is no regular file"}},
		{write("a.csv.gz", "+12025551234\n"), []string{"is not gzip"}},
		{write("b.csv.gz", whole[:len(whole)-12]), []string{"cannot be read further: unexpected EOF"}},
		{write("nul.csv", "+12025551234\n+1202\x005551235\nalice\n"), []string{"nul.csv:2:6: list \"spam\": a NUL byte"}},
		{write("utf8.csv", "+12025551234\n# caf\xe9\n+1202555123\xff\n"), []string{"utf8.csv:2:6: list \"spam\": not UTF-8", "utf8.csv:3:12: list \"spam\": not UTF-8"}},
		{write("long.csv", "+12025551234\n"+long+long+"\nalice\n"), []string{"long.csv:2: list \"spam\": line of more than 65536 bytes", "long.csv:3:1: list \"spam\": \"alice\" is no telephone number"}},
		{write("cut.csv", "number,why\n+12025551234,dno\n+1202555"), []string{"cut.csv:3:9: list \"spam\": the last line has no end"}},
		{write("cutheader.csv", "number"), []string{"cutheader.csv:1:7: list \"spam\": the last line has no end"}},
		{write("cut.csv.gz", packed("+12025551234\n+12025551235")), []string{"cut.csv.gz:2:13: list \"spam\": the last line has no end"}},
		{write("comments.csv", "# none\n\n"), []string{"comments.csv: list \"spam\": the list is empty"}},
		{write("empty.csv.gz", packed("")), []string{"empty.csv.gz: list \"spam\": the list is empty"}},
		{write("longer.csv", long+long), []string{"longer.csv:1: list \"spam\": line of more than 65536 bytes"}},
	} {
		l, findings := loadList(listSpec{Name: "spam", File: tt.file, Pos: Position{"rules.yaml", 3, 5}})
		if l != nil {
			t.Errorf("%s was loaded", tt.file)
		}
		if len(findings) != len(tt.want) {
			t.Errorf("%s: %v, want %q", tt.file, Diagnostics(findings), tt.want)
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(findings[i].Error(), want) {
				t.Errorf("%s: %v, want %q", tt.file, findings[i], want)
			}
		}
	}
	if l, findings := loadList(listSpec{Name: "spam", File: write("good.gz", whole), Country: "US"}); l == nil || l.Len() != 1 || len(findings) != maxFindings+1 {
		t.Errorf("a gzipped list: %d findings", len(findings))
	}
}

// A list that may be empty is loaded without a word, cut off it is not.
func TestListMayBeEmpty(t *testing.T) {
	if l := mustList(t, listSpec{Empty: true}, "number,why"); l.Len() != 0 || l.Find(global(t, "+12025551234"), noon) != 0 {
		t.Errorf("%d rows of an empty list", l.Len())
	}
	rs := compiled(t, Settings{Country: "US"}, "rules.yaml", "lists:\n  spam: {file: spam.csv, empty: true}\n"+rulesOf(`{id: a, when: 'caller in list("spam")', block: dno}`), "spam.csv", "")
	if l := rs.Lists(); len(l) != 1 || l[0].Len() != 0 || len(rs.Warnings()) != 0 {
		t.Errorf("lists %v, warnings %v", l, rs.Warnings())
	}
	if l := mustList(t, listSpec{Empty: true}, "+12025551234"); l.Len() != 1 {
		t.Errorf("%d rows, want the one that there is", l.Len())
	}
	if l, findings := listOf(t, listSpec{Empty: true}, "+12025551234\n+1202555\x00"); l != nil || len(findings) != 1 {
		t.Errorf("a broken list that may be empty was loaded, findings %v", findings)
	}
	file := filepath.Join(t.TempDir(), "cut.csv")
	if err := os.WriteFile(file, []byte("number"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, findings := loadList(listSpec{Name: "spam", File: file, Empty: true}); l != nil || len(findings) != 1 {
		t.Errorf("a cut list that may be empty was loaded, findings %v", findings)
	}
}

func TestListTellsSoMuchAndNoMore(t *testing.T) {
	l, findings := listOf(t, listSpec{}, strings.Split(strings.Repeat("alice\n", 250), "\n")...)
	if l != nil || len(findings) != maxFindings+1 || findings[maxFindings].Message != "and 150 more" {
		t.Errorf("%d findings, the last is %v", len(findings), findings[len(findings)-1])
	}
}

// naive is a list as it is written: all rows in order, nothing indexed.
type naiveRow struct {
	entry   entry
	expires int64
}

func (r *naiveRow) covers(digits string) (uint64, bool) {
	key := value(values(digits))
	switch {
	case r.entry.number != 0:
		return 0, r.entry.number == key
	case r.entry.signs == "":
		return r.entry.to - r.entry.from + 1, r.entry.from <= key && key <= r.entry.to
	}
	signs := r.entry.signs
	if len(digits) < len(signs) || len(digits) > len(signs) && !r.entry.open {
		return 0, false
	}
	count := uint64(1)
	for i := range len(digits) {
		switch {
		case i >= len(signs) || signs[i] == 'X':
			count *= 10
		case signs[i] == 'N':
			if digits[i] < '2' {
				return 0, false
			}
			count *= 8
		case signs[i] != digits[i]:
			return 0, false
		}
	}
	return count, true
}

func findNaively(rows []naiveRow, digits string, at int64) int {
	best, fewest := 0, uint64(0)
	for i := range rows {
		count, ok := rows[i].covers(digits)
		if ok && (rows[i].expires == 0 || at < rows[i].expires) && (best == 0 || count < fewest) {
			best, fewest = i+1, count
		}
	}
	return best
}

// Find gives the row that a scan over all rows gives.
func TestListFindsAsAScanDoes(t *testing.T) {
	pairs := 0
	file := filepath.Join(t.TempDir(), "list.csv")
	digit := rapid.SampledFrom([]byte("122"))
	sign := rapid.SampledFrom([]byte("1122NX"))
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Custom(func(t *rapid.T) string {
			return "1" + string(rapid.SliceOfN(digit, 2, 7).Draw(t, "digits"))
		})
		text := rapid.Custom(func(t *rapid.T) string {
			switch rapid.IntRange(0, 3).Draw(t, "form") {
			case 0:
				return "+" + number.Draw(t, "number")
			case 1:
				return "+" + string(rapid.SliceOfN(digit, 1, 5).Draw(t, "prefix")) + "*"
			case 2:
				return "+1" + string(rapid.SliceOfN(sign, 1, 6).Draw(t, "pattern")) + rapid.SampledFrom([]string{"", "*"}).Draw(t, "open")
			}
			a, b := number.Draw(t, "from"), number.Draw(t, "to")
			b = (b + "11111111")[:len(a)]
			return "+" + min(a, b) + "-+" + max(a, b)
		})
		lines := []string{"number,expires"}
		var rows []naiveRow
		known := map[entry]bool{}
		loader := newListLoader(listSpec{})
		for _, s := range rapid.SliceOfN(text, 1, 40).Draw(t, "rows") {
			e, message, _ := loader.entry([]byte(s))
			if message != "" {
				t.Fatalf("%s: %s", s, message)
			}
			if known[e] {
				continue
			}
			known[e] = true
			row := naiveRow{entry: e}
			expires := ""
			if rapid.IntRange(0, 4).Draw(t, "lives") == 0 {
				hours := rapid.Int64Range(-2, 2).Draw(t, "hours")
				end := noon.Add(time.Duration(hours) * time.Hour)
				row.expires, expires = end.Unix(), end.Format(time.RFC3339)
			}
			rows = append(rows, row)
			lines = append(lines, s+","+expires)
		}
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		l, findings := loadList(listSpec{Name: "spam", File: file})
		if l == nil {
			t.Fatal(Diagnostics(findings))
		}
		numbers := rapid.SliceOfN(number, 150, 150).Draw(t, "numbers")
		for i := range rows {
			if d := rows[i].entry; d.from != 0 {
				numbers = append(numbers, Number{d.from}.String()[1:], Number{d.to}.String()[1:], Number{d.to + 1}.String()[1:])
			}
		}
		for _, s := range numbers {
			for hours := time.Duration(-3); hours <= 3; hours += 3 {
				at := noon.Add(hours * time.Hour)
				pairs += len(rows)
				got, want := l.Find(Number{value(values(s))}, at), findNaively(rows, s, at.Unix())
				if int(got) != want {
					t.Fatalf("%s at %v: row %d %q, a scan finds row %d", s, at, got, l.Row(got).Pattern, want)
				}
			}
		}
	})
	if !t.Failed() && pairs < 100_000 {
		t.Errorf("only %d pairs of row and number", pairs)
	}
}

func FuzzLoadList(f *testing.F) {
	for _, s := range []string{
		"", "+12025551234\n", "number,why,note\n+1202*,dno,\"a, b\"\n", "\ufeffnumber\r\n+12025551234\r\n", "+1202NXX*\n+12025550100-+12025550199\n",
		"number,expires\n+12025551234,2026-03-04\n", "a,b\n", "\"number\"\n\"", "+1\x00", "#\n\xff", "*", "+*", "-", "+-+", "+1-+2", "N", "0", "011*", "2025550100-2025550199",
		"192.0.2.0/24\n192.0.2.7\n", "2001:db8::/32\n::ffff:1.2.3.4\n::ffff:0:0/97\n", "1.2.3.4/1", ":", "...", "/", "1.2.3.", "fe80::1%a",
	} {
		f.Add([]byte(s))
	}
	us := plan(f, "US")
	f.Fuzz(func(t *testing.T, content []byte) {
		l := newListLoader(listSpec{Name: "fuzz", File: "fuzz.csv", Country: "US"})
		list, findings := l.load(bytes.NewReader(content))
		if list == nil {
			if len(findings) == 0 {
				t.Fatal("refused without a word")
			}
			for _, d := range findings {
				lines := bytes.Count(content, []byte("\n")) + 1
				if d.Message == "" || d.File != "fuzz.csv" || d.Line < 0 || d.Line > lines || d.Column < 0 {
					t.Fatalf("a finding that says nothing: %+v", d)
				}
			}
			return
		}
		for r := RowRef(1); int(r) <= list.Len(); r++ {
			row := list.Row(r)
			// What a row is shown as is what a list may hold, and means the same.
			e, message, _ := l.entry([]byte(row.Pattern))
			if message != "" || e.String() != row.Pattern {
				t.Fatalf("row %q is %q: %s", row.Pattern, e, message)
			}
			if n := us.Number(row.Pattern); n.Kind() == Global && row.Expires.IsZero() {
				if found := list.Find(n, noon); found != r {
					t.Fatalf("%s of row %d is found in row %d", n, r, found)
				}
			}
		}
	})
}
