package rules

import "fmt"

// Unindexed says why no index finds r, so that it is asked for every call: one
// reason for each of its conjuncts. It is empty when an index does.
func (r *Rule) Unindexed() (reasons []string) {
	if r.Indexed || r.Mode == Off {
		return nil
	}
	for _, part := range r.condition.conjuncts() {
		reasons = append(reasons, unindexed(part))
	}
	return reasons
}

// unindexed says why c has no keys.
func unindexed(c *condition) string {
	switch c.op {
	case isTrue:
		return "it matches every call"
	case isNot:
		return fmt.Sprintf("%s is a negation, which most calls meet", c.source)
	case isOr:
		for _, p := range c.parts {
			if _, ok := keysOf(p, func([]keyed) int { return 0 }); !ok {
				return "one side of an or: " + unindexed(p)
			}
		}
	case isAnd:
		return unindexed(c.parts[0])
	}
	if c.state != "" {
		return fmt.Sprintf("%s asks %s", c.source, c.state)
	}
	return fmt.Sprintf("%s looks into a text", c.source)
}
