package sidecar

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ringfence/rules"
)

// sizeUnits in bytes. Powers of 1000, and of 1024 with an i, as IEC 80000-13
// names them.
var sizeUnits = map[string]float64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
}

// parseSize reads a size in bytes: "64MB", "1.5 GiB", "4096".
func parseSize(s string) (int64, error) {
	digits, unit := split(s)
	factor, known := sizeUnits[strings.ToLower(unit)]
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known || v < 0 || v*factor > math.MaxInt64/2 {
		return 0, hinted{fmt.Sprintf("%q is no size", s), `write "64MB" or "1GiB"`}
	}
	return int64(v * factor), nil
}

// parseDuration reads a duration of at least zero: what Go reads, and whole
// days: "500ms", "1h30m", "30d".
func parseDuration(s string) (time.Duration, error) {
	if days, found := strings.CutSuffix(s, "d"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		if err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, hinted{fmt.Sprintf("%q is no duration", s), `write "500ms", "30s", "1h30m" or "30d"`}
	}
	return d, nil
}

// split parts a number from the unit behind it.
func split(s string) (digits, unit string) {
	s = strings.TrimSpace(s)
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// ParseInstant reads a time, or a duration back from now.
func ParseInstant(s string, now time.Time) (time.Time, error) {
	if d, err := parseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return at, nil
		}
	}
	return now, fmt.Errorf("%q is no time (write 24h, 7d, 2026-11-22 or 2026-11-22T03:00:00Z)", s)
}

// ParseNumber reads an E.164 number, or a national one of the country that the
// configuration names.
func (c *Config) ParseNumber(s string) (rules.Number, error) {
	n, err := rules.ParseNumber(s)
	if err == nil || c.Settings.Country == "" || strings.HasPrefix(strings.TrimSpace(s), "+") {
		return n, err
	}
	plan, fault := rules.NewPlan(c.Settings.Country, nil)
	if fault != nil {
		return n, err
	}
	if national := plan.Number(s); national.Kind() == rules.Global {
		return national, nil
	}
	return n, fmt.Errorf("%q is no number of %s, and not in global form as +12025550142", s, strings.ToUpper(c.Settings.Country))
}
