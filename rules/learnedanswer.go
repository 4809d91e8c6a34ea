package rules

import (
	"fmt"
	"slices"
	"strings"
)

// Final statuses that say that the called number does not exist (RFC 3261
// §21.4.5, §21.4.11, §21.6.3), and that somebody wants no call of the caller's
// (RFC 8197).
var (
	missingCodes  = []int{404, 410, 604}
	unwantedCodes = []int{607}
)

// blockedCodes are answers by which a carrier says that it, or its subscriber,
// has blocked the call (603+, RFC 8688). They are reported to whom the number
// belongs and teach no block.
var blockedCodes = []int{603, 608}

// answerLearned refuses a block that would say on the wire what the upstreams
// that taught its list did not.
func (rs *Ruleset) answerLearned(c *compiler, decl *ruleDecl, when *condition, subject string) {
	if when == nil || decl.rule.Listed {
		return
	}
	why := decl.rule.Why
	test := when.unfit(func(c *condition) bool { return c.learnedFault(why) == "" })
	if test == nil {
		return
	}
	hint := "write block: analytics, or learn from what says so"
	switch why {
	case NotFound:
		hint = "learn from: callee, on: " + codeWords(missingCodes) + ", and ask for the callee"
	case Subscriber:
		hint = "learn from: caller, per: callee, on: " + codeWords(unwantedCodes)
	}
	c.d.at(decl.why, subject, fmt.Sprintf("blocks for %s by %s: %s", why, test.source, test.learnedFault(why)), hint)
}

// learnedFault says why a block cannot be for why by a learned list, empty when
// it can.
func (c *condition) learnedFault(why Why) string {
	spec := c.learned
	switch {
	case why == NotFound && c.reads[0].source != "callee":
		return "404 speaks of the called number"
	case why == NotFound && (spec.From != "callee" || !teachOnly(spec, missingCodes)):
		return "what teaches the list does not say that the called number is missing"
	case why == Subscriber && (spec.Per == "" || !teachOnly(spec, unwantedCodes)):
		return "what teaches the list does not say that this subscriber wants no call"
	}
	return ""
}

func teachOnly(spec *LearnSpec, codes []int) bool {
	return !slices.ContainsFunc(spec.On, func(code int) bool { return !slices.Contains(codes, code) })
}

func codeWords(codes []int) string {
	return strings.ReplaceAll(fmt.Sprint(codes), " ", ", ")
}

// unfit is a test of a learned list by which alone c can hold and which does not
// fit, nil for none.
func (c *condition) unfit(fits func(*condition) bool) *condition {
	switch c.op {
	case isTest:
		if c.learned != nil && !fits(c) {
			return c
		}
	case isAnd:
		var found *condition
		for _, p := range c.parts {
			if p.op == isTest && p.learned != nil && fits(p) {
				return nil
			}
			if one := p.unfit(fits); found == nil {
				found = one
			}
		}
		return found
	case isOr:
		for _, p := range c.parts {
			if one := p.unfit(fits); one != nil {
				return one
			}
		}
	}
	return nil
}
