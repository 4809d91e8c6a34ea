package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	var rows table
	fmt.Fprint(&rows, "RULE\tMODE\tCALLS\na\tmonitor\t1\n")
	rows.note("  a long note on %s", "a")
	rows.note("  another")
	fmt.Fprint(&rows, "longer\tenforce\t\n\nLIST\tROWS\nspam\t3\n")
	rows.note("  the last")
	var out strings.Builder
	if err := rows.print(&out); err != nil {
		t.Fatal(err)
	}
	want := `RULE    MODE     CALLS
a       monitor  1
  a long note on a
  another
longer  enforce

LIST  ROWS
spam  3
  the last
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
