package rules

import (
	"fmt"
	"testing"
)

// Conditions that are nested alike are compared in bounded time: without a
// bound these would take years.
func TestComparisonIsBounded(t *testing.T) {
	when := func(last string) string {
		s := fmt.Sprintf("user_agent == %q", last)
		for range maxDepth/2 - 1 {
			s = fmt.Sprintf(`account == "a" or (domain == "d" and (%s))`, s)
		}
		return s
	}
	rs := compiled(t, Settings{Country: "US"}, "rules.yaml", rulesOf(
		"{id: a, when: '"+when("x")+"', block: subscriber}",
		"{id: b, when: '"+when("y")+"', block: subscriber}"))
	if len(rs.Warnings()) > 0 {
		t.Errorf("warnings: %v", rs.Warnings())
	}
}
