package rules

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestUnknownTrunks(t *testing.T) {
	e := running(t, Options{}, compiled(t, Settings{Trunks: []Trunk{testTrunk(t, "carrier", "192.0.2.0/24", true)}}, "rules.yaml", rulesOf("{id: a, when: withheld, block: dno}")))
	for _, name := range []string{"carrier", "carier", "", "carier", strings.Repeat("x", 100)} {
		c := testCall("+12122000000", "+12025550123")
		c.TrunkName = name
		decided(e, c)
	}
	if s := e.Stats(); s.UnknownTrunks != 3 || !slices.Equal(s.UnknownNames, []string{"carier", strings.Repeat("x", 64)}) {
		t.Errorf("%d calls, %q", s.UnknownTrunks, s.UnknownNames)
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 100 {
				e.unknownTrunks.count(fmt.Sprint("t", (i+j)%50))
			}
		})
	}
	all.Wait()
	names := e.Stats().UnknownNames
	if slices.Sort(names); len(names) != 16 || len(slices.Compact(names)) != 16 {
		t.Errorf("%q", names)
	}
}
