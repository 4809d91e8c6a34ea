package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit is how many calls of a trunk a rule may stop within a time before it
// falls back to monitor there.
type Limit struct {
	Share  Share  // of the calls of the trunk; 0: Calls counts
	Calls  uint32 // calls
	Per    time.Duration
	window int // place of Per among the windows in which calls of trunks are counted; -1: they are not
}

// Bounds of a limit.
const (
	limitPerMin   = 10 * time.Second
	limitPerMax   = 24 * time.Hour
	limitCallsMax = 1_000_000

	// limitFree calls may be stopped within any time: two blocks in a quiet
	// hour are no share.
	limitFree = 5
	// limitBase is the least number of calls that a share is taken of.
	limitBase = 100
)

// limitForms are what a limit can say.
const limitForms = "as in 2% of trunk per 5m, or 50 per 1m"

// String is the limit as rule files write it.
func (l *Limit) String() string {
	if l.Share != 0 {
		return l.Share.String() + " of trunk per " + writeDuration(l.Per)
	}
	return strconv.Itoa(int(l.Calls)) + " per " + writeDuration(l.Per)
}

// parseLimit reads a limit; fault says what is wrong with it.
func parseLimit(text string) (l *Limit, fault string) {
	words := strings.Fields(text)
	l = &Limit{window: -1}
	ok := false
	switch {
	case len(words) == 5 && words[1] == "of" && words[2] == "trunk" && words[3] == "per":
		if l.Share, ok = parsePercent(words[0]); !ok {
			return nil, fmt.Sprintf("%q is no share of calls, from 0.1%% to 100%%", words[0])
		}
	case len(words) == 3 && words[1] == "per":
		n, err := strconv.ParseUint(words[0], 10, 32)
		if err != nil || n < 1 || n > limitCallsMax {
			return nil, fmt.Sprintf("%q is no number of calls, from 1 to %d", words[0], limitCallsMax)
		}
		l.Calls = uint32(n)
	default:
		return nil, fmt.Sprintf("%q is no limit", text)
	}
	per := words[len(words)-1]
	if l.Per, ok = parseDuration(per); !ok || l.Per < limitPerMin || l.Per > limitPerMax {
		return nil, fmt.Sprintf("per %s: a limit counts over 10s to 24h", per)
	}
	return l, ""
}

// writeDuration is d, of whole seconds, as rule files write it.
func writeDuration(d time.Duration) string {
	var b strings.Builder
	for _, unit := range [...]struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / unit.of; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
			d -= n * unit.of
		}
	}
	return b.String()
}

// allowed is how many calls may be stopped when the trunk had so many.
func (l *Limit) allowed(calls uint64) uint64 {
	if l.Share == 0 {
		return uint64(l.Calls)
	}
	return max(max(calls, limitBase)*uint64(l.Share)/uint64(wholeShare), limitFree)
}
