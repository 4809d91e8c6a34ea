package rules

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told are the findings of a report, without folders.
func told(r *ListReport) (all []string) {
	for _, f := range r.Findings {
		d := f.Diagnostic()
		d.File = filepath.Base(d.File)
		all = append(all, f.Kind+": "+strings.ReplaceAll(d.Error(), filepath.Dir(f.File)+"/", ""))
	}
	return append(all, r.Notes...)
}

func TestCheckLists(t *testing.T) {
	dir := writeFiles(t, "rules.yaml", lintedRules, "friends.csv", "+1303555*\n+12122000001\n",
		"hosts.csv", "192.0.2.0/24\n192.0.2.7\n192.0.2.0/24\n", "own.csv", "+12122000001\n",
		"spam.csv", "number,why,expires\n+12122000001,,\n+13035551234,,\n+12122000002,,2020-01-01\n+12122000005,,\n+1404*,,\n+12122000004,,\n+12122000005,,\n+1404555*,,\n+140455512XX,dno,\n+14045551111,,2099-01-01\n12,,\n",
		"dno.csv", "+1404555*\n+12122000004\n+12122000002\n", "more.csv", "+12122000004\n", "dialled.csv", "+12122000004\n",
		"alone.txt", "+12122000001\n+12122000001\n", "empty.txt", "# nothing\n")
	s := Settings{Country: "US", Redress: testRedress, Trunks: []Trunk{testTrunk(t, "carrier-a", "192.0.2.0/24", true), testTrunk(t, "pbx-acme", "198.51.100.0/24", false)}, Files: []string{filepath.Join(dir, "rules.yaml")}}
	for _, memory := range []int{0, 2} {
		report, err := CheckLists(s, nil, []string{filepath.Join(dir, "alone.txt"), filepath.Join(dir, "empty.txt"), filepath.Join(dir, "gone.txt")},
			ListCheckOptions{Now: testTime, Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/listcheck.golden", strings.ReplaceAll(strings.Join(told(report), "\n"), dir+"/", "")+"\n")
	}
	report, err := CheckLists(s, []string{"spam", "dno"}, nil, ListCheckOptions{Now: testTime})
	if err != nil || len(report.Lists) != 2 {
		t.Errorf("%v, %v", report, err)
	}
}

// Of a compiled list it is checked that it is whole.
func TestCheckCompiledLists(t *testing.T) {
	file := compile(t, mustList(t, listSpec{}, variety...))
	check := func() *ListReport {
		t.Helper()
		report, err := CheckLists(Settings{}, nil, []string{file}, ListCheckOptions{Now: testTime})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if got := check(); len(got.Findings) > 0 || got.Lists[0].Rows != int64(len(variety)-1) || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "is compiled and whole") {
		t.Errorf("%+v", got)
	}
	data := content(t, file)
	data[len(data)-1] ^= 1
	for name, broken := range map[string][]byte{"damaged": data, "cut": data[:60], "none": []byte("+12025551234\n")} {
		if err := os.WriteFile(file, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := check(); len(got.Findings) != 1 || got.Findings[0].Kind != ListMalformed || len(got.Notes) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Numbers that are sorted in files come in the same order as in memory, and
// every repeated one is told of.
func TestListSorter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var all []listedAt
	s := listSorter{bound: 100}
	for i := range 1017 {
		x := listedAt{uint64(random.IntN(300)), uint64(random.IntN(2)), uint64(random.IntN(3))<<lineBits | uint64(i)}
		all = append(all, x)
		if err := s.add(x); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(all, listedAt.compare)
	var got []listedAt
	if err := s.each(func(x listedAt) { got = append(got, x) }); err != nil {
		t.Fatal(err)
	}
	if len(s.runs) != 10 || !slices.Equal(got, all) {
		t.Errorf("%d runs, %d numbers of %d", len(s.runs), len(got), len(all))
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// Every duplicate of a random list is found, and nothing else.
func TestCheckListsPlainReading(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		var lines []string
		want, first := []string{}, map[string]int{}
		for i := range 120 {
			n := fmt.Sprintf("+1212300%04d", random.IntN(90))
			lines = append(lines, n)
			if at := first[n]; at != 0 {
				want = append(want, fmt.Sprintf("%d: %s is the same as line %d", i+1, n, at))
			}
			first[n] = i + 1
		}
		dir := writeFiles(t, "l.csv", strings.Join(lines, "\n")+"\n")
		report, err := CheckLists(Settings{}, nil, []string{filepath.Join(dir, "l.csv")}, ListCheckOptions{Now: time.Unix(0, 0), Memory: 64})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, f := range report.Findings {
			got = append(got, fmt.Sprintf("%d: %s", f.Line, f.Message))
		}
		if diff := cmp.Diff(want, got); diff != "" || report.Lists[0].Rows != 120 {
			t.Fatal(diff)
		}
	}
}
