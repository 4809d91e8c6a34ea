package sidecar

import (
	"fmt"
	"math"
	"testing"
)

func TestDistinct(t *testing.T) {
	all := newDistincts(10_000)
	small, large := all.new(), all.new()
	for range 2 {
		for i := range 500 {
			small.add(fmt.Sprint("small", i))
		}
		for i := range 9_500 {
			large.add(fmt.Sprint(i))
		}
	}
	for _, d := range []struct {
		of   *distinct
		want uint64
	}{{small, 500}, {large, 9_500}} {
		if n, exact := d.of.count(); n != d.want || !exact {
			t.Errorf("%d, exact %t, want %d", n, exact, d.want)
		}
	}
	for i := range 300_000 {
		large.add(fmt.Sprint(i))
	}
	if n, exact := small.count(); n != 500 || !exact {
		t.Errorf("the small one is %d, exact %t", n, exact)
	}
	n, exact := large.count()
	// Between 4,750 and 9,500 hashes are held: five standard errors are 8.7 %.
	if off := math.Abs(float64(n)/300_000 - 1); exact || off > 0.087 {
		t.Errorf("%d of 300,000, exact %t", n, exact)
	}
	if all.held > all.room || all.held != len(small.kept)+len(large.kept) {
		t.Errorf("%d held of %d", all.held, all.room)
	}
}
