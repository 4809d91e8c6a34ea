package rules

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzBulk: of whatever a file holds, a list with a bulk is the list that one
// without is, and what the one refuses the other does.
func FuzzBulk(f *testing.F) {
	for _, s := range []string{
		"+12025551234\n+12025551235\n+12025551234\n", "+12025551234\n+1202555*\n+44207946\n", "number,note\n+12025551234,\n+12025551235,x\n+12025551235,\n",
		"number,expires\n+12025551234,2020-01-01\n+12025551234,\n+12025551235,\n", "note,number\nx,+12025551234\n,+12025551235\n", "\ufeffnumber\r\n+12025551234\r\n+12025551235\r\n",
		"+999999999999999\n+10\n+19999999999\n+20000000000\n", "+12025551234\n192.0.2.0/24\n2001:db8::7\n", "+12025551234\nalice\n", "+12025551234\n+12025551235", "2025551234\n(202) 555-1234\n",
		"+12025551230-+12025551239\n+12025551234\n+12025551235\n",
	} {
		f.Add([]byte(s))
	}
	spec := listSpec{Name: "fuzz", File: filepath.Join(f.TempDir(), "fuzz.csv"), Country: "US"}
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(spec.File, content, 0o600); err != nil {
			t.Fatal(err)
		}
		small, why := loadList(spec)
		large, because := loadListWith(spec, allBulk)
		if (large == nil) != (small == nil) {
			t.Fatalf("with a bulk %v, without %v", Diagnostics(because), Diagnostics(why))
		}
		if small == nil {
			if len(why) == 0 || len(because) == 0 || because[0].Error() != why[0].Error() {
				t.Fatalf("with a bulk %v, without %v", Diagnostics(because), Diagnostics(why))
			}
			return
		}
		if large.Len() != small.Len() {
			t.Fatalf("%d rows, without a bulk %d", large.Len(), small.Len())
		}
		for _, row := range small.rows {
			if row.key&rawBit != 0 {
				continue
			}
			for _, key := range []uint64{row.key - 1, row.key, row.key + 1} {
				for _, at := range []time.Time{noon, {}} {
					got, want := large.Row(large.Find(Number{key}, at)), small.Row(small.Find(Number{key}, at))
					if got.Line == 0 {
						want.Line = 0
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("+%d differs (-want +got):\n%s", key, diff)
					}
				}
			}
		}
	})
}
