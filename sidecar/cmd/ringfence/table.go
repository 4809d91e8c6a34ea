package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table lays rows of tab-separated cells out in columns. A note below a row takes
// no part in that, where a line among the rows would end their columns.
type table struct {
	rows  bytes.Buffer
	notes map[int][]string // by how many lines come before them
}

func (t *table) Write(p []byte) (int, error) { return t.rows.Write(p) }

// note writes a line below the rows so far.
func (t *table) note(format string, a ...any) {
	if t.notes == nil {
		t.notes = map[int][]string{}
	}
	n := bytes.Count(t.rows.Bytes(), []byte{'\n'})
	t.notes[n] = append(t.notes[n], fmt.Sprintf(format, a...))
}

// print writes it all, without blanks at the ends of lines.
func (t *table) print(w io.Writer) error {
	var b bytes.Buffer
	columns := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = columns.Write(t.rows.Bytes()) // a buffer takes it
	_ = columns.Flush()
	var out strings.Builder
	n := 0
	for line := range strings.Lines(b.String()) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
		n++
		for _, note := range t.notes[n] {
			out.WriteString(note + "\n")
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}
