package rules

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Progress is told of loads that take a while, goes on over both readings of a
// large list, and ends at the end.
func TestProgressOfAFile(t *testing.T) {
	dir := writeFiles(t, "list.csv", strings.Repeat("+12025551234\n", 100_000))
	var told []ListProgress
	f, err := openList(listSpec{Name: "spam", File: filepath.Join(dir, "list.csv")}, listOptions{progress: func(p ListProgress) { told = append(told, p) }})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.passes = 2
	size := f.size()
	read := func() {
		if n, err := new(bytes.Buffer).ReadFrom(f); err != nil || n != size {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	read()
	if len(told) > 1 && time.Since(f.began) < progressEvery {
		t.Fatalf("told %d times of a short load", len(told))
	}
	told = nil
	f.next = time.Now().Add(-progressEvery)
	if err := f.rewind(); err != nil {
		t.Fatal(err)
	}
	read()
	f.done()
	if len(told) < 2 {
		t.Fatalf("told %v", told)
	}
	last := told[len(told)-1]
	if told[0].Done <= size || last != (ListProgress{"spam", filepath.Join(dir, "list.csv"), 2 * size, 2 * size}) {
		t.Errorf("told %v", told)
	}
	for i := 1; i < len(told); i++ {
		if told[i].Done < told[i-1].Done || told[i].Total != 2*size {
			t.Errorf("told %v", told)
		}
	}
}
